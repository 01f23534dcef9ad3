"""The keccak tree of a batch's withdrawals that the contract pays from (settlement 5.5, decision 22)."""

from __future__ import annotations

from collections.abc import Sequence

from Crypto.Hash import keccak

from matching.spec.money import Withdrawal

ZERO = bytes(32)


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it."""
    return keccak.new(digest_bits=256, data=data).digest()


def withdrawal_leaf(batch_no: int, withdrawal: Withdrawal) -> bytes:
    """keccak(0x00 | batch u64 | index u64 | recipient 20 B | amount u128 | salt 32 B = 0), big-endian."""
    return keccak256(
        b"\0"
        + batch_no.to_bytes(8, "big")
        + withdrawal.index.to_bytes(8, "big")
        + withdrawal.recipient
        + withdrawal.amount_e6.to_bytes(16, "big")
        + ZERO
    )


def withdrawal_layers(batch_no: int, withdrawals: Sequence[Withdrawal]) -> list[list[bytes]]:
    """All layers, leaves first; the leaves are filled with zero digests to a power of two. Empty list: [[zero]]."""
    leaves = [withdrawal_leaf(batch_no, withdrawal) for withdrawal in withdrawals]
    width = 1 << max(0, len(leaves) - 1).bit_length()
    layers = [leaves + [ZERO] * (width - len(leaves))]
    while len(layers[-1]) > 1:
        below = layers[-1]
        layers.append([keccak256(b"\1" + below[i] + below[i + 1]) for i in range(0, len(below), 2)])
    return layers


def withdrawals_root(batch_no: int, withdrawals: Sequence[Withdrawal]) -> bytes:
    """Root of the batch's withdrawals, zero when there are none."""
    return withdrawal_layers(batch_no, withdrawals)[-1][0]


def withdrawal_path(batch_no: int, withdrawals: Sequence[Withdrawal], position: int) -> list[bytes]:
    """Siblings from the leaf at `position` (index - index of the batch's first withdrawal) to the root."""
    layers = withdrawal_layers(batch_no, withdrawals)
    return [layer[(position >> height) ^ 1] for height, layer in enumerate(layers[:-1])]
