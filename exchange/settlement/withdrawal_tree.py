"""The keccak tree over a batch's withdrawals, and paths for claims (design decision 22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.errors import SettlementFault
from exchange.settlement.header import keccak256

ZERO = bytes(32)


class WithdrawalUnknown(SettlementFault):
    """A path was asked for an index outside the batch."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One leaf: `index` counts over all batches, `recipient` is an address of 20 bytes, `salt` is zero for now."""

    index: int
    recipient: bytes
    amount_e6: int
    salt: bytes = ZERO

    def leaf(self, batch: int) -> bytes:
        """Digest of the leaf in batch number `batch`."""
        head = b"\x00" + batch.to_bytes(8, "big") + self.index.to_bytes(8, "big")
        return keccak256(head + self.recipient + self.amount_e6.to_bytes(16, "big") + self.salt)


class WithdrawalTree:
    """Leaves in order, filled with zero digests to a power of two; no withdrawals have the root zero."""

    def __init__(self, batch: int, withdrawals: Sequence[Withdrawal]) -> None:
        """`withdrawals` have consecutive indices."""
        for position, withdrawal in enumerate(withdrawals):
            if withdrawal.index != withdrawals[0].index + position:
                raise SettlementFault(f"withdrawal {position} of batch {batch}: index {withdrawal.index} out of order")
        self._first = withdrawals[0].index if withdrawals else 0
        self._count = len(withdrawals)
        layer = [withdrawal.leaf(batch) for withdrawal in withdrawals]
        width = 1 << (len(layer) - 1).bit_length() if layer else 0
        layer += [ZERO] * (width - len(layer))
        self._layers = [layer]
        while len(layer) > 1:
            layer = [keccak256(b"\x01" + layer[i] + layer[i + 1]) for i in range(0, len(layer), 2)]
            self._layers.append(layer)

    @property
    def root(self) -> bytes:
        """32 bytes; zero without withdrawals."""
        return self._layers[-1][0] if self._count else ZERO

    def path(self, index: int) -> list[bytes]:
        """Siblings from the leaf upwards for the withdrawal with this index."""
        position = index - self._first
        if not 0 <= position < self._count:
            end = self._first + self._count
            raise WithdrawalUnknown(f"withdrawal {index}: expected an index in {self._first}..{end} (exclusive)")
        siblings = []
        for layer in self._layers[:-1]:
            siblings.append(layer[position ^ 1])
            position >>= 1
        return siblings
