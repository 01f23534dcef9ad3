"""A local chain with the verifier of one key: deploys it, calls it, measures gas."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from web3 import Web3
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError

from exchange.settlement.anvil import Anvil
from exchange.settlement.artifacts import Artifact, build, error_abis, load
from zk.solidity.assembler import Assembler, init_code
from zk.solidity.deployment import OPENING_SOURCE, VERIFIER_SOURCE, VerifierDeployment

START_SECONDS = 40
CALL_GAS = 16_777_216  # the cap of one transaction (EIP-7825)


@dataclass(slots=True)
class DeployedVerifier:
    """A ProofVerifier on a chain."""

    web3: Web3
    contract: Any
    gas: dict[str, int]

    def public_values(self, proof: bytes) -> list[int]:
        """Result of verifyProof; raises Refused."""
        return list(self._call(self.contract.functions.verifyProof(proof)))

    def verify(self, program_id: bytes, public_inputs_hash: bytes, proof: bytes) -> bool:
        """Result of verify; raises Refused."""
        return bool(self._call(self.contract.functions.verify(program_id, public_inputs_hash, proof)))

    def transaction_gas(self, proof: bytes) -> int:
        """Gas of a transaction that calls verifyProof."""
        data = self.contract.encode_abi("verifyProof", [proof])
        sent = self.web3.eth.send_transaction(
            {"from": self.web3.eth.accounts[0], "to": self.contract.address, "data": data, "gas": CALL_GAS}
        )
        receipt = self.web3.eth.wait_for_transaction_receipt(sent)
        if receipt["status"] != 1:
            raise AssertionError("the proof was refused in a transaction")
        return int(receipt["gasUsed"])

    def execution_gas(self, proof: bytes) -> int:
        """Gas of a static call of verifyProof from another contract, without the price of calldata."""
        data = self.contract.encode_abi("verifyProof", [proof])
        return measure(self.web3, self.contract.address, bytes.fromhex(data[2:]))

    def _call(self, function: Any) -> Any:
        try:
            return function.call({"gas": CALL_GAS})
        except (ContractCustomError, ContractLogicError, ContractPanicError) as error:
            raise Refused(_error_name(error)) from error


class CreationFailed(Exception):
    """A contract could not be created; the message names it."""


class Refused(Exception):
    """The verifier reverted; the message is the name of its error."""


class _QuietAnvil(Anvil):
    """Reads the output in pieces: the node logs whole proofs, lines longer than a line reader takes."""

    def __init__(self, more: Sequence[str]) -> None:
        super().__init__()
        self._more = more

    def _arguments(self, config: Path) -> list[str]:
        return [*super()._arguments(config), *self._more]

    async def _drain(self, stream: asyncio.StreamReader) -> None:
        while await stream.read(1 << 16):
            pass


@contextmanager
def local_chain(*more: str) -> Iterator[Web3]:
    """A running local chain with the limits of the real one, and with `more` arguments."""
    loop = asyncio.new_event_loop()  # in a thread of its own, so that the output of the node is read while tests wait
    thread = threading.Thread(target=loop.run_forever, name="anvil", daemon=True)
    thread.start()
    node = _QuietAnvil(more)
    asyncio.run_coroutine_threadsafe(node.start(), loop).result(START_SECONDS)
    try:
        yield Web3(Web3.HTTPProvider(node.rpc_url, request_kwargs={"timeout": START_SECONDS}))
    finally:
        asyncio.run_coroutine_threadsafe(node.stop(), loop).result(START_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_SECONDS)
        loop.close()


def deploy(
    web3: Web3, deployment: VerifierDeployment, artifacts: Mapping[str, Artifact] | None = None
) -> DeployedVerifier:
    """Creates all contracts of a deployment; `artifacts` replace the compiled OpeningVerifier and ProofVerifier."""
    if artifacts is None:
        _build()
        artifacts = {
            "OpeningVerifier": load(deployment.opening_source),
            "ProofVerifier": load(deployment.verifier_source),
        }
    gas: dict[str, int] = {}
    tables = create(web3, deployment.tables, "tables", gas)
    evaluators = [create(web3, code, f"evaluator {i}", gas) for i, code in enumerate(deployment.evaluators)]
    opening = create(web3, artifacts["OpeningVerifier"].initcode, "opening", gas)
    artifact = artifacts["ProofVerifier"]
    factory: Any = web3.eth.contract(abi=artifact.abi, bytecode=artifact.initcode)
    creation = factory.constructor(deployment.program_id, tables, opening, evaluators).data_in_transaction
    address = create(web3, bytes.fromhex(creation[2:]), "verifier", gas)
    contract = web3.eth.contract(address=Web3.to_checksum_address(address), abi=artifact.abi)
    return DeployedVerifier(web3, contract, gas)


@cache
def _build() -> None:
    build([OPENING_SOURCE, VERIFIER_SOURCE])


def measure(web3: Web3, target: str, data: bytes) -> int:
    """Gas of a static call."""
    creation = init_code(_meter())
    meter = create(web3, creation, "meter", {})
    payload = bytes.fromhex(target[2:]).rjust(32, b"\0") + data
    answer = web3.eth.call({"to": meter, "data": payload, "gas": 10 * CALL_GAS})
    used, success = int.from_bytes(answer[:32], "big"), int.from_bytes(answer[32:64], "big")
    if success != 1:
        raise AssertionError("the measured call failed")
    return used


def _meter() -> bytes:
    """Calls the address in its first calldata word with the rest; returns the gas it took and whether it succeeded."""
    assembler = Assembler()
    gas, size, static_call = 0x5A, 0x36, 0xFA
    assembler.push(32)
    assembler.code.append(size)
    assembler.op("SUB", "DUP1")  # n n
    assembler.push(32)
    assembler.push(0)
    assembler.op("CALLDATACOPY")  # n
    assembler.code.append(gas)  # n g
    assembler.push(0)
    assembler.push(0)
    assembler.op("DUP4")
    assembler.push(0)
    assembler.push(0)
    assembler.op("CALLDATALOAD")
    assembler.code += bytes([gas, static_call])  # n g success
    assembler.push(32)
    assembler.op("MSTORE")
    assembler.code.append(gas)
    assembler.op("SWAP1", "SUB")
    assembler.push(0)
    assembler.op("MSTORE")
    assembler.push(64)
    assembler.push(0)
    assembler.op("RETURN")
    return bytes(assembler.code)


def create(web3: Web3, creation: bytes, name: str, gas: dict[str, int]) -> str:
    sent = web3.eth.send_transaction({"from": web3.eth.accounts[0], "data": creation, "gas": CALL_GAS})
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    if receipt["status"] != 1 or not receipt["contractAddress"]:
        raise CreationFailed(name)
    gas[name] = int(receipt["gasUsed"])
    return str(receipt["contractAddress"])


def _error_name(error: Exception) -> str:
    data = str(getattr(error, "data", "") or "")
    for entry in error_abis():
        signature = f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})"
        if data.startswith("0x" + Web3.keccak(text=signature).hex().removeprefix("0x")[:8]):
            return str(entry["name"])
    return f"{type(error).__name__} {error}"
