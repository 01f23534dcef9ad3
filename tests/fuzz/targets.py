"""A decoder of untrusted bytes, as every fuzzing run sees it: hypothesis, atheris, limited child processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

Mutation = Callable[[bytes, Random], bytes]
ACCEPTED = "accepted"
INTERESTING = (
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    32,
    52,
    255,
    2**15,
    2**16 - 1,
    2**30,
    2**30 - 4,
    2**31 - 1,
    2**31,
    2**32 - 4,
    2**32 - 1,
)


def mutate_bytes(data: bytes, randomness: Random) -> bytes:
    """One to four changes: bits flipped, a 32-bit word replaced, bytes cut out, doubled or inserted, the end cut off."""
    changed = bytearray(data or b"\0")
    for _ in range(randomness.randint(1, 4)):
        position, length = randomness.randrange(len(changed) or 1), randomness.randint(1, 64)
        match randomness.randrange(6):
            case 0 if changed:
                changed[position] ^= 1 << randomness.randrange(8)
            case 1:
                word = randomness.choice(INTERESTING).to_bytes(4, randomness.choice(("little", "big")))
                changed[position : position + 4] = word
            case 2:
                del changed[position : position + length]
            case 3:
                changed[position:position] = changed[position : position + length]
            case 4:
                changed[position:position] = randomness.randbytes(length)
            case _:
                del changed[position:]
    return bytes(changed)


@dataclass(frozen=True, slots=True)
class Target:
    """`decode` returns, or raises one of `errors`; `seeds` are inputs that it accepts; `mutate` knows their structure."""

    decode: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutation = mutate_bytes

    def outcome(self, data: bytes) -> str:
        """ACCEPTED or the name of the typed error. Whatever else the decoder raises is a bug and passes through."""
        try:
            self.decode(data)
        except self.errors as error:
            assert str(error), f"{type(error).__name__} without a text"
            return type(error).__name__
        return ACCEPTED

    def mutants(self, count: int, randomness: Random) -> list[bytes]:
        """`count` changed seeds, each up to three mutations away."""
        changed = []
        for _ in range(count):
            data = randomness.choice(self.seeds())
            for _ in range(randomness.randint(1, 3)):
                data = self.mutate(data, randomness)
            changed.append(data)
        return changed


def targets() -> dict[str, Target]:
    """All targets by name."""
    from tests.fuzz import exchange_targets, prover_targets

    return {**prover_targets.TARGETS, **exchange_targets.TARGETS}
