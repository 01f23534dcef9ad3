"""`blindbook zkvm new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zk.commands.zkvm.options import JsonOption, QuietOption
from zk.commands.zkvm.output import print_result, reported_errors


def new(
    folder: Annotated[Path, typer.Argument(metavar="NAME", help="Folder to create.", show_default=False)],
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Create a guest project: sources and a README with the next commands."""
    from zk.vm.project import create_project

    with reported_errors(as_json):
        files = create_project(folder)
    names = [str(path) for path in files]
    if as_json:
        print_result({"project": str(folder), "files": names}, as_json)
        return
    shown = {"project": str(folder), "files": ", ".join(names), "next": f"blindbook zkvm build {folder}"}
    print_result(shown, as_json, quiet)
