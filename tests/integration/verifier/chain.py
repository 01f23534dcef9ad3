"""A local chain with the verifier of one key: deploys it, calls it, measures gas."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from web3 import Web3
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError

from exchange.settlement.anvil import Anvil
from exchange.settlement.artifacts import build, error_abis, load
from zk.solidity.deployment import OPENING_SOURCE, VERIFIER_SOURCE, VerifierDeployment

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

    def transaction_gas(self, proof: bytes) -> tuple[int, int]:
        """(gas of a transaction that calls verifyProof, its part that is execution)."""
        data = self.contract.encode_abi("verifyProof", [proof])
        receipt = self._send({"to": self.contract.address, "data": data, "gas": CALL_GAS})
        if receipt["status"] != 1:
            raise AssertionError("the proof was refused in a transaction")
        payload = bytes.fromhex(data[2:])
        zeros = payload.count(0)
        used = int(receipt["gasUsed"])
        intrinsic = 21_000 + 4 * zeros + 16 * (len(payload) - zeros)
        floor = 21_000 + 10 * zeros + 40 * (len(payload) - zeros)
        estimate = self._trace_gas(data)
        return max(used, floor), estimate - intrinsic if estimate else used - intrinsic

    def _trace_gas(self, data: str) -> int:
        """Gas before the calldata floor is applied (0 when the node does not tell)."""
        answer = self.web3.provider.make_request(
            "debug_traceCall",  # type: ignore[arg-type]
            [
                {"to": self.contract.address, "data": data, "gas": hex(CALL_GAS)},
                "latest",
                {"tracer": "callTracer"},
            ],
        )
        result = answer.get("result")
        return int(result["gasUsed"], 16) if isinstance(result, dict) and "gasUsed" in result else 0

    def _call(self, function: Any) -> Any:
        try:
            return function.call({"gas": CALL_GAS})
        except (ContractCustomError, ContractLogicError, ContractPanicError) as error:
            raise Refused(_error_name(error)) from error

    def _send(self, fields: dict[str, Any]) -> Any:
        sent = self.web3.eth.send_transaction({"from": self.web3.eth.accounts[0], **fields})  # type: ignore[typeddict-item]
        return self.web3.eth.wait_for_transaction_receipt(sent)


class Refused(Exception):
    """The verifier reverted; the message is the name of its error."""


@contextmanager
def local_chain() -> Iterator[Web3]:
    """A running local chain with the limits of the real one."""
    with asyncio.Runner() as runner:
        node = Anvil()
        runner.run(node.start())
        try:
            yield Web3(Web3.HTTPProvider(node.rpc_url, request_kwargs={"timeout": 60}))
        finally:
            runner.run(node.stop())


def deploy(web3: Web3, deployment: VerifierDeployment) -> DeployedVerifier:
    """Creates all contracts of a deployment."""
    build([OPENING_SOURCE, VERIFIER_SOURCE])
    gas: dict[str, int] = {}
    tables = _create(web3, deployment.tables, "tables", gas)
    evaluators = [_create(web3, code, f"evaluator {i}", gas) for i, code in enumerate(deployment.evaluators)]
    opening = _create(web3, load(deployment.opening_source).initcode, "opening", gas)
    artifact = load(deployment.verifier_source)
    factory: Any = web3.eth.contract(abi=artifact.abi, bytecode=artifact.initcode)
    creation = factory.constructor(deployment.program_id, tables, opening, evaluators).data_in_transaction
    address = _create(web3, bytes.fromhex(creation[2:]), "verifier", gas)
    return DeployedVerifier(web3, web3.eth.contract(address=address, abi=artifact.abi), gas)  # type: ignore[arg-type]


def _create(web3: Web3, creation: bytes, name: str, gas: dict[str, int]) -> str:
    sent = web3.eth.send_transaction({"from": web3.eth.accounts[0], "data": creation, "gas": CALL_GAS})
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    if receipt["status"] != 1 or not receipt["contractAddress"]:
        raise AssertionError(f"{name} could not be created")
    gas[name] = int(receipt["gasUsed"])
    return str(receipt["contractAddress"])


def _error_name(error: Exception) -> str:
    data = str(getattr(error, "data", "") or "")
    for entry in error_abis():
        signature = f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})"
        if data.startswith("0x" + Web3.keccak(text=signature).hex().removeprefix("0x")[:8]):
            return str(entry["name"])
    return f"{type(error).__name__} {error}"
