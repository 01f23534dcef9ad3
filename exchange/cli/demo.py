"""`blindbook demo`: the main job from an empty machine to settled batches, on one screen."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from exchange.demo.panel import DemoPanel
from exchange.demo.report import DemoReport
from exchange.errors import ExchangeError

RECORDING = "bitstamp_btcusd_l3_20260502"


def demo(
    commands: Annotated[int, typer.Option(min=10, max=50_000, help="requests of order flow to replay")] = 1_000,
    data: Annotated[
        Path | None, typer.Option(help="folder of a recording (commands.csv[.gz], expected_fills.csv[.gz])")
    ] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="write the report here")] = None,
    keep: Annotated[Path | None, typer.Option(help="keep journal, proofs and logs in this new folder")] = None,
) -> None:
    """Trade privately, prove the batches, settle on a local chain, refuse the forgeries.

    Exit codes: 0 everything held, 1 something did not (it is named), 2 a part did not start.
    """
    console, report = Console(), DemoReport()
    folder = _make_folder(keep, console)
    started = time.monotonic()
    try:
        asyncio.run(_run(folder, data or _find_recording(), commands, report, console))
    except ExchangeError as error:
        console.print(f"demo: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    finally:
        report.seconds = time.monotonic() - started
        if json_path is not None:
            json_path.write_text(json.dumps(report.as_dict(), indent=1) + "\n")
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    failures = report.failures()
    for failure in failures:
        console.print(f"FAILED: {failure}", style="red", markup=False)
    if not failures:
        console.print(f"Everything held: {len(report.accepted)} batches proven and accepted in {report.seconds:.0f} s.")
    raise typer.Exit(1 if failures else 0)


def _make_folder(keep: Path | None, console: Console) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="blindbook-"))
    try:
        keep.mkdir(mode=0o700, parents=True)
    except OSError as error:
        console.print(f"demo: cannot make the folder {keep}: {error.strerror}", style="red", markup=False)
        raise typer.Exit(2) from error
    return keep.resolve()


def _find_recording() -> Path | None:
    """The recording beside the project, if it is there."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / RECORDING
    return folder if folder.is_dir() else None


async def _run(folder: Path, data: Path | None, commands: int, report: DemoReport, console: Console) -> None:
    from exchange.demo.story import tell

    panel = DemoPanel(report, console)
    with panel.show():
        await tell(folder, data, commands, report, panel)
