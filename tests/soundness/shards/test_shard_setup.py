"""Setup and generator refuse boundary chips that the argument across shards does not cover, and files are told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.vm.assembler import finish, program
from zk.air.chip import Bus, Chip, Machine
from zk.air.expression import Expr
from zk.air.rules import check_chip, check_chips
from zk.errors import AirError, SetupError
from zk.machine.keys import VerifyingKey, chip_keys
from zk.shards import keys as keys_module
from zk.shards import machine as machine_module
from zk.shards.bundle import MAGIC, is_bundle
from zk.shards.keys import shard_keys
from zk.shards.machine import shard_machine

LOCAL = Bus(1, "LOCAL", 1, "permutation")
SHARED = Bus(2, "SHARED", 1, "permutation")
TABLE = Bus(3, "TABLE", 1, "lookup")


def _chip(
    *, boundary: bool = True, optional: bool = False, shared: Bus | None = SHARED
) -> tuple[Chip, dict[str, Expr]]:
    chip = Chip("END", boundary=boundary, optional=optional)
    c = chip.declare(("sel", "x"), selectors=("sel",))
    chip.constrain("sel is boolean", c["sel"] * (c["sel"] - 1))
    chip.send(LOCAL, c["sel"], c["x"])
    if shared is not None:
        chip.send_global(shared, c["sel"], c["x"])
    return chip, c


def _machine(chip: Chip) -> Machine:
    return Machine("small", (chip,), (LOCAL, SHARED), 0, lambda values: [], lambda values: None)


def test_proper_boundary_chip_is_accepted() -> None:
    chip, _ = _chip()
    check_chips((chip,), (LOCAL, SHARED))
    (key,) = chip_keys(_machine(chip))
    assert key.boundary and key.global_program is not None


def test_chip_without_a_boundary_may_be_optional() -> None:
    chip, _ = _chip(boundary=False, optional=True, shared=None)
    assert not chip_keys(_machine(chip))[0].boundary


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optional": True}, "mandatory"),
        ({"shared": None}, "demand each other"),
        ({"boundary": False}, "demand each other"),
    ],
)
def test_setup_refuses(changes: dict[str, object], message: str) -> None:
    chip, _ = _chip(**changes)  # type: ignore[arg-type]
    with pytest.raises(SetupError, match=message):
        chip_keys(_machine(chip))


def test_setup_checks_the_form_of_global_interactions() -> None:
    chip, c = _chip()
    chip.send_global(SHARED, c["sel"], c["x"] * c["x"])
    with pytest.raises(SetupError, match="affine"):
        chip_keys(_machine(chip))


def test_generator_refuses_global_interactions_without_boundary() -> None:
    chip, _ = _chip(boundary=False)
    with pytest.raises(AirError, match="global interactions need boundary columns"):
        check_chip(chip)


def test_generator_refuses_a_bus_within_and_across_shards() -> None:
    chip, _ = _chip(shared=LOCAL)
    with pytest.raises(AirError, match="within a proof and across shards"):
        check_chips((chip,), (LOCAL, SHARED))


def test_generator_refuses_a_lookup_across_shards() -> None:
    chip, _ = _chip(shared=TABLE)
    provider = Chip("TABLE", height_log_min=4, height_log_max=4, optional=False)
    c = provider.declare(("m",), virtual=("IDX",))
    provider.receive(LOCAL, 0, c["IDX"])
    provider.boundary = True
    provider.receive_global(TABLE, c["m"], c["IDX"])
    with pytest.raises(AirError, match="lookup buses"):
        check_chips((chip, provider), (LOCAL, TABLE))


def test_program_that_starts_at_no_instruction_is_refused() -> None:
    guest = replace(program(finish()), entry=0x10)
    with pytest.raises(SetupError, match="entry"):
        shard_machine(guest, ())


def test_chips_of_the_memory_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "build_gzero", lambda: _chip(boundary=False)[0])
    with pytest.raises(AirError):
        machine_module._memory_chips.__wrapped__(49)


def test_single_proofs_and_runs_are_told_apart() -> None:
    assert is_bundle(MAGIC + bytes(8))
    assert not is_bundle(b"bbzk" + bytes(8))


def test_security_level_itself_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = program(finish())
    bits = shard_keys(guest, "P2", (), log_rows_max=14).verifying.security_bits()
    monkeypatch.setattr(keys_module, "SECURITY_BITS", bits)
    shard_keys(guest, "P2", (), log_rows_max=14)


def test_key_without_boundary_chips_is_none_of_shards() -> None:
    def flag(key: VerifyingKey) -> bool:
        return key.is_sharded

    keys = shard_keys(program(finish()), "P2", (), log_rows_max=14)
    assert flag(keys.shard.verifying) and flag(keys.memory.verifying)
    plain = replace(keys.shard.verifying, chips=tuple(c for c in keys.shard.verifying.chips if not c.boundary))
    assert not flag(plain)
    assert np.all([chip.boundary for chip in keys.shard.verifying.chips if chip.global_program is not None])
