"""The journal keeps what was acknowledged, cuts what was not, and refuses what is damaged."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from exchange.errors import DiskFault, DiskFull, FolderLocked, JournalCorrupt, WrongKey
from exchange.storage.journal import FolderLock, Journal, SystemDisk, create_master_key, read_master_key
from exchange.storage.layout import PAGE_BYTES, Record, RecordKind, Source

MASTER = bytes(range(32))
GENESIS = b"g" * 32
SECRET = b"a-very-recognisable-order-payload"


def record(payload: bytes) -> Record:
    return Record(RecordKind.COMMAND, Source.USER, 17, payload)


def write(folder: Path, payloads: Iterable[bytes], segment_bytes: int = 64 << 10, *, clean: bool = True) -> Journal:
    journal = Journal(folder, MASTER, GENESIS, segment_bytes)
    seq = sum(group.header.count for group in journal.replay()) + 1
    journal.start(seq)
    for payload in payloads:
        journal.append([record(payload)], seq, 1, 5, bytes(32))
        seq += 1
    if clean:
        journal.close()
    else:
        os.close(journal._fd)
    return journal


def read(folder: Path, master: bytes = MASTER, genesis: bytes = GENESIS) -> list[bytes]:
    return [r.payload for group in Journal(folder, master, genesis).replay() for r in group.records]


def only_segment(folder: Path) -> Path:
    (path,) = folder.glob("*.journal")
    return path


def test_groups_come_back_in_order_over_several_starts(tmp_path: Path) -> None:
    write(tmp_path, [b"1", b"2"])
    second = write(tmp_path, [b"3"], clean=False)
    assert second.epoch == 2
    assert read(tmp_path) == [b"1", b"2", b"3"]


def test_nothing_written_can_be_read_without_the_key(tmp_path: Path) -> None:
    write(tmp_path, [SECRET])
    assert SECRET not in only_segment(tmp_path).read_bytes()


def test_every_group_starts_on_a_page_boundary(tmp_path: Path) -> None:
    write(tmp_path, [b"x" * 5000, b"y"])
    assert only_segment(tmp_path).stat().st_size == PAGE_BYTES + 2 * PAGE_BYTES + PAGE_BYTES


def test_a_full_segment_is_followed_by_the_next_one(tmp_path: Path) -> None:
    payloads = [bytes([i]) * 3000 for i in range(40)]
    write(tmp_path, payloads)
    assert len(list(tmp_path.glob("*.journal"))) > 1
    assert read(tmp_path) == payloads


@pytest.mark.parametrize("kept_bytes", [0, 512, 1024, 4096, 4096 + 512])
def test_torn_last_group_is_cut_and_the_journal_goes_on(tmp_path: Path, kept_bytes: int) -> None:
    write(tmp_path, [b"first"])
    size = only_segment(tmp_path).stat().st_size
    torn = tmp_path / "torn"
    torn.mkdir()
    write(torn, [b"first", b"t" * 6000], clean=False)
    path = only_segment(torn)
    data = bytearray(path.read_bytes())
    data[size + kept_bytes :] = bytes(len(data) - size - kept_bytes)
    path.write_bytes(data)
    assert read(torn) == [b"first"]
    write(torn, [b"second"])
    assert read(torn) == [b"first", b"second"]


def test_any_single_bit_flip_is_refused_even_in_the_last_group(tmp_path: Path) -> None:
    write(tmp_path, [b"first", b"second" * 100, b"last"])
    path = only_segment(tmp_path)
    good = path.read_bytes()
    seed = 20261122
    print("seed", seed)
    rng = random.Random(seed)
    # The zero padding of the segment header is covered by its page check, everything else by checksum, tag or padding rule.
    for position in [0, 9, 30, 150, 4000, PAGE_BYTES, PAGE_BYTES + 8] + [rng.randrange(len(good)) for _ in range(150)]:
        bad = bytearray(good)
        bad[position] ^= 1 << rng.randrange(8)
        path.write_bytes(bad)
        with pytest.raises((JournalCorrupt, WrongKey)):
            read(tmp_path)
    path.write_bytes(good)
    assert len(read(tmp_path)) == 3


def test_damage_before_a_later_good_group_is_never_taken_for_a_torn_tail(tmp_path: Path) -> None:
    write(tmp_path, [b"first", b"second", b"third"], clean=False)
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[2 * PAGE_BYTES : 3 * PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(data)
    with pytest.raises(JournalCorrupt, match="damaged before group 3"):
        read(tmp_path)


def test_missing_and_swapped_segments_are_refused(tmp_path: Path) -> None:
    for payload in (b"1", b"2", b"3"):
        write(tmp_path, [payload])
    first, second, third = sorted(tmp_path.glob("*.journal"))
    hidden = tmp_path / "hidden"
    second.rename(hidden)
    with pytest.raises(JournalCorrupt, match="expected segment 1, found 2"):
        read(tmp_path)
    hidden.rename(second)
    first_bytes, third_bytes = first.read_bytes(), third.read_bytes()
    first.write_bytes(third_bytes)
    third.write_bytes(first_bytes)
    with pytest.raises(JournalCorrupt):
        read(tmp_path)


def test_a_group_cut_off_a_sealed_segment_is_noticed_by_the_next_one(tmp_path: Path) -> None:
    write(tmp_path, [b"1", b"2"])
    write(tmp_path, [b"3"])
    first = min(tmp_path.glob("*.journal"))
    first.write_bytes(first.read_bytes()[: 2 * PAGE_BYTES])
    with pytest.raises(JournalCorrupt, match="does not continue"):
        read(tmp_path)


def test_another_venue_and_another_key_are_refused(tmp_path: Path) -> None:
    write(tmp_path, [b"1"])
    before = only_segment(tmp_path).read_bytes()
    with pytest.raises(JournalCorrupt, match="another venue"):
        read(tmp_path, genesis=b"h" * 32)
    with pytest.raises(WrongKey) as refused:
        read(tmp_path, master=bytes(32))
    assert refused.value.exit_code == 77
    assert only_segment(tmp_path).read_bytes() == before


def test_second_process_on_one_folder_is_refused(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(FolderLocked) as refused:
        FolderLock(tmp_path)
    assert refused.value.exit_code == 73
    lock.release()
    FolderLock(tmp_path).release()


class FailingDisk(SystemDisk):
    """Fails the chosen operation once armed."""

    def __init__(self, operation: str, number: int) -> None:
        self.operation, self.number, self.armed = operation, number, False

    def write(self, fd: int, data: bytes, offset: int) -> None:
        if self.armed and self.operation == "write":
            raise OSError(self.number, "injected")
        super().write(fd, data, offset)

    def sync(self, fd: int) -> None:
        if self.armed and self.operation == "sync":
            raise OSError(self.number, "injected")
        super().sync(fd)


@pytest.mark.parametrize(
    ("operation", "number", "fault", "exit_code"),
    [
        ("sync", errno.EIO, DiskFault, 74),
        ("write", errno.EIO, DiskFault, 74),
        ("write", errno.ENOSPC, DiskFull, 28),
    ],
)
def test_failed_write_or_sync_stops_the_process(
    tmp_path: Path, operation: str, number: int, fault: type[DiskFault | DiskFull], exit_code: int
) -> None:
    disk = FailingDisk(operation, number)
    journal = Journal(tmp_path, MASTER, GENESIS, 64 << 10, disk)
    assert list(journal.replay()) == []
    journal.start(1)
    journal.append([record(b"good")], 1, 1, 5, bytes(32))
    disk.armed = True
    with pytest.raises(fault) as stopped:
        journal.append([record(b"lost")], 2, 1, 5, bytes(32))
    assert stopped.value.exit_code == exit_code
    assert read(tmp_path)[:1] == [b"good"]


def test_key_file_must_be_private_and_well_formed(tmp_path: Path) -> None:
    path = tmp_path / "journal.key"
    key = create_master_key(path)
    assert read_master_key(path) == key
    path.chmod(0o644)
    with pytest.raises(WrongKey, match="0600"):
        read_master_key(path)
    path.chmod(0o600)
    for text in ("zz", "00" * 31, ""):
        path.write_text(text)
        with pytest.raises(WrongKey):
            read_master_key(path)
    with pytest.raises(WrongKey):
        read_master_key(tmp_path / "absent")
    with pytest.raises(FileExistsError):
        create_master_key(path)
