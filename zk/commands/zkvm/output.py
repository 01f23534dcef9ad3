"""What the sub-commands print: results, errors with an exit status, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from gpu.errors import DeviceError
from zk.errors import ElfError, GuestBuildError, InputFileError, OutputFileError, SetupError, ZkError
from zk.vm.elf import GuestProgram

EXIT_REFUSED, EXIT_USAGE = 1, 2


def identity(program: GuestProgram) -> dict[str, Any]:
    """The fields that name a program in every result."""
    return {"image_id": program.image_id.hex()}


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """One JSON object, or a table."""
    if as_json:
        print(json.dumps(result))
        return
    table = Table(show_header=False, box=None)
    for key, value in result.items():
        shown = "\n".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(key.replace("_", " "), shown)
    Console().print(table)


@contextmanager
def reported_errors(as_json: bool) -> Iterator[None]:
    """Turns errors of the package into one line and an exit status."""
    try:
        yield
    except (ElfError, SetupError, GuestBuildError, InputFileError, OutputFileError) as error:
        _fail(error, as_json, EXIT_USAGE)
    except (ZkError, DeviceError) as error:
        _fail(error, as_json, EXIT_REFUSED)


def _fail(error: Exception, as_json: bool, status: int) -> NoReturn:
    if as_json:
        print(json.dumps({"error": {"type": type(error).__name__, "message": str(error)}}))
    else:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/]: {error}", highlight=False)
    raise typer.Exit(status)


@contextmanager
def progress_bars(as_json: bool) -> Iterator[Any]:
    """A progress bar per stage on a terminal; nothing otherwise."""
    if as_json or not sys.stderr.isatty():
        yield lambda stage, done: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description:10}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, done: float) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bars.update(task, completed=1.0)
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=done)

        yield report
