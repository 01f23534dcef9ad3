"""Refusals of the contracts as exceptions: custom errors decoded to their name and values.

SettlementFault
└── ContractRefused(name, values)   any custom error; also those of the verifier and of the token
    ├── BatchNumberMismatch, StateHashMismatch, TimeOutOfRange, SequenceGap, PriorityOutOfRange,
    │   PriorityHashMismatch, WithdrawalCountBelow, ProgramInactive, ProofInvalid, Insolvent      submitBatch
    ├── RecordMismatch, AlreadyClaimed, PathInvalid                                             claimWithdrawal
    ├── OwnerZero, SubAccountUnsupported, AmountZero, AmountTooSmall, AmountTooLarge, AccountsExhausted,
    │   TransferInexact, RingFull                                                               deposit
    └── Unauthorized, Reentered
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address

from exchange.errors import SettlementFault
from exchange.settlement.artifacts import error_abis
from exchange.settlement.header import keccak256

# what the compiler itself reverts with
_BUILT_IN: tuple[dict[str, Any], ...] = (
    {"name": "Error", "inputs": [{"name": "reason", "type": "string"}]},
    {"name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
)


class ContractRefused(SettlementFault):
    """A contract reverted. `name` is the error's name, `values` its arguments by name (expected before provided)."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        shown = ", ".join(f"{key}={_show(value)}" for key, value in values.items())
        super().__init__(f"{name}({shown})")
        self.name = name
        self.values = dict(values)


class Unauthorized(ContractRefused):
    """The caller is not the operator."""


class BatchNumberMismatch(ContractRefused):
    """Not the next batch; a replayed batch has a lower number."""


class StateHashMismatch(ContractRefused):
    """The batch starts from another state."""


class TimeOutOfRange(ContractRefused):
    """The batch's time is not after the last one, or too far from the block's time (ms)."""


class SequenceGap(ContractRefused):
    """Sequence numbers do not continue those of the last batch."""


class PriorityOutOfRange(ContractRefused):
    """The count of processed requests lies outside the queue."""


class PriorityHashMismatch(ContractRefused):
    """The requests taken are not those of the queue."""


class WithdrawalCountBelow(ContractRefused):
    """The count of withdrawals fell."""


class ProgramInactive(ContractRefused):
    """Not the program of this contract."""


class ProofInvalid(ContractRefused):
    """The verifier says no."""


class Insolvent(ContractRefused):
    """Claims exceed the assets."""


class RecordMismatch(ContractRefused):
    """Not the record of an executed batch."""


class AlreadyClaimed(ContractRefused):
    """This withdrawal was paid."""


class PathInvalid(ContractRefused):
    """The leaf is not in the batch's tree at its index."""


class OwnerZero(ContractRefused):
    """A deposit without owner."""


class SubAccountUnsupported(ContractRefused):
    """Deposits go to master accounts."""


class AmountZero(ContractRefused):
    """Nothing to move."""


class AmountTooSmall(ContractRefused):
    """Below the minimum deposit."""


class AmountTooLarge(ContractRefused):
    """Above the engine's bound of one money command."""


class AccountsExhausted(ContractRefused):
    """No account number is left."""


class TransferInexact(ContractRefused):
    """The token moved another amount than asked."""


class RingFull(ContractRefused):
    """The priority queue has no room."""


class Reentered(ContractRefused):
    """A call from within a call."""


_TYPED = {kind.__name__: kind for kind in ContractRefused.__subclasses__()}


def decode_refusal(data: bytes) -> ContractRefused:
    """The exception for revert data; unknown or empty data become a plain ContractRefused that shows them."""
    entry = _table().get(data[:4])
    if entry is None and data:
        _table.cache_clear()  # contracts compiled since the table was made
        entry = _table().get(data[:4])
    if entry is None:
        return ContractRefused("unknown error" if data else "revert without data", {"data": data})
    name, arguments = entry
    try:
        values = decode([kind for _, kind in arguments], data[4:])
    except DecodingError:
        return ContractRefused("unreadable error", {"data": data})
    named = {}
    for position, ((key, kind), value) in enumerate(zip(arguments, values, strict=True)):
        named[key or str(position)] = to_checksum_address(value) if kind == "address" else value
    return _TYPED.get(name, ContractRefused)(name, named)


@cache
def _table() -> dict[bytes, tuple[str, list[tuple[str, str]]]]:
    return dict(_entries([*_BUILT_IN, *error_abis()]))


def _entries(abis: Iterable[Mapping[str, Any]]) -> Iterable[tuple[bytes, tuple[str, list[tuple[str, str]]]]]:
    for abi in abis:
        arguments = [(item["name"], collapse_if_tuple(item)) for item in abi["inputs"]]
        signature = f"{abi['name']}({','.join(kind for _, kind in arguments)})"
        yield keccak256(signature.encode())[:4], (abi["name"], arguments)


def _show(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
