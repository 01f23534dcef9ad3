"""What the sub-commands print: results, errors with an exit status, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from gpu.errors import DeviceError
from zk.errors import (
    ElfError,
    ExecutionError,
    GuestBuildError,
    HeaderError,
    InputFileError,
    OutputFileError,
    SetupError,
    VerifyingKeyMismatchError,
    ZkError,
)
from zk.files import read_bytes
from zk.vm.elf import FILE_BYTES_LIMIT, GuestProgram
from zk.vm.fault_report import report_fault

U32 = NDArray[np.uint32]

EXIT_REFUSED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

_HINTS: dict[type[ZkError], str] = {
    VerifyingKeyMismatchError: "the proof is of another program, or was made with other options (--config, --coprocessor, "
    "--log-rows)",
    HeaderError: "no proof file, or one made with another --config or another version of blindbook",
}


def identity(program: GuestProgram) -> dict[str, Any]:
    """The fields that name a program in every result."""
    return {"image_id": program.image_id.hex()}


def print_result(result: dict[str, Any], as_json: bool, quiet: bool = False) -> None:
    """One JSON object on one line, or aligned lines for people, which are never cut; nothing where both are off."""
    if as_json:
        print(json.dumps(result))
    elif not quiet:
        width = max(map(len, result), default=0)
        for key, value in result.items():
            shown = [f"{k}: {v}" for k, v in value.items()] if isinstance(value, dict) else [str(value)]
            for number, line in enumerate(shown):
                print(f"{'' if number else key.replace('_', ' '):{width}}  {line}")


@contextmanager
def reported_errors(as_json: bool) -> Iterator[None]:
    """Turns errors of the package into an exit status: one JSON object on stdout, or lines on stderr."""
    try:
        yield
    except (ElfError, SetupError, GuestBuildError, InputFileError, OutputFileError) as error:
        _fail(error, as_json, EXIT_USAGE)
    except (ZkError, DeviceError) as error:
        _fail(error, as_json, EXIT_REFUSED)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _fail(error: Exception, as_json: bool, status: int) -> NoReturn:
    fault = error.report if isinstance(error, ExecutionError) else None
    advice = next((text for kind, text in _HINTS.items() if isinstance(error, kind)), None)
    if as_json:
        described: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
        if advice is not None:
            described["advice"] = advice
        if fault is not None:
            described["fault"] = fault.as_dict()
        print(json.dumps({"error": described}))
    else:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"[red]{type(error).__name__}[/]:", Text(str(error)))
        for line in (advice, *(fault.lines() if fault else ())):
            if line is not None:
                console.print(Text(f"  {line}"))
    raise typer.Exit(status)


@contextmanager
def described_faults(elf: Path, program: GuestProgram, hints: U32, coprocessors: Iterable[str]) -> Iterator[None]:
    """Adds to an ExecutionError from inside where in the sources it happened, by a second run up to there."""
    try:
        yield
    except ExecutionError as error:
        error.report = report_fault(error, program, read_bytes(elf, FILE_BYTES_LIMIT), hints, coprocessors)
        raise


@contextmanager
def progress_bars(as_json: bool, quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """A progress bar per stage on a terminal, which moves where the stage tells its done part; nothing otherwise."""
    if as_json or quiet or not sys.stderr.isatty():
        yield lambda stage, done: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description:10}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: float) -> None:
            is_part = stage == "memory" or stage.startswith("shard ")  # parts of a run, proven at the same time
            if stage not in tasks:
                for task in () if is_part else tasks.values():
                    bars.update(task, total=1.0, completed=1.0)
                tasks[stage] = bars.add_task(stage, total=None)
            if done > 0:
                bars.update(tasks[stage], total=1.0, completed=done, visible=not (is_part and done >= 1))

        yield report
