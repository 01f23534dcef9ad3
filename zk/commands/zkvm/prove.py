"""`blindbook zkvm prove`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from zk.commands.zkvm.options import (
    Config,
    ConfigOption,
    Coprocessor,
    CoprocessorsOption,
    ElfArgument,
    HintOption,
    HintsOption,
    JsonOption,
    LogRowsOption,
    QuietOption,
    coprocessor_names,
    hint_words,
)
from zk.commands.zkvm.output import described_faults, identity, print_result, progress_bars, reported_errors
from zk.errors import OutputFileError
from zk.files import check_writable, write_atomically
from zk.vm.elf import read_elf


def prove(
    elf: ElfArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Proof file to write.")],
    hints: HintsOption = None,
    hint: HintOption = None,
    config: ConfigOption = Config.P2,
    coprocessor: CoprocessorsOption = [Coprocessor.P2],  # noqa: B006 (typer reads it, nobody changes it)
    log_rows: LogRowsOption = None,
    shard_cycles: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**22 - 1,
            help="Prove runs with more cycles in shards of this many (default: 2^20; with --config K 2^22 - 1).",
            show_default=False,
        ),
    ] = None,
    max_cycles: Annotated[int, typer.Option(min=1, max=2**29 - 1, help="Give up after this many.")] = 2**29 - 1,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Shards to prove at the same time.")] = 1,
    parts: Annotated[
        Path | None,
        typer.Option(help="Folder for the proofs of single shards while the run is not done (default: OUT.parts)."),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Take up proofs that an interrupted attempt left there.")] = True,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Execute a guest and prove the run; long runs are split into shards."""
    from gpu import default_device
    from zk.shards.programs import KeyOptions, prove_program

    folder = parts or out.with_name(f"{out.name}.parts")
    with reported_errors(as_json), progress_bars(as_json, quiet) as report:
        program, words, names = read_elf(elf), hint_words(hints, hint), coprocessor_names(coprocessor)
        check_writable(out)
        check_writable(folder / "part")
        if not resume:
            remove_parts(folder)
        with described_faults(elf, program, words, names):
            proven = prove_program(
                program,
                words,
                KeyOptions(config.value, names, log_rows),
                default_device(),
                report,
                shard_cycles=shard_cycles,
                max_cycles=max_cycles,
                jobs=jobs,
                folder=folder,
            )
        write_atomically(out, proven.proof)
        remove_parts(folder)
    result = {
        **identity(program),
        "vk_digest": proven.vk_digest.hex(),
        "config": config.value,
        "cycles": proven.cycles,
        "shards": proven.shards,
        "committed_cells": proven.committed_cells,
        "execute_seconds": round(proven.execute_seconds, 3),
        "trace_seconds": round(proven.trace_seconds, 3),
        "prove_seconds": round(proven.prove_seconds, 3),
        "proof": str(out),
        "proof_bytes": len(proven.proof),
        "security_bits": round(proven.security_bits, 2),
    }
    print_result(result, as_json, quiet)


def remove_parts(folder: Path) -> None:
    """Removes the proofs of single shards, and the folder where nothing else is in it. Raises OutputFileError."""
    try:
        for path in folder.glob("part-*.proof"):
            path.unlink()
    except OSError as error:
        raise OutputFileError(f"{folder}: {error.strerror}") from error
    with suppress(OSError):
        folder.rmdir()
