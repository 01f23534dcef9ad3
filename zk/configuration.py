"""The configurations of the proof system.

P2: Poseidon2, for proofs that are verified in the machine again. K: Keccak at rate 1/16, for the contract. KA: Keccak at rate 1/2,
for proofs that are verified as they are; hash, transcript and byte form are those of K, the code in the header is its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from zk.hashing import Hasher, KeccakHasher, Poseidon2Hasher
from zk.transcript import Challenger, KeccakChallenger, Poseidon2Challenger

ConfigName: TypeAlias = Literal["P2", "K", "KA"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """Hash, transcript and byte form that a verifying key fixes. `code` stands in the proof header."""

    name: ConfigName
    code: int
    hasher: Hasher
    challenger: Callable[[], Challenger]
    nonce_bytes: int


_CONFIGURATIONS: dict[str, Configuration] = {
    "P2": Configuration("P2", 0, Poseidon2Hasher(), Poseidon2Challenger, 4),
    "K": Configuration("K", 1, KeccakHasher(), KeccakChallenger, 8),
    "KA": Configuration("KA", 2, KeccakHasher(), KeccakChallenger, 8),
}


def configuration(name: str) -> Configuration:
    """The configuration of this name; raises ValueError for another name."""
    if name not in _CONFIGURATIONS:
        raise ValueError(f"configuration: expected one of {', '.join(_CONFIGURATIONS)}, found {name!r}")
    return _CONFIGURATIONS[name]
