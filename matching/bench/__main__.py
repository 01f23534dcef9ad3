"""`python -m matching.bench`: commands per second of the core on the recorded order flow, margin on, one thread.

Prints `apply` alone (the target: 1.5 M commands/s), with the command chain and events handed to Python, and the cost of
state roots. Needs the recording beside the project (../shared/data/bitstamp_btcusd_l3_20260502).
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from pathlib import Path

from matching.bench.recording import FOLDER_NAME, CommandMapper, read_fills, read_rows
from matching.codec import EventKind
from matching.engine import Engine

OWNERS = (b"\x01" * 20, b"\x02" * 20)
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TARGET_PER_S = 1_500_000


def record_commands(folder: Path) -> tuple[list[bytes], list[bytes], int]:
    """(commands of the opening, commands of the recording, trades seen), made by playing the rows once."""
    rows = read_rows(folder)
    mapper, engine = CommandMapper(rows), Engine(*OWNERS)
    opening = mapper.opening()
    for command in opening:
        engine.apply(command)
    flow: list[bytes] = []
    trades = 0
    for row in rows:
        for command in mapper.commands(row):
            events = engine.apply(command)
            flow.append(command)
            trades += count_events(events, EventKind.TRADE)
        mapper.note(events)
    flow += mapper.closing()
    return opening, flow, trades


def count_events(events: bytes, kind: EventKind) -> int:
    """How many events of a kind."""
    count = position = 0
    while position < len(events):
        count += int.from_bytes(events[position : position + 2], "little") == kind
        position += 24 + int.from_bytes(events[position + 4 : position + 8], "little")
    return count


def opened_engine(opening: list[bytes]) -> Engine:
    """A fresh engine after the opening."""
    engine = Engine(*OWNERS)
    engine.apply_many(b"".join(opening))
    return engine


def measure_roots(opening: list[bytes], flow: list[bytes], every: int, commands_max: int) -> tuple[int, float]:
    """(roots taken, seconds in state_root) with one root after each `every` commands."""
    engine = opened_engine(opening)
    engine.state_root()
    spent, roots = 0.0, 0
    for start in range(0, min(len(flow), commands_max), every):
        engine.apply_many(b"".join(flow[start : start + every]))
        begin = time.perf_counter()
        engine.state_root()
        spent += time.perf_counter() - begin
        roots += 1
    return roots, spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA / FOLDER_NAME, help="folder of the recording")
    parser.add_argument("--repeat", type=int, default=5, help="runs of apply alone; the best counts")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"matching core: skipped, no recording at {arguments.data} (--data FOLDER)", file=sys.stderr)
        return 0 if arguments.data == DATA / FOLDER_NAME else 1
    opening, flow, trades = record_commands(arguments.data)
    stream = b"".join(flow)
    expected = len(read_fills(arguments.data))
    print(f"machine: {platform.processor() or platform.machine()}, {platform.system()}, one thread")
    print(f"commands: {len(flow):,} ({len(stream) / len(flow):.0f} bytes each), trades {trades} of {expected} recorded")
    best = min(opened_engine(opening).time_unchained(stream)[1] for _ in range(arguments.repeat))
    rate = len(flow) / best
    print(
        f"apply alone:            {rate / 1e6:6.2f} M/s ({best / len(flow) * 1e9:.0f} ns), target {TARGET_PER_S / 1e6} M/s"
    )
    engine = opened_engine(opening)
    begin = time.perf_counter()
    engine.apply_many(stream)
    chained = time.perf_counter() - begin
    print(f"with chain and events:  {len(flow) / chained / 1e6:6.2f} M/s ({chained / len(flow) * 1e9:.0f} ns)")
    for every in (250, 10_000):
        roots, spent = measure_roots(opening, flow, every, 40_000)
        print(
            f"state root per {every:>6,}:  {spent / roots * 1e3:6.2f} ms each, {spent / min(len(flow), 40_000) * 1e9:.0f} ns per command"
        )
    return 0 if trades == expected else 1


if __name__ == "__main__":
    sys.exit(main())
