"""What a thief with the operator's key would try: another proof, another root, the same batch again.

Each attempt is executed by the node exactly as a transaction would be, against the chain as it stood right before the batch
was accepted (the replay: against the head). The honest batch is tried at the same place first, so a refusal says something.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import AsyncWeb3
from web3.exceptions import ContractLogicError

from exchange.demo.stage import DemoFailed
from exchange.settlement.artifacts import load
from exchange.settlement.chain import ExecutedBatch
from exchange.settlement.header import BatchHeader
from exchange.settlement.transactions import GAS_MAX, connect


class Attacker:
    """Tries batches on the contract at `settlement` as `operator`."""

    def __init__(self, rpc_url: str, settlement: str, operator: LocalAccount) -> None:
        self._web3: AsyncWeb3[Any] = connect(rpc_url)
        self._contract = self._web3.eth.contract(
            address=self._web3.to_checksum_address(settlement), abi=load("src/Settlement.sol").abi
        )
        self._operator = operator

    async def close(self) -> None:
        """Drops the connection."""
        await self._web3.provider.disconnect()

    async def attack(self, batch: ExecutedBatch, proof: bytes) -> dict[str, bool]:
        """Whether each attack was refused."""
        before = batch.block_number - 1
        if not await self._accepts(batch.header, batch.program_id, proof, before):
            raise DemoFailed(f"batch {batch.header.batch_number}: the honest proof is not accepted where it was")
        tampered = bytearray(proof)
        tampered[len(proof) // 2] ^= 1
        root = bytearray(batch.header.new_state_hash)
        root[0] ^= 1
        other = replace(batch.header, new_state_hash=bytes(root))
        return {
            "tampered_proof": not await self._accepts(batch.header, batch.program_id, bytes(tampered), before),
            "wrong_root": not await self._accepts(other, batch.program_id, proof, before),
            "replayed_batch": not await self._accepts(batch.header, batch.program_id, proof, "latest"),
        }

    async def _accepts(self, header: BatchHeader, program_id: bytes, proof: bytes, block: Any) -> bool:
        call = self._contract.functions.submitBatch(header.as_tuple(), program_id, proof)
        try:
            await call.call({"from": self._operator.address, "gas": GAS_MAX}, block_identifier=block)
        except ContractLogicError:
            return False
        return True
