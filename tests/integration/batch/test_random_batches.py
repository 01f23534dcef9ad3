"""Random batches of every kind of command: the machine computes what the engine computed."""

from __future__ import annotations

import pytest

from matching.batch import QueueEntry, build_batch_input, is_from_queue
from matching.engine import Engine
from tests.integration.batch.recorded import CHAIN_ID, EXCHANGE, TIMESTAMP
from tests.property.matching.test_batches import Tape
from tests.spec.venue import FEE_OWNER, FUND_OWNER
from zk.vm.elf import GuestProgram
from zk.vm.executor import execute


@pytest.mark.parametrize("seed", [3, 101, 102])
def test_guest_engine_and_host_agree_on_random_batches(guest: GuestProgram, seed: int) -> None:
    print(f"seed {seed}")
    tape, engine, prefix = Tape.record(seed, 400), Engine(FUND_OWNER, FEE_OWNER), bytes(32)
    assert tape.batches
    for commands in tape.batches:
        engine.start_recording()
        for command in commands:
            engine.apply(command)
        witness = engine.take_witness()
        queue = [QueueEntry(b"\x5e" * 20, TIMESTAMP) for command in commands if is_from_queue(command)]
        built = build_batch_input(witness, commands, queue, CHAIN_ID, EXCHANGE, prefix)
        prefix = built.public_inputs[200:232]
        assert (built.public_inputs[48:80], built.public_inputs[80:112]) == (witness.opening_root, witness.closing_root)
        run = execute(guest, built.hints, 1 << 28, record=False)
        assert (run.exit_code, run.output_bytes) == (0, built.public_inputs_hash + bytes(32))
