"""The contract as the worker and the sequencer see it: submit, follow, and final queue requests."""

from __future__ import annotations

from typing import Any

from eth_account.signers.local import LocalAccount

from exchange.settlement.chain import BatchUnknown, Chain, ExecutedBatch
from exchange.settlement.header import BatchHeader
from exchange.settlement.transactions import ChainUnavailable, Sender
from exchange.settlement.worker import LedgerUnavailable


class ChainLedger:
    """`Ledger` over a `Chain`: one operator key, idempotent by batch number."""

    def __init__(self, chain: Chain, operator: LocalAccount) -> None:
        self._chain = chain
        self._sender: Sender = chain.sender(operator)

    async def submit(self, header: BatchHeader, vk_digest: bytes, proof: bytes) -> dict[str, Any]:
        """Send the batch and wait until it is mined; a refusal raises ContractRefused."""
        try:
            receipt = await self._chain.submit_batch(self._sender, header, vk_digest, proof)
        except ChainUnavailable as error:
            raise LedgerUnavailable(str(error)) from error
        return {
            "transaction": "0x" + receipt.transaction.hex(),
            "gas": receipt.gas_used,
            "block": receipt.block_number,
        }

    async def executed(self, number: int) -> dict[str, Any] | None:
        """What the contract recorded of the batch, or None when it is not executed."""
        batch = await self._find(number)
        if batch is None:
            return None
        return {"block": batch.block_number, "transaction": "0x" + batch.transaction.hex(), "claim": _claim(batch)}

    async def is_final(self, number: int) -> bool:
        """True when the batch is executed in a final block."""
        batch = await self._find(number)
        if batch is None:
            raise LedgerUnavailable(f"batch {number} is not executed on the chain the node shows now")
        try:
            return batch.block_number <= await self._chain.final_block()
        except ChainUnavailable as error:
            raise LedgerUnavailable(str(error)) from error

    async def _find(self, number: int) -> ExecutedBatch | None:
        try:
            if (await self._chain.progress()).batch_number < number:
                return None
            return await self._chain.executed_batch(number)
        except BatchUnknown as error:
            raise LedgerUnavailable(str(error)) from error
        except ChainUnavailable as error:
            raise LedgerUnavailable(str(error)) from error


def _claim(batch: ExecutedBatch) -> dict[str, Any]:
    record = batch.record
    return {
        "withdrawals_root": "0x" + record.withdrawals_root.hex(),
        "receipts_root": "0x" + record.receipts_root.hex(),
        "seq_first": record.seq_first,
        "seq_last": record.seq_last,
        "executed_at": record.executed_at,
        "state_hash": "0x" + record.state_hash.hex(),
        "withdrawal_first": record.withdrawal_first,
    }
