"""`blindbook zkvm conformance`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from zk.commands.zkvm.options import Config, ConfigOption, JsonOption, LogRowsOption
from zk.commands.zkvm.output import EXIT_REFUSED, print_result, progress_bars, reported_errors
from zk.conformance.suite import Report


def conformance(
    suite: Annotated[
        Path, typer.Argument(metavar="SUITE", help="Folder of ELF files, NAME.reference_output beside each.")
    ],
    config: ConfigOption = Config.P2,
    log_rows: LogRowsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Execute, prove and verify every test of a suite, and compare its signature with the reference."""
    from gpu import default_device
    from zk.conformance.suite import Prover, find_cases, run_cases

    reports: list[Report] = []
    with reported_errors(as_json), progress_bars(as_json) as progress:
        cases = find_cases(suite)
        for report in run_cases(cases, Prover(config.value, log_rows, default_device())):
            reports.append(report)
            progress("tests", len(reports) / len(cases))
    failed = sum(bool(report.failure) for report in reports)
    if as_json:
        print_result({"tests": [asdict(report) for report in reports], "failed": failed}, as_json)
    else:
        _print_table(reports, failed)
    if failed:
        raise typer.Exit(EXIT_REFUSED)


def _print_table(reports: list[Report], failed: int) -> None:
    console = Console()
    table = Table("test", box=None, pad_edge=False)
    for heading in ("words", "cycles", "executor", "proof", "seconds"):
        table.add_column(heading, justify="right")
    for report in reports:
        proof = ("signature" if report.bound else "accepted") if report.proven else "-"
        executed = "equal" if report.executed else "[red]differs[/]"
        numbers = (f"{report.words}", f"{report.cycles:,}")
        table.add_row(report.name, *numbers, executed, proof, f"{report.seconds:.1f}")
    console.print(table)
    for report in reports:
        if report.failure:
            console.print(f"[red]{report.name}[/]: {report.failure}", highlight=False, soft_wrap=True)
    cycles, seconds = sum(r.cycles for r in reports), sum(r.seconds for r in reports)
    console.print(f"{len(reports)} tests, {failed} failed, {cycles:,} cycles proven, {seconds:.0f} s", highlight=False)
