"""The command `blindbook`: `zkvm` from here, every other sub-command from the entry points of other packages.

An installed package adds a sub-command by an entry point in the group `blindbook.commands`: a function with typer annotations
or a typer.Typer. It is imported only when it or the help is asked for, so this module depends on nothing above `zk`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

import typer
from rich.console import Console

from zk.commands import zkvm

COMMAND_GROUP = "blindbook.commands"


def main(arguments: Sequence[str] | None = None) -> None:
    """Console entry point. Ends the process with the status of the sub-command."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    build_app(given)(prog_name="blindbook", args=given)


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The application with the sub-commands that these arguments need: one, or all of them for the help."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Private perpetuals exchange with proven batches.",
    )
    app.callback()(_root)
    app.add_typer(zkvm.app, name="zkvm")
    wanted = next((argument for argument in arguments if not argument.startswith("-")), None)
    for plugin in entry_points(group=COMMAND_GROUP):
        if plugin.name != "zkvm" and wanted in (None, plugin.name):
            _attach(app, plugin)
    return app


def _root() -> None:
    """Private perpetuals exchange with proven batches."""


def _attach(app: typer.Typer, plugin: EntryPoint) -> None:
    try:
        target = plugin.load()
    except ImportError as error:
        _attach_unavailable(app, plugin.name, error)
        return
    if isinstance(target, typer.Typer):
        app.add_typer(target, name=plugin.name)
    else:
        app.command(plugin.name)(target)


def _attach_unavailable(app: typer.Typer, name: str, error: ImportError) -> None:
    """A command whose package is incomplete says so when it is called, and does not break the help."""
    reason = str(error)

    def fail() -> None:
        Console(stderr=True).print(f"[red]{name}[/] is not available: {reason}", highlight=False)
        raise typer.Exit(zkvm.EXIT_USAGE)

    app.command(name, help=f"(not available: {reason})")(fail)


if __name__ == "__main__":
    main()
