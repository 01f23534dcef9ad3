"""Verification of Merkle multiproofs (proof system, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

from zk.channel import ProofReader
from zk.errors import MerkleError, NonCanonicalError
from zk.hashing import DIGEST_BYTES, Hasher


def read_rows(
    reader: ProofReader, hasher: Hasher, root: bytes, log_rows: int, positions: Sequence[int], width: int, label: str
) -> list[list[int]]:
    """Reads rows of `width` elements at distinct ascending positions and their multiproof; raises MerkleError."""
    flat = reader.elements(width * len(positions), f"{label}.rows")
    rows = [flat[i * width : (i + 1) * width] for i in range(len(positions))]
    known = dict(zip(positions, hasher.leaves(rows), strict=True))
    for level in range(log_rows):
        known = _parents(reader, hasher, known, f"{label}.path.{level}")
    check_root(root, known[0], label)
    return rows


def _parents(reader: ProofReader, hasher: Hasher, known: dict[int, bytes], label: str) -> dict[int, bytes]:
    """The layer above; siblings that are not known come from the proof, left to right."""
    missing = [position ^ 1 for position in known if position ^ 1 not in known]
    siblings = reader.raw(DIGEST_BYTES * len(missing), label)
    for i, position in enumerate(missing):
        known[position] = siblings[DIGEST_BYTES * i : DIGEST_BYTES * (i + 1)]
    check_path_digests(hasher, siblings, label)
    parents = sorted({position >> 1 for position in known})
    pairs = [(known[2 * parent], known[2 * parent + 1]) for parent in parents]
    return dict(zip(parents, hasher.nodes(pairs), strict=True))


def check_path_digests(hasher: Hasher, digests: bytes, label: str) -> None:
    """Demands canonical digests."""
    if digests and not hasher.is_canonical(digests):
        raise NonCanonicalError(f"{label}: a digest element is not below p")


def check_root(expected: bytes, found: bytes, label: str) -> None:
    """The opened rows hash to the committed root."""
    if expected != found:
        raise MerkleError(f"{label}: expected root {expected.hex()}, found {found.hex()}")
