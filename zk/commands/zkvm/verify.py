"""`blindbook zkvm verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zk.commands.zkvm.options import (
    Config,
    ConfigOption,
    Coprocessor,
    CoprocessorsOption,
    ElfArgument,
    JsonOption,
    LogRowsOption,
    QuietOption,
    coprocessor_names,
)
from zk.commands.zkvm.output import identity, print_result, progress_bars, reported_errors
from zk.files import read_bytes
from zk.vm.elf import read_elf


def verify(
    elf: ElfArgument,
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="Proof file.", show_default=False)],
    config: ConfigOption = Config.P2,
    coprocessor: CoprocessorsOption = [Coprocessor.P2],  # noqa: B006 (typer reads it, nobody changes it)
    log_rows: LogRowsOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check a proof against the program. The verifying key is derived from the ELF file."""
    from gpu import default_device
    from zk.shards.programs import KeyOptions, verify_program

    with reported_errors(as_json), progress_bars(as_json, quiet) as report:
        program, content = read_elf(elf), read_bytes(proof)
        options = KeyOptions(config.value, coprocessor_names(coprocessor), log_rows)
        result = verify_program(program, content, options, default_device(), report)
    accepted = {
        "accepted": True,
        **identity(program),
        "vk_digest": result.vk_digest.hex(),
        "cycles": result.cycles,
        "shards": result.shards,
        "exit_code": result.exit_code,
        "outputs": result.outputs,
    }
    print_result(accepted, as_json, quiet)
