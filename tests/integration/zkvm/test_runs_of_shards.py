"""Runs of several shards, proven in one or several processes, interrupted and taken up again (proof system, section 15)."""

from __future__ import annotations

import json
import multiprocessing
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu import default_device
from tests.unit.vm.assembler import (
    DATA,
    branch,
    call,
    constant,
    finish,
    immediate_form,
    load,
    program,
    random_program,
    store,
)
from tests.unit.vm.command import blindbook
from zk.errors import ExecutionError, TraceError, VerificationError, WorkerError
from zk.machine import verifier
from zk.shards import bundle, proving
from zk.shards.keys import ShardKeys, shard_keys
from zk.shards.plan import Plan, make_plan
from zk.shards.programs import KeyOptions, plan_program
from zk.shards.proving import RunProof, plan_run, prove_run
from zk.shards.verifier import verify_run
from zk.vm.elf import GuestProgram
from zk.vm.executor import execute
from zk.vm.guest import build_sample
from zk.vm.model import Model

LOG_ROWS = 14
NO_HINTS = np.zeros(0, np.uint32)


def _keys(guest: GuestProgram, coprocessors: tuple[str, ...] = ()) -> ShardKeys:
    return shard_keys(guest, "P2", coprocessors, default_device(), log_rows_max=LOG_ROWS)


def _plan(keys: ShardKeys) -> Plan:
    return plan_run(keys, NO_HINTS, shard_cycles=200)


@pytest.fixture(scope="module")
def keys() -> ShardKeys:
    return _keys(random_program(random.Random(8), 250))


@pytest.fixture(scope="module")
def run(keys: ShardKeys) -> RunProof:
    return prove_run(keys, _plan(keys), default_device())


def test_run_of_several_shards_is_the_run_of_the_program(keys: ShardKeys, run: RunProof) -> None:
    execution = execute(keys.program, record=False)
    result = verify_run(keys.verifying, run.proof, allow_failure=True)
    assert run.shards > 2
    assert (result.cycles, result.exit_code) == (execution.cycles, execution.exit_code)
    assert result.outputs == execution.outputs.tolist()
    assert keys.verifying.security_bits() >= 100


def test_proof_does_not_depend_on_the_number_of_processes(keys: ShardKeys, run: RunProof, tmp_path: Path) -> None:
    seen: list[str] = []
    again = prove_run(
        keys,
        _plan(keys),
        default_device(),
        lambda stage, done: seen.append(stage),
        jobs=2,
        folder=tmp_path,
    )
    assert again.proof == run.proof
    expected = {"boundary", "shards", "memory", *(f"shard {n}/{run.shards}" for n in range(1, run.shards + 1))}
    assert set(seen) == expected
    assert len(list(tmp_path.glob("part-*.proof"))) == run.shards + 1


def test_interrupted_run_goes_on_where_it_stopped(
    keys: ShardKeys, run: RunProof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven: list[int] = []
    from zk.shards import pool

    original = pool.prove_part

    def counted(keys: ShardKeys, part: proving.Part, *further: object) -> proving.PartProof:
        if len(proven) == 2:
            raise KeyboardInterrupt
        proven.append(part.number)
        return original(keys, part, *further)  # type: ignore[arg-type]

    monkeypatch.setattr(pool, "prove_part", counted)
    with pytest.raises(KeyboardInterrupt):
        prove_run(keys, _plan(keys), default_device(), folder=tmp_path)
    assert proven == [0, 1]
    broken = next(tmp_path.glob("part-00001-*"))
    broken.write_bytes(broken.read_bytes()[:-1] + b"\0")
    proven.clear()
    proven.extend([-1])  # so that no further interruption comes before everything is done
    monkeypatch.setattr(
        pool, "prove_part", lambda keys, part, *further: proven.append(part.number) or original(keys, part, *further)
    )
    again = prove_run(keys, _plan(keys), default_device(), folder=tmp_path)
    assert proven[1:] == list(range(1, run.shards + 1)), "a damaged part is made again, a good one is taken"
    assert again.proof == run.proof


def test_every_kind_of_field_of_a_run_matters(keys: ShardKeys, run: RunProof, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the last field of each kind that only runs have, with one bit changed."""
    fields: dict[str, list[int]] = {}

    class Recording(bundle.ProofReader):
        def raw(self, count: int, field: str) -> bytes:
            kind = "".join(c for c in field if not c.isdigit())
            if count:
                fields.setdefault(kind, []).append(self._position)
            return super().raw(count, field)

    inner: dict[str, list[int]] = {}

    class RecordingInner(verifier.ProofReader):
        def raw(self, count: int, field: str) -> bytes:
            if count and field.startswith(("global.", "linear.")):
                kind = "".join(c for c in field if not c.isdigit())
                inner.setdefault(kind, []).append(self._position)
            return super().raw(count, field)

    with monkeypatch.context() as patch:
        patch.setattr(bundle, "ProofReader", Recording)
        patch.setattr(verifier, "ProofReader", RecordingInner)
        verify_run(keys.verifying, run.proof, allow_failure=True)
    first_proof = fields["proof "][0]
    positions = {
        position for kind, places in fields.items() if kind != "proof " for position in (places[0], places[-1])
    }
    positions |= {first_proof + places[0] for places in inner.values()}  # all of the memory's proof
    assert len(positions) > 15
    for position in sorted(positions):
        changed = bytearray(run.proof)
        changed[position] ^= 1
        with pytest.raises(VerificationError):
            verify_run(keys.verifying, bytes(changed), allow_failure=True)
    for data in (run.proof[:-1], run.proof + b"\0", run.proof[:200], b""):
        with pytest.raises(VerificationError):
            verify_run(keys.verifying, data, allow_failure=True)


def test_run_of_another_program_is_refused(run: RunProof) -> None:
    other = _keys(random_program(random.Random(9), 250))
    with pytest.raises(VerificationError):
        verify_run(other.verifying, run.proof, allow_failure=True)


def test_coprocessor_calls_and_hints_cross_shards() -> None:
    """A permutation on words that an earlier shard wrote, hints in every shard."""
    words = constant(30, DATA)
    for index in range(16):
        words += [*call(1), store("sw", 10, 30, 4 * index)]
    words += call(3, DATA, 0, 0)
    words += [load("lw", 6, 30, 0), immediate_form("addi", 6, 6, 1)]
    guest = program([*words, *call(3, DATA, 0, 0), *finish()])
    hints = np.arange(1, 17, dtype=np.uint32)
    keys = _keys(guest, ("P2",))
    proven = prove_run(keys, plan_run(keys, hints, shard_cycles=30), default_device())
    assert proven.shards > 4
    assert verify_run(keys.verifying, proven.proof).cycles == execute(guest, hints, record=False).cycles


def test_killed_process_is_a_named_error(keys: ShardKeys, tmp_path: Path) -> None:
    """As where the system runs out of memory: no hang, and the finished parts stay."""
    killed: list[int] = []

    def kill(stage: str, done: float) -> None:
        if stage.startswith("shard ") and not killed:
            for child in multiprocessing.active_children():
                killed.append(child.pid or 0)
                child.kill()

    with pytest.raises(WorkerError, match="a prover process ended early"):
        prove_run(keys, _plan(keys), default_device(), kill, jobs=2, folder=tmp_path)
    assert killed


def test_run_for_the_contract_is_one_proof_as_long_as_it_can_be() -> None:
    """1.2 M cycles: two shards, but one proof under K, which the contract takes."""
    loop = [immediate_form("addi", 5, 5, -1), branch("bne", 5, 0, -4)]
    guest = program([*constant(5, 600_000), *loop, *finish()])
    shards = {config: plan_program(guest, NO_HINTS, KeyOptions(config, ())).shards for config in ("P2", "K", "KA")}
    assert {config: len(found) for config, found in shards.items()} == {"P2": 2, "K": 1, "KA": 2}


def test_shard_ends_early_where_coprocessors_made_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from zk.shards import plan

    guest = program([*call(3, DATA, 0, 0), *call(3, DATA, 0, 0), *finish()])
    chips = _keys(guest, ("P2",)).shard.machine.chips
    monkeypatch.setattr(plan, "COPROCESSOR_CELLS_MAX", 280)
    shards = make_plan(guest, chips, NO_HINTS, coprocessors=("P2",)).shards
    assert [shard.rows.get("P2", 0) for shard in shards] == [1, 1, 0]


@pytest.mark.parametrize("seed", range(6))
def test_plan_hands_the_right_words_from_shard_to_shard(seed: int) -> None:
    """Every shard starts from what an independent model has at that time."""
    rng = random.Random(seed)
    guest = random_program(rng, 300)
    plan = plan_run(_keys(guest), NO_HINTS, shard_cycles=rng.choice((7, 50, 131)))
    code = zip(guest.instruction_addresses.tolist(), guest.instruction_words.tolist(), strict=True)
    data = zip(guest.image_addresses.tolist(), guest.image_values.tolist(), strict=True)
    model = Model.from_words(code, data, guest.entry)
    for shard in plan.shards:
        assert model.pc == shard.ends.pc_start
        assert model.registers == shard.registers[:32].tolist(), f"shard {shard.number}, seed {seed}"
        _assert_words(model, shard.touched.addresses, shard.touched.first)
        for _ in range(shard.ends.cycles):
            model.step()
        _assert_words(model, shard.touched.addresses, shard.touched.last)
    assert model.exit_code == plan.shards[-1].ends.exit_code


def _assert_words(model: Model, addresses: np.ndarray, values: np.ndarray) -> None:
    for address, value in zip(addresses.tolist(), values.tolist(), strict=True):
        if address < 1 << 30:
            assert model.word_at(address) == value, hex(address)


def test_limits_of_a_run() -> None:
    guest = random_program(random.Random(1), 50)
    keys = _keys(guest)
    with pytest.raises(ExecutionError, match="no HALT within the limit of 40 cycles"):
        plan_run(keys, NO_HINTS, shard_cycles=16, max_cycles=40)
    with pytest.raises(ValueError, match="shard_cycles"):
        plan_run(keys, NO_HINTS, shard_cycles=0)
    with pytest.MonkeyPatch.context() as patch:
        from zk.shards import plan

        patch.setattr(plan, "SHARD_NUMBER_MAX", 3)
        with pytest.raises(TraceError, match="more than 3 shards"):
            plan_run(keys, NO_HINTS, shard_cycles=16)


def test_command_line_splits_and_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A long run is proven in shards; the same commands serve runs of either length."""
    build_sample("fibonacci", tmp_path / "guest.elf")
    arguments = [str(tmp_path / "guest.elf"), "--log-rows", "14", "--json"]
    proof = tmp_path / "guest.proof"
    status, proven = _blindbook(
        capsys, "prove", *arguments, "-o", str(proof), "--hint", "100", "--shard-cycles", "300", "--jobs", "2"
    )
    assert status == 0 and proven["shards"] > 1 and proven["security_bits"] >= 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["guest.elf", "guest.proof"]
    status, verified = _blindbook(capsys, "verify", *arguments[:1], str(proof), *arguments[1:])
    assert status == 0
    assert {name: verified[name] for name in ("accepted", "cycles", "shards", "vk_digest")} == {
        "accepted": True,
        **{name: proven[name] for name in ("cycles", "shards", "vk_digest")},
    }
    changed = bytearray(proof.read_bytes())
    changed[-1] ^= 1
    proof.write_bytes(changed)
    status, refused = _blindbook(capsys, "verify", *arguments[:1], str(proof), *arguments[1:])
    assert (status, refused["error"]["type"]) == (1, "FinalIdentityError")


def _blindbook(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status, out, _ = blindbook(capsys, "zkvm", *arguments)
    return status, json.loads(out)
