"""What is deployed, what the node's limits are, and that processes and connections end."""

from __future__ import annotations

import asyncio
import json

import pytest

from exchange.settlement import artifacts
from exchange.settlement.anvil import Anvil
from exchange.settlement.artifacts import CONTRACTS, Artifact, ArtifactInvalid, build, load
from exchange.settlement.chain import Chain, WrongContract
from exchange.settlement.deploy import CODE_BYTES_MAX, INITCODE_BYTES_MAX, CodeTooLarge, deploy_contract
from exchange.settlement.refusals import ContractRefused, decode_refusal
from exchange.settlement.transactions import GAS_MAX, ChainUnavailable, Sender, TransactionRefused, connect
from tests.integration.chain.conftest import GENESIS, PROGRAM, World

WRITING = {"deposit", "fundInsurance", "submitBatch", "claimWithdrawal"}


async def test_deployment_is_what_was_planned(world: World) -> None:
    progress = await world.chain.progress()
    assert (progress.batch_number, progress.state_hash) == (0, GENESIS)
    assert await world.chain.program_id() == PROGRAM
    assert (await world.chain.queue()).tail == 3
    assert world.deployment.gas["settlement"] < GAS_MAX
    assert await world.chain.account_of(bytes([1]) * 20) is None


def test_settlement_has_no_function_that_writes_besides_its_four(contracts: None) -> None:
    functions = [entry for entry in load("src/Settlement.sol").abi if entry["type"] == "function"]
    assert {entry["name"] for entry in functions if entry["stateMutability"] not in ("view", "pure")} == WRITING
    assert not [entry for entry in load("src/Settlement.sol").abi if entry["type"] in ("fallback", "receive")]


def test_every_contract_in_src_fits_the_code_size_limits(contracts: None) -> None:
    sizes = {}
    for path in (CONTRACTS / "out").glob("*.sol/*.json"):
        content = json.loads(path.read_text())
        metadata_target = content.get("metadata", {}).get("settings", {}).get("compilationTarget", {})
        if any(source.startswith("src/") for source in metadata_target):
            runtime = (len(content["deployedBytecode"]["object"]) - 2) // 2
            sizes[path.stem] = (runtime, (len(content["bytecode"]["object"]) - 2) // 2)
    assert "Settlement" in sizes
    assert all(code <= CODE_BYTES_MAX and initcode <= INITCODE_BYTES_MAX for code, initcode in sizes.values()), sizes


async def test_node_enforces_the_code_size_limit(node: Anvil) -> None:
    web3 = connect(node.rpc_url)
    sender = Sender(web3, node.accounts[0])
    oversized = _returning(CODE_BYTES_MAX + 1)
    with pytest.raises((ContractRefused, TransactionRefused)):
        await deploy_contract(sender, oversized)
    assert (await deploy_contract(sender, _returning(CODE_BYTES_MAX))).contract is not None
    with pytest.raises(CodeTooLarge):
        await deploy_contract(sender, Artifact("Large", "", [], bytes(INITCODE_BYTES_MAX + 1), 1))
    await web3.provider.disconnect()


def _returning(code_bytes: int) -> Artifact:
    """Creation code that deploys this many zero bytes: PUSH3 size, PUSH0, RETURN."""
    return Artifact("Zeros", "", [], b"\x62" + code_bytes.to_bytes(3, "big") + b"\x5f\xf3", 0)


async def test_node_enforces_the_transaction_gas_cap(node: Anvil) -> None:
    web3 = connect(node.rpc_url)
    sender = Sender(web3, node.accounts[0])
    call = web3.eth.contract(abi=[], bytecode=b"\x00").constructor()
    with pytest.raises(TransactionRefused):
        await sender.send(call, gas=GAS_MAX + 1)
    assert (await sender.send(call, gas=GAS_MAX)).gas_used < GAS_MAX
    await web3.provider.disconnect()


async def test_node_ends_with_its_block_and_is_unreachable_afterwards() -> None:
    async with Anvil() as node:
        assert node.is_running
        url = node.rpc_url
    assert not node.is_running
    with pytest.raises(ChainUnavailable):
        await Chain.connect(url, "0x" + "11" * 20)


async def test_node_survives_calls_with_long_error_lines(world: World) -> None:
    header = await world.next_header()
    for length in (100_000, 200_000):
        with pytest.raises(ContractRefused):
            await world.chain.submit_batch(world.operator, header, PROGRAM, bytes([0xAB]) * length)
    await world.submit(header)


async def test_two_nodes_run_side_by_side() -> None:
    async with Anvil() as first, Anvil(chain_id=4242) as second:
        assert first.rpc_url != second.rpc_url
        web3 = connect(second.rpc_url)
        assert await web3.eth.chain_id == 4242
        await web3.provider.disconnect()


async def test_address_without_contract_is_refused(node: Anvil) -> None:
    with pytest.raises(WrongContract):
        await Chain.connect(node.rpc_url, "0x" + "11" * 20)


async def test_transactions_of_one_sender_queue_up(world: World) -> None:
    requests = await asyncio.gather(
        *(world.chain.deposit(world.alice, bytes([i + 1]) * 20, 10_000_000) for i in range(5))
    )
    assert sorted(request.request_id for request in requests) == [3, 4, 5, 6, 7]


def test_missing_artifact_is_named() -> None:
    with pytest.raises(ArtifactInvalid, match=r"Nothing\.json is missing"):
        load("src/Nothing.sol")


def test_build_failure_carries_the_compilers_message(contracts: None) -> None:
    with pytest.raises(artifacts.ContractsBuildFailed, match="No source files found"):
        build(["src/Nothing.sol"])


def test_unknown_and_damaged_revert_data_are_still_named(contracts: None) -> None:
    assert decode_refusal(b"").name == "revert without data"
    assert decode_refusal(b"\x01\x02\x03\x04").name == "unknown error"
    assert decode_refusal(bytes.fromhex("08c379a0") + b"\xff" * 7).name == "unreadable error"
