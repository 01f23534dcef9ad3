"""`blindbook zkvm prove`."""

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
    HintOption,
    HintsOption,
    JsonOption,
    LogRowsOption,
    QuietOption,
    coprocessor_names,
    hint_words,
)
from zk.commands.zkvm.output import (
    described_faults,
    identity,
    print_result,
    progress_bars,
    reported_errors,
)
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
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Execute a guest and prove the run."""
    from gpu import default_device
    from zk.vm.keys import guest_keys
    from zk.vm.proving import prove_guest

    with reported_errors(as_json), progress_bars(as_json, quiet) as report:
        program, words, names = read_elf(elf), hint_words(hints, hint), coprocessor_names(coprocessor)
        check_writable(out)
        device = default_device()
        report("keys", 0.0)
        keys = guest_keys(program, config.value, names, device, log_rows_max=log_rows)
        with described_faults(elf, program, words, names):
            proven = prove_guest(keys, words, device, report)
        write_atomically(out, proven.proof)
    result = {
        **identity(program),
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
    print_result(result, as_json, quiet)
