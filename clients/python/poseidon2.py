"""Poseidon2 over KoalaBear, width 16: what a client needs to sign requests and to check Merkle paths.

Source: proof system, section 3 (cube S-box, 4 + 4 external and 20 internal rounds, constants from the 80-bit Grain LFSR).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

P = 2**31 - 2**24 + 1
WIDTH = 16
EXTERNAL_ROUNDS = 8
INTERNAL_ROUNDS = 20
_HALF = (P + 1) // 2


def _inverse_power_of_two(exponent: int) -> int:
    return pow(_HALF, exponent, P)


_DIAGONAL = [
    P - 2,
    1,
    2,
    _HALF,
    3,
    4,
    P - _HALF,
    P - 3,
    P - 4,
    _inverse_power_of_two(8),
    _inverse_power_of_two(3),
    _inverse_power_of_two(24),
    P - _inverse_power_of_two(8),
    P - _inverse_power_of_two(3),
    P - _inverse_power_of_two(4),
    P - _inverse_power_of_two(24),
]


def _grain_bits() -> Iterator[int]:
    """The self-shrinking Grain stream seeded with the parameters of the permutation."""
    fields = ((1, 2), (0, 4), (31, 12), (WIDTH, 12), (EXTERNAL_ROUNDS, 10), (INTERNAL_ROUNDS, 10), (2**30 - 1, 30))
    state = [value >> shift & 1 for value, width in fields for shift in reversed(range(width))]

    def step() -> int:
        bit = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0]
        del state[0]
        state.append(bit)
        return bit

    for _ in range(160):
        step()
    while True:
        if step():
            yield step()
        else:
            step()


def _round_constants() -> list[int]:
    bits = _grain_bits()
    constants: list[int] = []
    while len(constants) < EXTERNAL_ROUNDS * WIDTH + INTERNAL_ROUNDS:
        value = 0
        for _ in range(31):
            value = value << 1 | next(bits)
        if value < P:
            constants.append(value)
    return constants


_CONSTANTS = _round_constants()
_FIRST = [_CONSTANTS[i * WIDTH : (i + 1) * WIDTH] for i in range(4)]
_INTERNAL = _CONSTANTS[4 * WIDTH : 4 * WIDTH + INTERNAL_ROUNDS]
_LAST = [_CONSTANTS[4 * WIDTH + INTERNAL_ROUNDS + i * WIDTH :][:WIDTH] for i in range(4)]


def _external_layer(s: list[int]) -> list[int]:
    out = [0] * WIDTH
    for block in range(0, WIDTH, 4):
        a, b, c, d = s[block : block + 4]
        t = a + b + c + d
        out[block] = t + a + 2 * b
        out[block + 1] = t + b + 2 * c
        out[block + 2] = t + c + 2 * d
        out[block + 3] = t + d + 2 * a
    sums = [out[i] + out[i + 4] + out[i + 8] + out[i + 12] for i in range(4)]
    return [(value + sums[i % 4]) % P for i, value in enumerate(out)]


def permute(state: Sequence[int]) -> list[int]:
    """The permutation of 16 canonical elements."""
    s = _external_layer(list(state))
    for constants in _FIRST:
        s = _external_layer([pow(x + c, 3, P) for x, c in zip(s, constants, strict=True)])
    for constant in _INTERNAL:
        s[0] = pow(s[0] + constant, 3, P)
        t = sum(s)
        s = [(t + d * x) % P for x, d in zip(s, _DIAGONAL, strict=True)]
    for constants in _LAST:
        s = _external_layer([pow(x + c, 3, P) for x, c in zip(s, constants, strict=True)])
    return s


def absorb(tag: int, data: bytes) -> bytes:
    """Digest (32 bytes) of a byte string under a tag, 16-bit elements (rules, section 3.2)."""
    state = [0] * WIDTH
    state[8], state[9] = tag, len(data)
    padded = data + bytes(-len(data) % 16)
    for start in range(0, max(len(padded), 16), 16):
        block = padded[start : start + 16].ljust(16, b"\0")
        state[:8] = [int.from_bytes(block[i : i + 2], "little") for i in range(0, 16, 2)]
        state = permute(state)
    return b"".join(value.to_bytes(4, "little") for value in state[:8])
