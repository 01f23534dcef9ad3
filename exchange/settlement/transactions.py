"""Sending transactions of one key: simulate, sign, send, wait; refusals come back decoded."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
from eth_account.signers.local import LocalAccount
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import (
    BadFunctionCallOutput,
    BadResponseFormat,
    BlockNotFound,
    ContractCustomError,
    ContractLogicError,
    ProviderConnectionError,
    RequestTimedOut,
    TimeExhausted,
    TransactionNotFound,
    Web3RPCError,
)
from web3.types import TxParams

from exchange.errors import SettlementFault
from exchange.settlement.refusals import decode_refusal

sys.setrecursionlimit(min(sys.getrecursionlimit(), 10_000))  # web3 raises it to where nested JSON overflows the stack

GAS_MAX = 16_777_216  # EIP-7825: cap of one transaction
GAS_MARGIN_PERCENT = 125  # of the estimate: the state may change before the transaction is mined
RECEIPT_SECONDS_MAX = 120.0
REQUEST_SECONDS_MAX = 60.0
# what the network or the node can do to a request; anything else is a mistake of the caller and passes through
UNREACHABLE = (
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    BadFunctionCallOutput,
    BadResponseFormat,
    BlockNotFound,
    ProviderConnectionError,
    RequestTimedOut,
    TransactionNotFound,
    Web3RPCError,
)


class ChainUnavailable(SettlementFault):
    """The node cannot be reached or answers nonsense; try again later."""


class TransactionRefused(SettlementFault):
    """The node does not take the transaction (funds, nonce, gas cap)."""


class TransactionPending(ChainUnavailable):
    """The transaction was sent and not mined in time; it may still be. `transaction` is its hash. Read the state of the
    contract before sending the like again."""

    def __init__(self, transaction: bytes) -> None:
        super().__init__(f"transaction 0x{transaction.hex()}: not mined after {RECEIPT_SECONDS_MAX:.0f} s")
        self.transaction = transaction


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction. Hashes are 32 bytes; `contract` is set when it created one; `logs` are raw."""

    transaction: bytes
    block_number: int
    block_hash: bytes
    timestamp: int
    gas_used: int
    contract: str | None
    logs: tuple[Any, ...]


def connect(rpc_url: str) -> AsyncWeb3[Any]:
    """A client of the node at `rpc_url`; disconnect its provider when done."""
    return AsyncWeb3(AsyncHTTPProvider(rpc_url, request_kwargs={"timeout": REQUEST_SECONDS_MAX}))


async def read(call: Any, block: int | str = "latest") -> Any:
    """Result of a view call at a block; raises ContractRefused or ChainUnavailable."""
    try:
        return await call.call(block_identifier=block)
    except ContractLogicError as error:
        raise decode_refusal(_revert_data(error)) from error
    except UNREACHABLE as error:
        raise ChainUnavailable(f"reading the chain failed: {error!r}") from error


class Sender:
    """Sends transactions of `account` one after another; a second call waits for the first."""

    def __init__(self, web3: AsyncWeb3[Any], account: LocalAccount) -> None:
        self.web3 = web3
        self.account = account
        self._turn = asyncio.Lock()

    @property
    def address(self) -> str:
        """Checksummed address of the key."""
        return str(self.account.address)

    async def send(self, call: Any, gas: int | None = None) -> Receipt:
        """Sends a bound contract function or constructor with at most `gas` and waits until it is mined. Without `gas` the
        node estimates it (several executions: give it for long ones).

        The call is simulated first, so a refusal costs nothing and raises ContractRefused (or a subclass). Raises also
        ChainUnavailable, TransactionRefused, TransactionPending. Cancelling leaves a sent transaction in flight.
        """
        async with self._turn:
            try:
                return await self._send(call, gas)
            except ContractLogicError as error:
                raise decode_refusal(_revert_data(error)) from error
            except Web3RPCError as error:
                raise TransactionRefused(f"the node refuses the transaction: {error}") from error
            except UNREACHABLE as error:
                raise ChainUnavailable(f"sending a transaction failed: {error!r}") from error

    async def _send(self, call: Any, gas: int | None) -> Receipt:
        nonce = await self.web3.eth.get_transaction_count(self.account.address, "pending")
        fields = await call.build_transaction({"from": self.account.address, "nonce": nonce, "gas": gas or GAS_MAX})
        # at the pending block: its time is now, the latest block's may be long ago
        await self.web3.eth.call(_without_nonce(fields), "pending")
        if gas is None:
            estimate = await self.web3.eth.estimate_gas(_without_nonce(fields), "pending")
            fields["gas"] = min(GAS_MAX, estimate * GAS_MARGIN_PERCENT // 100)
        signed = self.account.sign_transaction(fields)
        digest = await self.web3.eth.send_raw_transaction(signed.raw_transaction)
        try:
            mined = await self.web3.eth.wait_for_transaction_receipt(
                digest, timeout=RECEIPT_SECONDS_MAX, poll_latency=0.05
            )
        except TimeExhausted as error:
            raise TransactionPending(bytes(digest)) from error
        if mined["status"] != 1:
            await self._raise_reason(fields, mined["blockNumber"], mined["gasUsed"])
        block = await self.web3.eth.get_block(mined["blockNumber"])
        return Receipt(
            transaction=bytes(digest),
            block_number=mined["blockNumber"],
            block_hash=bytes(mined["blockHash"]),
            timestamp=block["timestamp"],
            gas_used=mined["gasUsed"],
            contract=mined.get("contractAddress"),
            logs=tuple(mined["logs"]),
        )

    async def _raise_reason(self, fields: Any, block_number: int, gas_used: int) -> None:
        """The simulation passed and the transaction failed: the state changed between. Ask again where it failed."""
        await self.web3.eth.call(_without_nonce(fields), block_number)
        raise TransactionRefused(f"transaction failed in block {block_number} with {gas_used} gas used, reason unknown")


def _without_nonce(fields: Any) -> TxParams:
    """The call of a transaction, to be simulated."""
    return cast(TxParams, {key: fields[key] for key in ("from", "to", "data", "gas") if fields.get(key)})


def _revert_data(error: ContractLogicError) -> bytes:
    """Revert data carried by the error; custom errors have it as hex text."""
    data: Any = error.data
    if isinstance(error, ContractCustomError) and data is None:
        data = error.message
    if isinstance(data, str) and data.startswith("0x"):
        return bytes.fromhex(data[2:])
    return b""
