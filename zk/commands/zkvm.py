"""`blindbook zkvm`: build, run, prove and verify guests.

Exit status: 0 done, 1 refused (a proof that is not accepted, a guest that cannot be executed or ends with a code other than 0), 2 wrong
usage or unreadable input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from gpu.errors import DeviceError
from zk.errors import ElfError, GuestBuildError, InputFileError, SetupError, ZkError
from zk.files import read_bytes, read_words, write_atomically
from zk.vm.elf import GuestProgram, read_elf

EXIT_REFUSED, EXIT_USAGE = 1, 2

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Build, run, prove and verify guest programs of the zkVM.",
)


class Config(StrEnum):
    """Configuration of the proof system."""

    P2 = "P2"
    K = "K"
    KA = "KA"


class Coprocessor(StrEnum):
    """Coprocessor calls that a machine may have."""

    P2 = "P2"
    P2_PATH = "P2_PATH"
    EXT_DOT = "EXT_DOT"


ElfArgument = Annotated[Path, typer.Argument(metavar="ELF", help="Guest program (ELF32 RISC-V).", show_default=False)]
HintsOption = Annotated[Path | None, typer.Option("--hints", help="File of private words, little-endian u32.")]
HintOption = Annotated[list[int] | None, typer.Option("--hint", help="One private word; may be repeated.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ConfigOption = Annotated[
    Config,
    typer.Option(
        "--config",
        help="P2: Poseidon2. K: Keccak, for verification on chain. KA: Keccak, proven faster, larger proofs.",
    ),
]
CoprocessorsOption = Annotated[
    list[Coprocessor],
    typer.Option("--coprocessor", help="Call that the machine has; may be repeated (part of the key)."),
]
LogRowsOption = Annotated[
    int | None,
    typer.Option(
        "--log-rows", min=13, max=23, help="Largest log2 of stacked rows that the key admits (part of the key)."
    ),
]


@app.command()
def build(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="C++ sources.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="ELF file to write.")],
    as_json: JsonOption = False,
) -> None:
    """Compile C++ sources with the guest runtime."""
    from zk.vm.guest import build_guest

    with _errors(as_json):
        program = read_elf(build_guest(sources, out))
        _print({"elf": str(out), **_identity(program)}, as_json)


@app.command()
def run(
    elf: ElfArgument,
    hints: HintsOption = None,
    hint: HintOption = None,
    max_cycles: Annotated[int, typer.Option(min=1, max=2**29 - 1, help="Give up after this many.")] = 2**29 - 1,
    profile: Annotated[bool, typer.Option("--profile", help="Cycles per function.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Execute a guest without proving it."""
    from zk.vm.executor import execute

    with _errors(as_json):
        program = read_elf(elf)
        execution = execute(program, _hints(hints, hint), max_cycles, record=False)
        result: dict[str, Any] = {
            **_identity(program),
            "cycles": execution.cycles,
            "exit_code": execution.exit_code,
            "hints_read": execution.hints_read,
            "outputs": execution.outputs.tolist(),
        }
        if profile:
            result["profile"] = dict(execution.cycles_by_symbol()[:30])
        _print(result, as_json)
    if execution.exit_code:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def prove(
    elf: ElfArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Proof file to write.")],
    hints: HintsOption = None,
    hint: HintOption = None,
    config: ConfigOption = Config.P2,
    coprocessor: CoprocessorsOption = [Coprocessor.P2],  # noqa: B006 (typer reads it, nobody changes it)
    log_rows: LogRowsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Execute a guest and prove the run."""
    from gpu import default_device
    from zk.vm.keys import guest_keys
    from zk.vm.proving import prove_guest

    with _errors(as_json), _progress(as_json) as report:
        program, words = read_elf(elf), _hints(hints, hint)
        device = default_device()
        report("keys", 0.0)
        keys = guest_keys(program, config.value, _names(coprocessor), device, log_rows_max=log_rows)
        proven = prove_guest(keys, words, device, report)
        write_atomically(out, proven.proof)
    result = {
        **_identity(program),
        "vk_digest": keys.verifying.digest.hex(),
        "config": config.value,
        "cycles": proven.cycles,
        "committed_cells": proven.statistics.committed_cells,
        "execute_seconds": round(proven.execute_seconds, 3),
        "trace_seconds": round(proven.trace_seconds, 3),
        "prove_seconds": round(proven.prove_seconds, 3),
        "proof": str(out),
        "proof_bytes": len(proven.proof),
        "security_bits": round(float(keys.verifying.security().total), 2),
    }
    _print(result, as_json)


@app.command()
def verify(
    elf: ElfArgument,
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="Proof file.", show_default=False)],
    config: ConfigOption = Config.P2,
    coprocessor: CoprocessorsOption = [Coprocessor.P2],  # noqa: B006 (typer reads it, nobody changes it)
    log_rows: LogRowsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a proof against the program. The verifying key is derived from the ELF file."""
    from gpu import default_device
    from zk.vm.keys import guest_keys
    from zk.vm.proving import verify_guest

    with _errors(as_json), _progress(as_json) as report:
        program, content = read_elf(elf), read_bytes(proof)
        report("keys", 0.0)
        keys = guest_keys(program, config.value, _names(coprocessor), default_device(), log_rows_max=log_rows)
        report("verify", 0.0)
        result = verify_guest(keys.verifying, content)
    accepted = {
        "accepted": True,
        **_identity(program),
        "vk_digest": keys.verifying.digest.hex(),
        "cycles": result.cycles,
        "exit_code": result.exit_code,
        "outputs": result.outputs,
    }
    _print(accepted, as_json)


def _hints(path: Path | None, words: list[int] | None) -> NDArray[np.uint32]:
    listed = words or []
    for word in listed:
        if not 0 <= word < 1 << 32:
            raise typer.BadParameter(f"hint {word} is not a 32-bit word")
    from_file = read_words(path) if path is not None else np.zeros(0, np.uint32)
    return np.concatenate([np.array(listed, np.uint32), from_file])


def _names(coprocessors: list[Coprocessor]) -> tuple[str, ...]:
    """In the order of the machine, so that the order of the options does not matter."""
    return tuple(name.value for name in Coprocessor if name in coprocessors)


def _identity(program: GuestProgram) -> dict[str, Any]:
    return {"image_id": program.image_id.hex()}


def _print(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    table = Table(show_header=False, box=None)
    for key, value in result.items():
        shown = "\n".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(key.replace("_", " "), shown)
    Console().print(table)


@contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    """Turns errors of the package into one line and an exit status."""
    try:
        yield
    except (ElfError, SetupError, GuestBuildError, InputFileError) as error:
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
def _progress(as_json: bool) -> Iterator[Any]:
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
