"""The batch guest, built once, and recorded batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from matching.batch import GUEST_INCLUDE, GUEST_SOURCES, BatchInput
from tests.integration.batch.recorded import BatchPlayer, RecordedBatch
from zk.vm.elf import GuestProgram, load_elf
from zk.vm.guest import build_guest


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> GuestProgram:
    elf: Path = build_guest(
        list(GUEST_SOURCES), tmp_path_factory.mktemp("guest") / "batch.elf", include=list(GUEST_INCLUDE)
    )
    return load_elf(elf.read_bytes())


@pytest.fixture(scope="session")
def mixed() -> RecordedBatch:
    return BatchPlayer(seed=3).mixed_batch(priority_prefix=bytes(range(32)))


@pytest.fixture(scope="session")
def mixed_input(mixed: RecordedBatch) -> BatchInput:
    return mixed.build()
