"""Public values of shards and of their memory: what no honest prover states is refused before anything else (section 14)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.unit.vm.assembler import finish, program
from zk.air.chip import Machine
from zk.errors import SetupError
from zk.field import P
from zk.shards import keys as keys_module
from zk.shards.keys import shard_keys
from zk.shards.machine import (
    CLK_END,
    EXIT_HI,
    EXIT_LO,
    HALTED,
    OUTPUTS,
    PC_END,
    PC_START,
    SHARD_VALUE_COUNT,
    ShardEnds,
    memory_machine,
    shard_machine,
)

RUNNING = ShardEnds(0x1000, 0x2000, 5, False, 0, {3: 0xFFFFFFFF}).encode()
HALTING = ShardEnds(0x1000, 0, (1 << 22) - 1, True, 0xFFFFFFFF, {}).encode()


def _machines() -> tuple[Machine, Machine]:
    guest = program(finish())
    return shard_machine(guest, ())[0], memory_machine(guest)[0]


def _changed(values: Sequence[int], **changes: int) -> list[int]:
    result = list(values)
    for name, value in changes.items():
        result[int(name.removeprefix("at"))] = value
    return result


@pytest.mark.parametrize("values", [RUNNING, HALTING])
def test_values_at_their_bounds_are_admitted(values: list[int]) -> None:
    assert len(values) == SHARD_VALUE_COUNT
    _machines()[0].check_public_values(values)
    assert ShardEnds.decode(values).encode() == values


@pytest.mark.parametrize(
    "values",
    [
        RUNNING[:-1],
        [*RUNNING, 0],
        *(_changed(RUNNING, **{f"at{PC_START}": pc}) for pc in (-1, 1 << 30)),
        *(_changed(RUNNING, **{f"at{PC_END}": pc}) for pc in (-1, 1 << 30, 0)),
        _changed(HALTING, **{f"at{PC_END}": 4}),
        *(_changed(RUNNING, **{f"at{CLK_END}": clk}) for clk in (-1, (1 << 22) + 1)),
        *(_changed(HALTING, **{f"at{HALTED}": flag}) for flag in (-1, 2)),
        *(_changed(HALTING, **{f"at{EXIT_LO}": limb}) for limb in (-1, 1 << 16)),
        *(_changed(HALTING, **{f"at{EXIT_HI}": limb}) for limb in (-1, 1 << 16)),
        _changed(RUNNING, **{f"at{EXIT_LO}": 1}),
        _changed(RUNNING, **{f"at{EXIT_HI}": 1}),
        *(_changed(RUNNING, **{f"at{OUTPUTS + 9}": flag}) for flag in (-1, 2)),
        *(_changed(RUNNING, **{f"at{OUTPUTS + 10}": limb}) for limb in (-1, 1 << 16)),
        *(_changed(RUNNING, **{f"at{OUTPUTS + 11}": limb}) for limb in (-1, 1 << 16)),
        _changed(RUNNING, **{f"at{OUTPUTS + 1}": 1}),
        _changed(RUNNING, **{f"at{OUTPUTS + 2}": 1}),
    ],
)
def test_impossible_values_of_a_shard_are_refused(values: list[int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        _machines()[0].check_public_values(values)


def test_highest_clock_is_admitted() -> None:
    _machines()[0].check_public_values(_changed(HALTING, **{f"at{CLK_END}": 1 << 22}))


@pytest.mark.parametrize("values", [[], [1, 2], [-1], [P]])
def test_impossible_values_of_the_memory_are_refused(values: list[int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        _machines()[1].check_public_values(values)


@pytest.mark.parametrize("value", [0, P - 1])
def test_values_of_the_memory_at_their_bounds_are_admitted(value: int) -> None:
    _machines()[1].check_public_values([value])


def test_keys_of_runs_below_the_security_level_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = program(finish())
    monkeypatch.setattr(keys_module, "SECURITY_BITS", 101)
    with pytest.raises(SetupError, match="runs of several shards: expected at least 101 bits"):
        shard_keys(guest, "P2", (), log_rows_max=14)
