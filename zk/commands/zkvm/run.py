"""`blindbook zkvm run`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from zk.commands.zkvm.options import ElfArgument, HintOption, HintsOption, JsonOption, hint_words
from zk.commands.zkvm.output import EXIT_REFUSED, identity, print_result, reported_errors
from zk.vm.elf import read_elf


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

    with reported_errors(as_json):
        program = read_elf(elf)
        execution = execute(program, hint_words(hints, hint), max_cycles, record=False)
        result: dict[str, Any] = {
            **identity(program),
            "cycles": execution.cycles,
            "exit_code": execution.exit_code,
            "hints_read": execution.hints_read,
            "outputs": execution.outputs.tolist(),
        }
        if profile:
            result["profile"] = dict(execution.cycles_by_symbol()[:30])
        print_result(result, as_json)
    if execution.exit_code:
        raise typer.Exit(EXIT_REFUSED)
