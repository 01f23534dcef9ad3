"""The two configurations of the proof system: P2 (Poseidon2) and K (Keccak)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from zk.hashing import Hasher, KeccakHasher, Poseidon2Hasher
from zk.transcript import Challenger, KeccakChallenger, Poseidon2Challenger

ConfigName: TypeAlias = Literal["P2", "K"]


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
}


def configuration(name: str) -> Configuration:
    """The configuration of this name; raises ValueError for another name."""
    if name not in _CONFIGURATIONS:
        raise ValueError(f"configuration: expected P2 or K, found {name!r}")
    return _CONFIGURATIONS[name]
