"""`blindbook feed`: replays recorded order flow against a venue."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from clients.bots.feed import Feed, FeedReport
from clients.bots.recording import Flow, RecordingError, Slots, load_flow
from clients.bots.wallets import WalletError, read_wallets
from clients.python.client import AsyncClient, Credential
from clients.python.errors import ClientError
from clients.python.signing import Venue


def feed(
    data: Annotated[Path, typer.Argument(help="folder with commands.csv[.gz] and expected_fills.csv[.gz]")],
    wallets: Annotated[Path, typer.Option(help="key file of the accounts that trade, at least two")],
    contract: Annotated[str, typer.Option(help="address of the settlement contract, 0x...")],
    identity: Annotated[str, typer.Option(help="address that signs the sequencer's key directory, 0x...")],
    url: Annotated[str, typer.Option(help="the venue")] = "http://127.0.0.1:8080",
    chain_id: Annotated[int, typer.Option(help="chain of the settlement contract")] = 31337,
    market: Annotated[int, typer.Option(help="market number")] = 0,
    start: Annotated[int, typer.Option(min=0, help="first row of the recording to send")] = 123_250,
    commands: Annotated[int, typer.Option(min=1, help="how many requests to send")] = 1_000,
    opening: Annotated[int, typer.Option(min=0, help="resting orders near the touch to place first")] = 190,
    takers: Annotated[int, typer.Option(min=1, help="how many of the accounts take")] = 6,
    speed: Annotated[float | None, typer.Option(help="1 = recorded pace; default: as fast as answers come")] = None,
    in_flight: Annotated[int, typer.Option(min=1, max=256, help="unanswered requests at a time")] = 32,
    json_output: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
) -> None:
    """Replay recorded order-by-order data as many accounts and reconcile the venue's trades and book with it.

    Exit codes: 0 everything agrees, 1 the venue's trades or book differ, 2 bad input or no connection.
    """
    console = Console(stderr=True)
    try:
        credentials = read_wallets(wallets)
        if len(credentials) <= takers:
            raise WalletError(f"{wallets}: expected more than {takers} accounts, found {len(credentials)}")
        slots = Slots(len(credentials) - takers, takers)
        with console.status("reading the recording"):
            flow = load_flow(data, slots, market=market, start=start, count=commands, opening_orders=opening)
        venue = Venue(chain_id, _address(contract))
        report = asyncio.run(_run(url, venue, _address(identity), credentials, market, flow, speed, in_flight, console))
    except (ClientError, RecordingError, ValueError) as error:
        console.print(f"feed: {error}", style="red", markup=False)
        raise typer.Exit(2) from error
    if json_output:
        print(json.dumps(report.as_dict()))
    else:
        Console().print(render(report))
    raise typer.Exit(0 if report.trades_match and report.book_matches else 1)


async def _run(
    url: str,
    venue: Venue,
    identity: bytes,
    credentials: list[Credential],
    market: int,
    flow: Flow,
    speed: float | None,
    in_flight: int,
    console: Console,
) -> FeedReport:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("requests", total=len(flow.requests))
        async with AsyncClient(url, venue, identity) as client:
            for credential in credentials:
                await client.login(credential)
            runner = Feed(
                client,
                market,
                flow,
                [credential.account for credential in credentials],
                in_flight=in_flight,
                speed=speed,
                progress=lambda done, _: progress.update(bar, completed=done),
            )
            return await runner.run()


def render(report: FeedReport) -> Table:
    """The reconciliation as a table."""
    table = Table(title="replay", show_header=False)
    rows = {
        "opening orders": report.opening_orders,
        "requests sent": report.sent,
        "results": ", ".join(f"{code} {count}" for code, count in report.codes.most_common()),
        "refused before sequencing": ", ".join(f"{c} {n}" for c, n in report.errors.most_common()) or "none",
        "left out": ", ".join(f"{why} {count}" for why, count in report.skipped.items()) or "none",
        "trades": f"{len(report.trades)} of {len(report.expected_trades)} recorded, "
        + ("equal" if report.trades_match else "DIFFERENT"),
        "book": {True: "equal to the accounts' open orders", False: "DIFFERENT", None: "not compared"}[
            report.book_matches
        ],
        "answer p50 / p99": f"{report.percentile_ms(0.5):.1f} / {report.percentile_ms(0.99):.1f} ms",
        "time": f"{report.seconds:.1f} s",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _address(text: str) -> bytes:
    value = bytes.fromhex(text.removeprefix("0x"))
    if len(value) != 20:
        raise ValueError(f"address: expected 20 bytes, found {len(value)} in {text!r}")
    return value
