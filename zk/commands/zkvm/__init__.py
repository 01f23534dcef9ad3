"""`blindbook zkvm`: start, build, run, profile, prove and verify guests, and check suites of them; one module per sub-command.

Exit status: 0 done; 1 refused: a proof that is not accepted, a guest that cannot be executed or ends with a code other than 0; 2 wrong
usage, or a file that cannot be read or written; 130 interrupted. With --json there is one object on stdout, {"error": {"type",
"message"}} for an error of status 1 or 2 (wrong usage of options alone is told on stderr). Files appear complete or not at all.
"""

from __future__ import annotations

import typer

from zk.commands.zkvm.build import build
from zk.commands.zkvm.conformance import conformance
from zk.commands.zkvm.new import new
from zk.commands.zkvm.output import EXIT_REFUSED, EXIT_USAGE
from zk.commands.zkvm.profile import profile
from zk.commands.zkvm.prove import prove
from zk.commands.zkvm.run import run
from zk.commands.zkvm.verify import verify

__all__ = ["EXIT_REFUSED", "EXIT_USAGE", "app"]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Start, build, run, profile, prove and verify guest programs of the zkVM.",
)
for command in (new, build, run, profile, prove, verify, conformance):
    app.command()(command)
