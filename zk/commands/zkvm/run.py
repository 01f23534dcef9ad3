"""`blindbook zkvm run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zk.commands.zkvm.options import ElfArgument, HintOption, HintsOption, JsonOption, QuietOption, hint_words
from zk.commands.zkvm.output import (
    EXIT_REFUSED,
    described_faults,
    identity,
    print_result,
    progress_bars,
    reported_errors,
)
from zk.files import check_writable, write_atomically
from zk.vm.elf import read_elf


def run(
    elf: ElfArgument,
    hints: HintsOption = None,
    hint: HintOption = None,
    max_cycles: Annotated[int, typer.Option(min=1, max=2**29 - 1, help="Give up after this many.")] = 2**29 - 1,
    profile: Annotated[bool, typer.Option("--profile", help="Cycles per function.")] = False,
    signature: Annotated[
        Path | None, typer.Option("--signature", help="Write the words from begin_signature to end_signature.")
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Execute a guest without proving it."""
    from zk.vm.executor import CALL_NUMBERS, execute
    from zk.vm.signature import format_signature, signature_region, signature_words

    with reported_errors(as_json), progress_bars(as_json, quiet) as report:
        program, words = read_elf(elf), hint_words(hints, hint)
        region = signature_region(program) if signature else None
        if signature:
            check_writable(signature)
        report("execute", 0.0)
        with described_faults(elf, program, words, CALL_NUMBERS):
            execution = execute(program, words, max_cycles, record=False)
        if signature and region:
            write_atomically(signature, format_signature(signature_words(execution, region)))
    result: dict[str, Any] = {
        **identity(program),
        "cycles": execution.cycles,
        "exit_code": execution.exit_code,
        "hints_read": execution.hints_read,
        "outputs": execution.outputs.tolist(),
    }
    if profile:
        result["profile"] = dict(execution.cycles_by_symbol()[:30])
    if signature:
        result["signature"] = str(signature)
    print_result(result, as_json, quiet)
    if execution.exit_code:
        raise typer.Exit(EXIT_REFUSED)
