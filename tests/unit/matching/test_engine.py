"""The engine's surface: halting, snapshots, reading, recording."""

from __future__ import annotations

import random

import pytest

from matching.codec import Arena, ClockTick, Command, Leg, PlaceOrders, SystemRecord
from matching.engine import Engine
from matching.errors import CoreHalted
from tests.spec.venue import BUY, FEE_OWNER, FUND_OWNER, POST_ONLY, SELL, Venue, code_of, start
from tests.unit.matching.editable import EditableEngine


@pytest.fixture
def machine() -> EditableEngine:
    return EditableEngine()


@pytest.fixture
def venue(machine: EditableEngine) -> Venue:
    return start(machine)


def test_sequence_gap_halts_and_changes_nothing(machine: EditableEngine, venue: Venue) -> None:
    root = machine.state_root()
    with pytest.raises(CoreHalted) as halted:
        machine.apply(Command(venue.seq + 2, ClockTick(venue.now + 1)).encode())
    assert halted.value.code == 2
    assert machine.state_root() == root


@pytest.mark.parametrize("command", [b"", b"\x01" * 47, b"\xff" * 48, bytes(48)])
def test_bytes_that_are_no_command_halt(machine: EditableEngine, venue: Venue, command: bytes) -> None:
    with pytest.raises(CoreHalted) as halted:
        machine.apply(command)
    assert halted.value.code == 1


def test_malformed_signed_command_is_recorded(machine: EditableEngine, venue: Venue) -> None:
    account = venue.deposit(10**9)
    command = bytearray(Command(venue.seq + 1, PlaceOrders([Leg()]), account=account, nonce=venue.now).encode())
    command[48 + 4] = 1  # the list's padding
    events = machine.apply(bytes(command))
    assert int.from_bytes(events[2:4], "little") == 1
    assert SystemRecord.decode(machine.read(Arena.SYSTEM, 0)).seq == venue.seq + 1


def test_clock_may_not_leave_the_batch(machine: EditableEngine, venue: Venue) -> None:
    with pytest.raises(CoreHalted) as halted:
        venue.tick(30_001)
    assert halted.value.code == 6


def test_snapshot_restores_the_same_machine(machine: EditableEngine, venue: Venue) -> None:
    maker = venue.deposit(10**12)
    venue.place(maker, BUY, 999_000, 10, POST_ONLY)
    copy = Engine.restore(machine.engine.snapshot())
    assert copy.state_root() == machine.state_root()
    assert copy.snapshot() == machine.engine.snapshot()
    command = Command(venue.seq + 1, ClockTick(venue.now + 1)).encode()
    assert copy.apply(command) == machine.apply(command)
    assert copy.state_root() == machine.state_root()


@pytest.mark.parametrize(
    "bad", [b"", b"bbsnap01" + b"\0" * 5, b"bbsnap01" + b"\0" * 37, b"bbsnap01" + b"\xff" * 48, b"wrong..."]
)
def test_bytes_that_are_no_snapshot_are_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        Engine.restore(bad)


def test_damaged_snapshots_are_refused(machine: EditableEngine, venue: Venue) -> None:
    snapshot = machine.engine.snapshot()
    rng = random.Random(31)
    print("seed 31")
    for _ in range(60):
        position = rng.randrange(len(snapshot))
        damaged = bytearray(snapshot)
        damaged[position] ^= 1 << rng.randrange(8)
        with pytest.raises(ValueError, match="snapshot"):
            Engine.restore(bytes(damaged))
    for length in rng.sample(range(len(snapshot)), 20):
        with pytest.raises(ValueError, match="snapshot"):
            Engine.restore(snapshot[:length])


def test_read_refuses_what_does_not_exist(machine: EditableEngine) -> None:
    with pytest.raises(IndexError):
        machine.engine.read(Arena.ORDER, 2**21)
    with pytest.raises(ValueError, match="arena"):
        machine.engine.read(13, 0)


def test_owner_addresses_have_20_bytes() -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        Engine(FUND_OWNER[:19], FEE_OWNER)


def test_levels_and_open_orders_show_the_book(machine: EditableEngine, venue: Venue) -> None:
    maker = venue.deposit(10**12)
    for price in (999_000, 998_000, 999_000):
        venue.place(maker, BUY, price, 10, POST_ONLY)
    venue.place(maker, SELL, 1_001_000, 7, POST_ONLY)
    assert machine.engine.levels(0, 0, 10) == [(999_000, 20), (998_000, 10)]
    assert machine.engine.levels(0, 1, 10) == [(1_001_000, 7)]
    assert machine.engine.levels(0, 0, 1) == [(999_000, 20)]
    assert len(machine.engine.open_orders(maker)) == 4


def test_recording_changes_no_result(venue: Venue, machine: EditableEngine) -> None:
    maker = venue.deposit(10**12)
    plain = Engine.restore(machine.engine.snapshot())
    machine.engine.start_recording()
    machine.commands.clear()
    assert code_of(venue.place(maker, BUY, 999_000, 10, POST_ONLY)) == 0
    witness_root = machine.engine.take_witness().closing_root
    for command in machine.commands:
        plain.apply(command)
    assert plain.state_root() == witness_root


def test_a_root_taken_while_recording_does_not_spoil_the_witness(venue: Venue, machine: EditableEngine) -> None:
    maker = venue.deposit(10**12)
    twin = Engine.restore(machine.engine.snapshot())
    machine.engine.start_recording()
    twin.start_recording()
    machine.commands.clear()
    for price in (999_000, 998_000):
        venue.place(maker, BUY, price, 10, POST_ONLY)
        machine.state_root()
    for command in machine.commands:
        twin.apply(command)
    assert machine.engine.take_witness() == twin.take_witness()


def test_witness_needs_a_recording(machine: EditableEngine) -> None:
    with pytest.raises(RuntimeError, match="recording"):
        machine.engine.take_witness()


def test_bytes_longer_than_any_command_halt(machine: EditableEngine, venue: Venue) -> None:
    command = Command(venue.seq + 1, PlaceOrders([Leg()]), account=2, nonce=venue.now).encode()
    with pytest.raises(CoreHalted) as halted:
        machine.apply(command.ljust(8_193, b"\0"))
    assert halted.value.code == 1
    assert int.from_bytes(machine.apply(command.ljust(8_192, b"\0"))[2:4], "little") == 1, "recorded as MALFORMED"
