"""Client of one Settlement contract: what it says, what it emitted, and the few transactions it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import AsyncWeb3

from exchange.errors import SettlementFault
from exchange.settlement.artifacts import load
from exchange.settlement.header import BatchHeader, BatchRecord
from exchange.settlement.requests import Request
from exchange.settlement.transactions import GAS_MAX, UNREACHABLE, ChainUnavailable, Receipt, Sender, connect, read
from exchange.settlement.withdrawal_tree import Withdrawal

BLOCKS_PER_QUERY = 2_000  # public nodes refuse wider event queries
ALLOWANCE_MAX = 2**256 - 1


class WrongContract(SettlementFault):
    """The address holds no contract, or one of another exchange."""


class BatchUnknown(SettlementFault):
    """The batch is not executed, or the node does not have its event."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The last executed batch and the state after it."""

    batch_number: int
    last_seq: int
    last_time_ms: int
    withdrawal_count: int
    state_hash: bytes


@dataclass(frozen=True, slots=True)
class QueueState:
    """Requests processed, requests ever added, prefix hash of all that were added."""

    head: int
    tail: int
    prefix_hash: bytes


@dataclass(frozen=True, slots=True)
class Money:
    """The contract's own accounts, in e6."""

    assets_e6: int
    unclaimed_e6: int
    pending_deposits_e6: int


@dataclass(frozen=True, slots=True)
class ExecutedBatch:
    """A batch as the chain executed it."""

    header: BatchHeader
    program_id: bytes
    record: BatchRecord
    block_number: int
    transaction: bytes


class Chain:
    """One exchange on one chain. `finality_depth`: blocks on top before something counts as final (0 on a local chain);
    None asks the node for its finalized block. `first_block` is that of the contract's creation. Reading is safe to cancel."""

    def __init__(
        self,
        web3: AsyncWeb3[Any],
        settlement: Any,
        token: Any,
        *,
        chain_id: int,
        finality_depth: int | None,
        first_block: int,
    ) -> None:
        self._web3 = web3
        self._settlement = settlement
        self._token = token
        self._finality_depth = finality_depth
        self.chain_id = chain_id
        self.first_block = first_block
        self.address = bytes.fromhex(settlement.address[2:])

    @classmethod
    async def connect(cls, rpc_url: str, settlement: str, *, finality_depth: int | None = None) -> Chain:
        """Opens the exchange at address `settlement`; raises ChainUnavailable or WrongContract."""
        web3 = connect(rpc_url)
        contract = web3.eth.contract(address=web3.to_checksum_address(settlement), abi=load("src/Settlement.sol").abi)
        try:
            if not await web3.eth.get_code(contract.address):
                raise WrongContract(f"settlement {settlement}: no contract at this address")
            chain_id = await web3.eth.chain_id
            token_address = await read(contract.functions.token())
            first_block = await read(contract.functions.firstBlock())
        except UNREACHABLE as error:
            await web3.provider.disconnect()
            raise ChainUnavailable(f"cannot open settlement {settlement}: {error!r}") from error
        except SettlementFault:
            await web3.provider.disconnect()
            raise
        token = web3.eth.contract(address=token_address, abi=load("src/testing/TestToken.sol").abi)
        return cls(web3, contract, token, chain_id=chain_id, finality_depth=finality_depth, first_block=first_block)

    async def close(self) -> None:
        """Drops the connection."""
        await self._web3.provider.disconnect()

    async def __aenter__(self) -> Chain:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def sender(self, account: LocalAccount) -> Sender:
        """A sender of this account's transactions; keep one per account, it orders them."""
        return Sender(self._web3, account)

    # --- reading ---

    async def progress(self, block: int | str = "latest") -> Progress:
        """Last executed batch and state."""
        number, last_seq, last_time_ms, count, state_hash = await read(self._settlement.functions.progress(), block)
        return Progress(number, last_seq, last_time_ms, count, bytes(state_hash))

    async def queue(self, block: int | str = "latest") -> QueueState:
        """How far the priority queue is."""
        head, tail, prefix_hash = await read(self._settlement.functions.queue(), block)
        return QueueState(head, tail, bytes(prefix_hash))

    async def prefix_at(self, count: int) -> bytes:
        """Prefix hash of the first `count` requests; only for the part of the queue not yet processed."""
        return bytes(await read(self._settlement.functions.prefixAt(count)))

    async def money(self, block: int | str = "latest") -> Money:
        """Assets and what is owed besides the engine's accounts, all at one block."""
        if block == "latest":
            block = await self.head_block()
        functions = self._settlement.functions
        return Money(
            await read(functions.assets_e6(), block),
            await read(functions.unclaimed_e6(), block),
            await read(functions.pendingDeposits_e6(), block),
        )

    async def program_id(self) -> bytes:
        """The program whose proofs the contract takes (32 bytes)."""
        return bytes(await read(self._settlement.functions.programId()))

    async def account_of(self, owner: bytes) -> int | None:
        """Number of the owner's account, None before the first deposit."""
        number: int = await read(self._settlement.functions.accountOf(self._checksum(owner)))
        return number or None

    async def is_claimed(self, index: int) -> bool:
        """Whether the withdrawal with this index was paid."""
        return bool(await read(self._settlement.functions.isClaimed(index)))

    async def token_balance(self, owner: bytes) -> int:
        """Collateral tokens of an address, in e6."""
        return int(await read(self._token.functions.balanceOf(self._checksum(owner))))

    # --- blocks and events ---

    async def head_block(self) -> int:
        """Number of the newest block."""
        try:
            return int(await self._web3.eth.block_number)
        except UNREACHABLE as error:
            raise ChainUnavailable(f"the node does not answer: {error!r}") from error

    async def final_block(self) -> int:
        """Number of the newest final block; -1 before there is one."""
        if self._finality_depth is not None:
            return max(-1, await self.head_block() - self._finality_depth)
        try:
            return int((await self._web3.eth.get_block("finalized"))["number"])
        except UNREACHABLE as error:
            raise ChainUnavailable(f"the node knows no finalized block: {error!r}") from error

    async def is_final(self, receipt: Receipt) -> bool:
        """Whether this transaction's block is final and still part of the chain."""
        if receipt.block_number > await self.final_block():
            return False
        try:
            block = await self._web3.eth.get_block(receipt.block_number)
        except UNREACHABLE as error:
            raise ChainUnavailable(f"block {receipt.block_number} cannot be read: {error!r}") from error
        return bytes(block["hash"]) == receipt.block_hash

    async def requests(self, first_block: int, last_block: int) -> list[Request]:
        """Requests added in these blocks, both included, in order."""
        logs = await self._events("RequestAdded", first_block, last_block)
        return [_request(log) for log in logs]

    async def executed_batch(self, number: int) -> ExecutedBatch:
        """The executed batch with this number and the record that claims need, checked against the contract."""
        logs = await self._events("BatchExecuted", self.first_block, await self.head_block(), {"batch": number})
        if not logs:
            raise BatchUnknown(f"batch {number} is not executed")
        batch = _executed_batch(logs[-1])
        stored = bytes(await read(self._settlement.functions.recordHash(number)))
        if batch.record.hash() != stored:
            raise BatchUnknown(f"batch {number}: its event does not hash to the record 0x{stored.hex()}")
        return batch

    # --- transactions ---

    async def deposit(self, sender: Sender, owner: bytes, amount_e6: int) -> Request:
        """Deposits for `owner` (20 bytes), paid by the sender, with an allowance where one is missing."""
        await self._allow(sender, amount_e6)
        receipt = await sender.send(self._settlement.functions.deposit(self._checksum(owner), 0, amount_e6))
        return self._request_of(receipt)

    async def fund_insurance(self, sender: Sender, amount_e6: int) -> Request:
        """Pays into the insurance fund."""
        await self._allow(sender, amount_e6)
        return self._request_of(await sender.send(self._settlement.functions.fundInsurance(amount_e6)))

    async def submit_batch(self, sender: Sender, header: BatchHeader, program_id: bytes, proof: bytes) -> Receipt:
        """Submits the next batch with its proof; a refusal raises a ContractRefused named like the contract's error."""
        call = self._settlement.functions.submitBatch(header.as_tuple(), program_id, proof)
        return await sender.send(call, GAS_MAX)

    async def claim(
        self, sender: Sender, batch: int, record: BatchRecord, withdrawal: Withdrawal, path: Sequence[bytes]
    ) -> Receipt:
        """Pays one withdrawal to its recipient, whoever sends."""
        leaf = (withdrawal.index, self._checksum(withdrawal.recipient), withdrawal.amount_e6, withdrawal.salt)
        call = self._settlement.functions.claimWithdrawal(batch, record.as_tuple(), leaf, list(path))
        return await sender.send(call)

    # --- parts ---

    async def _allow(self, sender: Sender, amount_e6: int) -> None:
        allowed = await read(self._token.functions.allowance(sender.address, self._settlement.address))
        if allowed < amount_e6:
            await sender.send(self._token.functions.approve(self._settlement.address, ALLOWANCE_MAX))

    async def _events(
        self, name: str, first_block: int, last_block: int, filters: dict[str, Any] | None = None
    ) -> list[Any]:
        event = getattr(self._settlement.events, name)()
        logs: list[Any] = []
        try:
            for start in range(first_block, last_block + 1, BLOCKS_PER_QUERY):
                end = min(start + BLOCKS_PER_QUERY - 1, last_block)
                logs += await event.get_logs(from_block=start, to_block=end, argument_filters=filters)
        except UNREACHABLE as error:
            raise ChainUnavailable(f"events {name} of blocks {first_block}..{last_block}: {error!r}") from error
        return logs

    def _request_of(self, receipt: Receipt) -> Request:
        event = self._settlement.events.RequestAdded()
        for log in receipt.logs:
            if log["address"] == self._settlement.address and bytes(log["topics"][0]) == bytes.fromhex(event.topic[2:]):
                return _request(event.process_log(log))
        raise WrongContract(f"transaction 0x{receipt.transaction.hex()} added no request")

    def _checksum(self, address: bytes) -> str:
        return str(self._web3.to_checksum_address("0x" + address.hex()))


def _address(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _request(log: Any) -> Request:
    values = log["args"]
    return Request(
        request_id=values["requestId"],
        kind=values["kind"],
        owner=_address(values["owner"]),
        sender=_address(values["sender"]),
        timestamp=values["timestamp"],
        body=bytes(values["body"]),
        prefix_hash=bytes(values["prefixHash"]),
        block_number=log["blockNumber"],
    )


def _executed_batch(log: Any) -> ExecutedBatch:
    values = log["args"]
    fields = values["header"]
    header = BatchHeader(*(fields.values() if isinstance(fields, Mapping) else fields))
    record = BatchRecord(
        withdrawals_root=header.withdrawals_root,
        receipts_root=header.receipts_root,
        seq_first=header.seq_first,
        seq_last=header.seq_last,
        executed_at=values["executedAt"],
        state_hash=header.new_state_hash,
        withdrawal_first=values["withdrawalFirst"],
    )
    return ExecutedBatch(
        header=header,
        program_id=bytes(values["programId"]),
        record=record,
        block_number=log["blockNumber"],
        transaction=bytes(log["transactionHash"]),
    )
