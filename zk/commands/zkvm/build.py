"""`blindbook zkvm build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zk.commands.zkvm.options import JsonOption
from zk.commands.zkvm.output import identity, print_result, reported_errors
from zk.vm.elf import read_elf


def build(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="C++ sources.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="ELF file to write.")],
    as_json: JsonOption = False,
) -> None:
    """Compile C++ sources with the guest runtime."""
    from zk.vm.guest import build_guest

    with reported_errors(as_json):
        program = read_elf(build_guest(sources, out))
        print_result({"elf": str(out), **identity(program)}, as_json)
