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
    from zk.vm.keys import guest_keys
    from zk.vm.proving import verify_guest

    with reported_errors(as_json), progress_bars(as_json, quiet) as report:
        program, content = read_elf(elf), read_bytes(proof)
        report("keys", 0.0)
        names = coprocessor_names(coprocessor)
        keys = guest_keys(program, config.value, names, default_device(), log_rows_max=log_rows)
        report("verify", 0.0)
        result = verify_guest(keys.verifying, content)
    accepted = {
        "accepted": True,
        **identity(program),
        "vk_digest": keys.verifying.digest.hex(),
        "cycles": result.cycles,
        "exit_code": result.exit_code,
        "outputs": result.outputs,
    }
    print_result(accepted, as_json, quiet)
