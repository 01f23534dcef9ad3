"""The demo in order: stage, deposits, trading, settlement, claim, attacks, audit."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import httpx

from clients.bots.recording import Flow, RecordingError
from clients.python.client import AsyncClient
from clients.python.errors import ClientError
from exchange.demo import stage
from exchange.demo.attacks import Attacker
from exchange.demo.audit import model_roots
from exchange.demo.panel import DemoPanel
from exchange.demo.report import DemoReport
from exchange.demo.stage import DemoFailed, Roles, Venue
from exchange.demo.traders import (
    GENERATED_MID_TICKS,
    WITHDRAWAL_E6,
    Traders,
    choose_flow,
    claim,
    deposit_all,
    log_in_all,
    open_client,
    run_market,
)
from exchange.settlement.anvil import Anvil
from exchange.settlement.chain import Chain
from exchange.settlement.deploy import Deployment


async def tell(folder: Path, data: Path | None, commands: int, report: DemoReport, panel: DemoPanel) -> None:
    """Runs everything; raises ExchangeError where a part does not start. What held is in the report."""
    panel.step("order flow")
    try:
        report.data_source, flow = choose_flow(data, commands)
    except RecordingError as error:
        raise DemoFailed(str(error)) from error
    panel.step("order flow", report.data_source)
    panel.step("batch guest and verifier")
    program = await stage.build_program(folder)
    panel.step("batch guest and verifier", f"{program.guest.stat().st_size:,} bytes of RV32IM")
    panel.step("local chain")
    async with Anvil() as node:
        roles = stage.roles_of(node)
        panel.step("local chain", f"{node.rpc_url}, gas cap per transaction and code-size limit on")
        panel.step("contracts")
        deployment = await stage.deploy(node, roles, program)
        panel.step("contracts", f"Settlement {deployment.settlement}, verifier {deployment.verifier}")
        panel.step("deposits on chain")
        traders = Traders.create()
        await stage.mint_collateral(node, roles, deployment)
        await deposit_all(node.rpc_url, bytes.fromhex(deployment.settlement[2:]), roles.payer, traders)
        report.accounts = len(traders.keys)
        panel.step("deposits on chain", f"{report.accounts} accounts")
        panel.step("exchange")
        price = flow.reference_ticks or GENERATED_MID_TICKS
        async with stage.running_exchange(folder / "exchange", node, roles, deployment, program, price) as venue:
            panel.step("exchange", venue.url)
            try:
                await _trade_and_settle(node, roles, venue, deployment, traders, flow, report, panel)
            except ClientError as error:
                raise DemoFailed(f"a trader failed: {error}") from error
        panel.step("independent model")
        roots = await asyncio.to_thread(model_roots, folder / "exchange" / "exchange.toml")
        last = max(report.batches, default=0)
        report.root_model = "0x" + roots.get(last, b"").hex()
        panel.step("independent model", f"root {report.root_model[:18]}... after {len(roots)} batches")


async def _trade_and_settle(
    node: Anvil,
    roles: Roles,
    venue: Venue,
    deployment: Deployment,
    traders: Traders,
    flow: Flow,
    report: DemoReport,
    panel: DemoPanel,
) -> None:
    watcher = asyncio.create_task(_watch_batches(venue, panel))
    try:
        async with open_client(venue) as client:
            panel.step("log in")
            await log_in_all(client, traders)
            panel.step("log in", f"{len(traders.credentials)} accounts funded and logged in over WebSocket")
            panel.step("replay and bots")
            trading = await run_market(client, flow, venue, traders, panel, report)
            trading.enter(report, flow)
            panel.step("replay and bots", _describe_replay(report.replay))
            ack = await client.withdraw(traders.taker.account, WITHDRAWAL_E6)
            if not ack.ok:
                raise DemoFailed(f"withdrawal: {ack.code}")
            panel.step("settlement")
            report.root_engine = str((await stage.control(venue, "drain"))["root"])
            await _settled(client, venue, report, panel)
            transaction = await claim(client, node.rpc_url, venue, roles.payer, traders.taker)
            report.withdrawal_claimed = True
            panel.step("withdrawal claimed on chain", transaction)
            await _attack(node, roles, venue, deployment, report, panel)
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError, ClientError):
            await watcher


async def _watch_batches(venue: Venue, panel: DemoPanel) -> None:
    """Follows the public channel of batches for the panel, on a connection of its own."""
    async with open_client(venue) as client:
        async for frame in client.stream("batches"):
            if frame["t"] == "snap":
                for record in frame["batches"]:
                    panel.batch(record)
            elif frame["t"] == "event":
                panel.batch({**frame["batch"], **{k: frame[k] for k in ("stage", "done") if k in frame}})


async def _settled(client: AsyncClient, venue: Venue, report: DemoReport, panel: DemoPanel) -> None:
    """After the drain: the public records, and the root that the engine has."""
    async with httpx.AsyncClient(timeout=10) as http:
        for record in (await http.get(f"{venue.url}/v1/batches")).json()["batches"]:
            panel.batch(record)
    panel.step("settlement", f"{len(report.accepted)} batches accepted, sequence number {client.as_of}")


async def _attack(
    node: Anvil, roles: Roles, venue: Venue, deployment: Deployment, report: DemoReport, panel: DemoPanel
) -> None:
    panel.step("forgeries")
    async with await Chain.connect(node.rpc_url, deployment.settlement, finality_depth=0) as chain:
        progress = await chain.progress()
        report.root_on_chain = "0x" + progress.state_hash.hex()
        batch = await chain.executed_batch(progress.batch_number)
    async with httpx.AsyncClient(timeout=30) as http:
        response = await http.get(f"{venue.url}/v1/batches/{progress.batch_number}/proof")
        response.raise_for_status()
    attacker = Attacker(node.rpc_url, deployment.settlement, roles.operator)
    try:
        report.refused = await attacker.attack(batch, response.content)
    finally:
        await attacker.close()
    panel.step(
        "forgeries", ", ".join(f"{name} {'refused' if ok else 'ACCEPTED'}" for name, ok in report.refused.items())
    )


def _describe_replay(result: dict[str, object]) -> str:
    return (
        f"{result['sent']} requests, {result['trades']} of {result['expected_trades']} trades as expected"
        f"{'' if result['trades_match'] else ' (DIFFERENT)'}, book {'equal' if result['book_matches'] else 'DIFFERENT'}, "
        f"answers p50 {result['ack_ms_p50']} ms, p99 {result['ack_ms_p99']} ms"
    )
