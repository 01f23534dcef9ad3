"""Merkle trees and multiproofs over rows, for both hashes (proof system, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

from Crypto.Hash import keccak

from gpu.device import HashName
from gpu.reference import poseidon2
from gpu.reference.field import U64

DIGEST_BYTES = 32
LEAF, NODE = b"\x00", b"\x01"


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it."""
    return keccak.new(digest_bits=256, data=data).digest()


def layers(hash_name: HashName, rows: U64) -> list[list[bytes]]:
    """All layers of the tree over the rows (n, width), leaves first, root last."""
    return _poseidon2_layers(rows) if hash_name == "poseidon2" else _keccak_layers(rows)


def _poseidon2_layers(rows: U64) -> list[list[bytes]]:
    level = poseidon2.leaves(rows)
    result = [level]
    while len(level) > 1:
        level = poseidon2.nodes(level[0::2], level[1::2])
        result.append(level)
    return [[digest.astype("<u4").tobytes() for digest in level] for level in result]


def _keccak_layers(rows: U64) -> list[list[bytes]]:
    encoded = rows.astype(">u4")
    level = [keccak256(LEAF + row.tobytes()) for row in encoded]
    result = [level]
    while len(level) > 1:
        level = [keccak256(NODE + level[i] + level[i + 1]) for i in range(0, len(level), 2)]
        result.append(level)
    return result


def multiproof(tree: Sequence[Sequence[bytes]], positions: Sequence[int]) -> list[bytes]:
    """Sibling digests for distinct ascending positions: level by level from the leaves, left to right, none computable."""
    path: list[bytes] = []
    known = list(positions)
    for level in tree[:-1]:
        present = set(known)
        path.extend(level[position ^ 1] for position in known if position ^ 1 not in present)
        known = sorted({position >> 1 for position in known})
    return path
