"""The demo on one screen: steps, replay, batches on their way to the chain, attacks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from exchange.demo.report import ACCEPTED, DemoReport


class DemoPanel:
    """A live panel on a terminal, plain lines elsewhere."""

    def __init__(self, report: DemoReport, console: Console) -> None:
        self._report, self._console = report, console
        self._started = time.monotonic()
        self._steps: list[tuple[str, str]] = []
        self._live: Live | None = None
        self._progress: tuple[int, int] = (0, 0)
        self._shown: dict[int, str] = {}

    @contextmanager
    def show(self) -> Iterator[None]:
        """Draws while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with Live(self._draw(), console=self._console, refresh_per_second=4, get_renderable=self._draw) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def step(self, name: str, result: str = "") -> None:
        """Begins a step, or says how the running one ended."""
        if result and self._steps and self._steps[-1][0] == name:
            self._steps[-1] = (name, result)
        else:
            self._steps.append((name, result))
        if self._live is None:
            self._console.print(
                f"[{self._elapsed():6.1f} s] {name}" + (f": {result}" if result else " ..."), markup=False
            )

    def replay(self, done: int, total: int) -> None:
        """Progress of the replay."""
        self._progress = (done, total)

    def batch(self, record: dict[str, Any]) -> None:
        """A batch changed its status."""
        self._report.update_batch(record)
        status = str(record["status"])
        if self._live is None and self._shown.get(record["number"]) != status:
            self._shown[record["number"]] = status
            self._console.print(
                f"[{self._elapsed():6.1f} s] batch {record['number']}: {status}{_details(record)}", markup=False
            )

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _draw(self) -> RenderableType:
        steps = Table.grid(padding=(0, 1))
        for name, result in self._steps[-14:]:
            steps.add_row(Text("done" if result else "....", style="green" if result else "yellow"), name, result)
        done, total = self._progress
        line = Text(f"{self._elapsed():.0f} s   requests {done}/{total}   fills {self._report.fills}")
        return Panel(Group(steps, line, self._batches()), title="blindbook demo")

    def _batches(self) -> Table:
        table = Table("batch", "commands", "status", "cycles", "cells", "prove s", "proof KiB", "gas", "new root")
        for number, record in sorted(self._report.batches.items()):
            status = str(record["status"])
            if status == "proving" and record.get("stage"):
                status += f" {record['stage']} {100 * float(record.get('done') or 0):.0f} %"
            table.add_row(
                str(number),
                str(record.get("commands", "")),
                Text(status, style="green" if record["status"] in ACCEPTED else "yellow"),
                _number(record.get("cycles")),
                _number(record.get("committed_cells")),
                f"{record['prove_seconds']:.1f}" if record.get("prove_seconds") is not None else "",
                f"{record['proof_bytes'] / 1024:.0f}" if record.get("proof_bytes") else "",
                _number(record.get("gas")),
                str(record.get("new_root", ""))[:14],
            )
        return table


def _number(value: int | None) -> str:
    return f"{value:,}" if value is not None else ""


def _details(record: dict[str, Any]) -> str:
    parts = []
    if record.get("cycles") is not None:
        parts.append(f"{record['cycles']:,} cycles")
    if record.get("prove_seconds") is not None:
        parts.append(f"proven in {record['prove_seconds']:.1f} s, {record['proof_bytes']:,} bytes")
    if record.get("gas") is not None:
        parts.append(f"{record['gas']:,} gas")
    if record.get("error"):
        parts.append(str(record["error"]))
    return f" ({', '.join(parts)})" if parts else ""
