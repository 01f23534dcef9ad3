"""`blindbook zkvm build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zk.commands.zkvm.options import JsonOption, QuietOption
from zk.commands.zkvm.output import identity, print_result, progress_bars, reported_errors
from zk.errors import GuestBuildError
from zk.files import check_writable
from zk.vm.elf import read_elf


def build(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE...", help="C++ sources, or one folder with its *.cpp.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="ELF file to write; for a folder NAME, NAME/NAME.elf if not given."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compile C++ sources with the guest runtime."""
    from zk.vm.guest import build_guest

    with reported_errors(as_json), progress_bars(as_json, quiet) as report:
        files, elf = _plan(sources, out)
        check_writable(elf)
        report("compile", 0.0)
        program = read_elf(build_guest(files, elf))
    print_result({"elf": str(elf), **identity(program)}, as_json, quiet)


def _plan(sources: list[Path], out: Path | None) -> tuple[list[Path], Path]:
    """The files to compile and the ELF file. Raises GuestBuildError, BadParameter."""
    if len(sources) != 1 or not sources[0].is_dir():
        if out is None:
            raise typer.BadParameter("needed for single sources", param_hint="--out")
        return sources, out
    folder = sources[0]
    files = sorted(folder.glob("*.cpp"))
    if not files:
        raise GuestBuildError(f"{folder}: expected C++ sources (*.cpp), found none")
    return files, out or folder / f"{folder.resolve().name}.elf"
