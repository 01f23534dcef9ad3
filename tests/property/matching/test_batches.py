"""Random batches live, recorded and replayed from their witness: equal roots and public inputs (I13), model and core."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from matching import _core
from matching.batch import BatchRefused, QueueEntry, build_batch_input, run_batch
from matching.codec import L1_KINDS, BatchClose, BatchOpen, CommandKind, decode_command
from matching.engine import Engine
from matching.errors import CoreHalted
from matching.spec.batch import SettlementModel
from matching.spec.machine import Model
from matching.spec.queue import QueueEntry as ModelEntry
from tests.property.matching.flow import Flow
from tests.spec.venue import FEE_OWNER, FUND_OWNER

CHAIN_ID, EXCHANGE, SENDER = 31_337, b"\x0e" * 20, b"\x5e" * 20


def new_model() -> Model:
    return Model(FUND_OWNER, FEE_OWNER, permutation=lambda state: list(_core.permute(state)))


@dataclass
class Tape:
    """Commands of a random run that did not halt, batch by batch (whole batches only)."""

    batches: list[list[bytes]] = field(default_factory=list)

    @classmethod
    def record(cls, seed: int, commands: int) -> Tape:
        model, tape, batch = new_model(), cls(), []
        flow = Flow(seed, model)
        steps = iter(flow.opening())
        for _ in range(commands):
            data = (next(steps, None) or flow.next()).encode(model.state)
            try:
                model.apply(data)
            except CoreHalted:
                continue
            batch.append(data)
            if data[0] == CommandKind.BATCH_CLOSE:
                tape.batches.append(batch)
                batch = []
        return tape


def is_request(command: bytes) -> bool:
    return int.from_bytes(command[:2], "little") in L1_KINDS


@pytest.mark.parametrize("seed", [3, 42, 47])
def test_live_recording_and_replaying_runs_agree_with_the_model(seed: int) -> None:
    tape = Tape.record(seed, 500)
    assert len(tape.batches) >= 3
    live, recording = (Engine(FUND_OWNER, FEE_OWNER) for _ in range(2))
    settlement, prefix = SettlementModel(new_model(), CHAIN_ID, EXCHANGE), bytes(32)
    for batch in tape.batches:
        assert isinstance(decode_command(batch[0]).body, BatchOpen)
        assert isinstance(decode_command(batch[-1]).body, BatchClose)
        times = [7 + i for i in range(sum(map(is_request, batch)))]
        recording.start_recording()
        for command in batch:
            assert live.apply(command) == recording.apply(command)
        witness = recording.take_witness()
        queue = [QueueEntry(SENDER, time) for time in times]
        replayed = build_batch_input(witness, batch, queue, CHAIN_ID, EXCHANGE, prefix)
        mine = settlement.run_batch(batch, [ModelEntry(SENDER, time) for time in times])
        assert live.state_root() == witness.closing_root == mine.public_inputs.new_root
        assert witness.opening_root == mine.public_inputs.previous_root
        assert replayed.public_inputs == mine.public_inputs.encode()
        assert replayed.public_inputs_hash == mine.public_inputs.digest
        prefix = settlement.priority_hash
        live = Engine.restore(live.snapshot())


def test_replaying_a_damaged_witness_never_gives_a_valid_result() -> None:
    batch = Tape.record(42, 500).batches[0]
    engine = Engine(FUND_OWNER, FEE_OWNER)
    engine.start_recording()
    for command in batch:
        engine.apply(command)
    queue = [QueueEntry(SENDER, 7)] * sum(map(is_request, batch))
    proven = build_batch_input(engine.take_witness(), batch, queue, CHAIN_ID, EXCHANGE)
    hints = proven.hints.tobytes()
    pages = range(4 * (2 + 5 + 8), 4 * (2 + 5 + 8 + 8) + 400, 37)  # opening root and first pages
    for at in pages:
        damaged = bytearray(hints)
        damaged[at] ^= 1
        with pytest.raises(BatchRefused):
            run_batch(bytes(damaged))
