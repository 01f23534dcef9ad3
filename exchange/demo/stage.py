"""Everything that must stand before anybody trades: guest, local chain, contracts, exchange process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from eth_account.signers.local import LocalAccount

from exchange.demo.markets import BOT_MARKET, BOT_PRICE_TICKS, REPLAY_MARKET, market_bodies, oracle_signers_body
from exchange.engines import create_engine
from exchange.errors import ExchangeError
from exchange.settlement.anvil import Anvil
from exchange.settlement.deploy import (
    Deployment,
    SettlementPlan,
    VerifierPlan,
    build_contracts,
    deploy_settlement,
    deploy_token,
    deploy_verifier,
    mint,
)
from exchange.settlement.transactions import Sender, connect

START_SECONDS_MAX = 60.0
WALK_PPM = 20
COLLATERAL_E6 = 2**56


class DemoFailed(ExchangeError):
    """A part of the demo did not start or gave up; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Program:
    """The batch guest and the generated part of its verifier."""

    guest: Path
    verifier: Path


@dataclass(frozen=True, slots=True)
class Roles:
    """Keys of the local chain that act: deployer and operator of the exchange, owner of fund and fees, payer of deposits."""

    operator: LocalAccount
    house: LocalAccount
    payer: LocalAccount


@dataclass(frozen=True, slots=True)
class Venue:
    """A running exchange as its users see it."""

    url: str
    chain_id: int
    contract: bytes
    identity: bytes
    control: Path


async def build_program(folder: Path) -> Program:
    """Compiles the batch guest and generates its verifier (in a process of its own: it needs memory only once)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "zk.service.programs", "batch", str(folder), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise DemoFailed(f"building the batch guest failed:\n{errors.decode(errors='replace')[-2000:]}")
    return Program(folder / "batch.elf", folder / "batch.verifier.json")


def roles_of(node: Anvil) -> Roles:
    """Accounts of the local chain by their work."""
    return Roles(*node.accounts[:3])


async def deploy(node: Anvil, roles: Roles, program: Program) -> Deployment:
    """Token, verifier and Settlement with both markets queued."""
    await asyncio.to_thread(build_contracts)
    plan = VerifierPlan.read(program.verifier)
    house = bytes.fromhex(roles.house.address[2:])
    genesis = create_engine("core", house, house).state_root()
    web3 = connect(node.rpc_url)
    try:
        sender = Sender(web3, roles.operator)
        token = await deploy_token(sender)
        verifier = await deploy_verifier(sender, plan)
        settlement = SettlementPlan(
            program_id=plan.program_id,
            genesis_state_hash=genesis,
            operator=bytes.fromhex(roles.operator.address[2:]),
            oracle_signers=oracle_signers_body(house),
            markets=market_bodies(),
        )
        return await deploy_settlement(sender, settlement, verifier=verifier.address, token=token.contract)
    finally:
        await web3.provider.disconnect()


async def mint_collateral(node: Anvil, roles: Roles, deployment: Deployment) -> None:
    """Test collateral for the wallet that pays the deposits."""
    web3 = connect(node.rpc_url)
    try:
        payer = bytes.fromhex(roles.payer.address[2:])
        await mint(Sender(web3, roles.operator), deployment.token, payer, COLLATERAL_E6)
    finally:
        await web3.provider.disconnect()


@asynccontextmanager
async def running_exchange(
    folder: Path, node: Anvil, roles: Roles, deployment: Deployment, program: Program, price_ticks: int
) -> AsyncIterator[Venue]:
    """`blindbook serve` in its own process, gone at the end of the block."""
    folder.mkdir(mode=0o700, exist_ok=True)
    operator_key = folder / "operator.key"
    _write_key(operator_key, bytes(roles.operator.key))
    settings = folder / "exchange.toml"
    settings.write_text(_settings(folder, node, roles, deployment, program, operator_key))
    log = (folder / "exchange.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "zk.cli",
        "serve",
        "--config",
        str(settings),
        "--price",
        f"{REPLAY_MARKET}={price_ticks * 256}",
        "--price",
        f"{BOT_MARKET}={BOT_PRICE_TICKS * 256}",
        "--walk-ppm",
        str(WALK_PPM),
        stdout=log,
        stderr=log,
    )
    try:
        yield await _wait_ready(process, folder, deployment)
    finally:
        await _stop(process)
        log.close()


def _settings(
    folder: Path, node: Anvil, roles: Roles, deployment: Deployment, program: Program, operator_key: Path
) -> str:
    house = roles.house.address
    values: dict[str, Any] = {
        "port": 0,
        "data_folder": str(folder),
        "journal_key_file": str(folder / "journal.key"),
        "identity_key_file": str(folder / "identity.key"),
        "chain_id": deployment.chain_id,
        "exchange": deployment.settlement,
        "fund_owner": house,
        "fee_owner": house,
        "price_interval_ms": 5_000,
        "settle": True,
        "l1_rpc": node.rpc_url,
        "l1_finality_depth": 0,
        "operator_key_file": str(operator_key),
        "guest": str(program.guest),
    }
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


async def _wait_ready(process: asyncio.subprocess.Process, folder: Path, deployment: Deployment) -> Venue:
    deadline = asyncio.get_running_loop().time() + START_SECONDS_MAX
    port_file = folder / "port"
    async with httpx.AsyncClient(timeout=5) as http:
        while asyncio.get_running_loop().time() < deadline:
            if process.returncode is not None:
                break
            if port_file.exists() and (port := port_file.read_text().strip()):
                url = f"http://127.0.0.1:{port}"
                with contextlib.suppress(httpx.HTTPError):
                    meta = (await http.get(f"{url}/v1/meta")).json()
                    return Venue(
                        url,
                        deployment.chain_id,
                        bytes.fromhex(deployment.settlement[2:]),
                        bytes.fromhex(meta["identity"][2:]),
                        folder / "control.sock",
                    )
            await asyncio.sleep(0.1)
    tail = (folder / "exchange.log").read_text(errors="replace")[-2000:]
    raise DemoFailed(f"the exchange did not start (exit code {process.returncode}):\n{tail}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()


async def control(venue: Venue, operation: str) -> dict[str, Any]:
    """One operation of the privileged socket (`status`, `close_batch`, `drain`)."""
    reader, writer = await asyncio.open_unix_connection(venue.control)
    try:
        writer.write(json.dumps({"op": operation}).encode() + b"\n")
        await writer.drain()
        answer: dict[str, Any] = json.loads(await reader.readline())
    finally:
        writer.close()
    if not answer.get("ok"):
        raise DemoFailed(f"{operation}: {answer.get('code')} {answer.get('detail')}")
    return answer


def _write_key(path: Path, secret: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret.hex() + "\n")
