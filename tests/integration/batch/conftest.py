"""The batch guest, built once, and recorded batches."""

from __future__ import annotations

import pytest

from matching.batch import BatchInput
from tests.integration.batch.recorded import BatchPlayer, RecordedBatch
from zk.service.programs import build_batch_guest
from zk.vm.elf import GuestProgram, read_elf


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> GuestProgram:
    return read_elf(build_batch_guest(tmp_path_factory.mktemp("guest") / "batch.elf"))


@pytest.fixture(scope="session")
def mixed() -> RecordedBatch:
    return BatchPlayer(seed=3).mixed_batch(priority_prefix=bytes(range(32)))


@pytest.fixture(scope="session")
def mixed_input(mixed: RecordedBatch) -> BatchInput:
    return mixed.build()
