"""A trader's side of the chain: deposits into the settlement contract and claims of proven withdrawals."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import Web3Exception

from clients.python.errors import ClientError
from clients.python.signing import Key

sys.setrecursionlimit(min(sys.getrecursionlimit(), 10_000))  # web3 raises it to where nested JSON overflows the stack


def _function(name: str, inputs: list[Any], outputs: list[str], view: bool = False) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view" if view else "nonpayable",
        "inputs": [item if isinstance(item, dict) else {"name": "", "type": item} for item in inputs],
        "outputs": [{"name": "", "type": kind} for kind in outputs],
    }


def _struct(name: str, fields: list[tuple[str, str]]) -> dict[str, Any]:
    return {"name": name, "type": "tuple", "components": [{"name": n, "type": t} for n, t in fields]}


_RECORD = [
    ("withdrawalsRoot", "bytes32"),
    ("receiptsRoot", "bytes32"),
    ("seqFirst", "uint64"),
    ("seqLast", "uint64"),
    ("executedAt", "uint64"),
    ("stateHash", "bytes32"),
    ("withdrawalFirst", "uint64"),
]
_LEAF = [("index", "uint64"), ("recipient", "address"), ("amount_e6", "uint128"), ("salt", "bytes32")]

SETTLEMENT_ABI = [
    _function("deposit", ["address", "uint16", "uint128"], ["uint64"]),
    _function("accountOf", ["address"], ["uint32"], view=True),
    _function("token", [], ["address"], view=True),
    _function("isClaimed", ["uint64"], ["bool"], view=True),
    _function("claimWithdrawal", ["uint64", _struct("record", _RECORD), _struct("leaf", _LEAF), "bytes32[]"], []),
]
TOKEN_ABI = [
    _function("approve", ["address", "uint256"], ["bool"]),
    _function("balanceOf", ["address"], ["uint256"], view=True),
    _function("allowance", ["address", "address"], ["uint256"], view=True),
]


class ChainError(ClientError):
    """A transaction was refused or the node cannot be reached."""


class ChainWallet:
    """Sends transactions of one key to the settlement contract at `contract` (20 bytes) through the node at `rpc_url`."""

    def __init__(self, rpc_url: str, contract: bytes, key: Key) -> None:
        self._web3 = AsyncWeb3(AsyncHTTPProvider(rpc_url))
        self._account = self._web3.eth.account.from_key(key.secret)
        address = self._web3.to_checksum_address("0x" + contract.hex())
        self._settlement = self._web3.eth.contract(address=address, abi=SETTLEMENT_ABI)

    async def close(self) -> None:
        """Drops the connection to the node."""
        await self._web3.provider.disconnect()

    async def __aenter__(self) -> ChainWallet:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def deposit(self, owner: bytes, amount_e6: int) -> int:
        """Deposits for `owner`, paid by this wallet; returns the owner's account number.

        The money arrives when the exchange has taken the request from the queue, after finality.
        """
        target = self._web3.to_checksum_address("0x" + owner.hex())
        token = self._web3.eth.contract(address=await self._settlement.functions.token().call(), abi=TOKEN_ABI)
        allowed = await token.functions.allowance(self._account.address, self._settlement.address).call()
        if allowed < amount_e6:
            await self._send(token.functions.approve(self._settlement.address, 2**256 - 1))
        await self._send(self._settlement.functions.deposit(target, 0, amount_e6))
        return int(await self._settlement.functions.accountOf(target).call())

    async def claim(self, withdrawal: dict[str, Any]) -> str:
        """Claims one entry of `AsyncClient.withdrawals` with status "claimable"; returns the transaction hash."""
        if withdrawal.get("status") != "claimable":
            raise ChainError(f"withdrawal {withdrawal.get('index')}: not claimable yet")
        record = withdrawal["record"]
        try:
            record_values = (
                _bytes32(record["withdrawals_root"]),
                _bytes32(record["receipts_root"]),
                int(record["seq_first"]),
                int(record["seq_last"]),
                int(record["executed_at"]),
                _bytes32(record["state_hash"]),
                int(record["withdrawal_first"]),
            )
            recipient = self._web3.to_checksum_address(withdrawal["recipient"])
            leaf = (int(withdrawal["index"]), recipient, int(withdrawal["amount_e6"]), bytes(32))
            path = [_bytes32(node) for node in withdrawal["path"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ChainError(f"withdrawal is not readable: {error!r}") from error
        call = self._settlement.functions.claimWithdrawal(int(withdrawal["batch"]), record_values, leaf, path)
        return await self._send(call)

    async def token_balance(self, owner: bytes) -> int:
        """Tokens of `owner`, in e6."""
        token = self._web3.eth.contract(address=await self._settlement.functions.token().call(), abi=TOKEN_ABI)
        return int(await token.functions.balanceOf(self._web3.to_checksum_address("0x" + owner.hex())).call())

    async def is_claimed(self, index: int) -> bool:
        """Whether the withdrawal with this index was claimed."""
        return bool(await self._settlement.functions.isClaimed(index).call())

    async def _send(self, call: Any) -> str:
        try:
            sender = self._account.address
            nonce = await self._web3.eth.get_transaction_count(sender, "pending")
            transaction = await call.build_transaction({"from": sender, "nonce": nonce})
            signed = self._account.sign_transaction(transaction)
            digest = await self._web3.eth.send_raw_transaction(signed.raw_transaction)
            receipt = await self._web3.eth.wait_for_transaction_receipt(digest, timeout=60)
        except (Web3Exception, ValueError, OSError) as error:
            raise ChainError(f"transaction refused: {error}") from error
        if receipt["status"] != 1:
            raise ChainError(f"transaction 0x{digest.hex()} failed")
        return f"0x{digest.hex()}"


def _bytes32(text: str) -> bytes:
    value = bytes.fromhex(text.removeprefix("0x"))
    if len(value) != 32:
        raise ValueError(f"expected 32 bytes, found {len(value)}")
    return value
