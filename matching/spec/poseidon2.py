"""Poseidon2 over KoalaBear, width 16, and the hashes of the state made of it (rules 3.2, proof system 3).

Elements are canonical integers below P; a digest is 8 elements, kept as 32 little-endian bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

P = 2**31 - 2**24 + 1
WIDTH = 16
FULL_ROUNDS = 8
PARTIAL_ROUNDS = 20
ZERO_DIGEST = bytes(32)

TAG_PAGE = 1
TAG_COMMAND_CHAIN = 2
TAG_ORACLE_REPORT = 3
TAG_BOOKS_SALT = 4
TAG_SIGNER_SET = 5
TAG_WITHDRAW_CHAIN = 6
TAG_LIQUIDATION = 7

Permutation = Callable[[list[int]], list[int]]


def _grain_stream() -> Iterator[int]:
    """Bits of the 80-bit Grain register: of each pair, the second counts when the first is 1."""
    fields = ((1, 2), (0, 4), (31, 12), (WIDTH, 12), (FULL_ROUNDS, 10), (PARTIAL_ROUNDS, 10), (2**30 - 1, 30))
    register = int("".join(f"{value:0{bits}b}" for value, bits in fields), 2)

    def clock() -> int:
        nonlocal register
        feedback = 0
        for tap in (62, 51, 38, 23, 13, 0):
            feedback ^= register >> (79 - tap) & 1
        register = (register << 1 | feedback) & (2**80 - 1)
        return feedback

    for _ in range(160):
        clock()
    while True:
        chosen, bit = clock(), clock()
        if chosen:
            yield bit


def _constants() -> tuple[list[list[int]], list[int]]:
    """Constants of the full rounds (8 x 16) and of the partial rounds (20), drawn in the order of use."""
    stream = _grain_stream()

    def element() -> int:
        while True:
            value = int("".join(str(next(stream)) for _ in range(31)), 2)
            if value < P:
                return value

    first = [[element() for _ in range(WIDTH)] for _ in range(FULL_ROUNDS // 2)]
    partial = [element() for _ in range(PARTIAL_ROUNDS)]
    last = [[element() for _ in range(WIDTH)] for _ in range(FULL_ROUNDS // 2)]
    return first + last, partial


FULL_CONSTANTS, PARTIAL_CONSTANTS = _constants()


def _over(power: int) -> int:
    return pow(2, -power, P)


# y_i = sum(x) + d_i * x_i
INTERNAL_DIAGONAL = [
    value % P
    for value in (
        *(-2, 1, 2, _over(1), 3, 4, -_over(1), -3, -4),
        *(_over(8), _over(3), _over(24), -_over(8), -_over(3), -_over(4), -_over(24)),
    )
]


def _external_layer(state: list[int]) -> list[int]:
    """Circulant (2, 3, 1, 1) on each block of four, then the sums over the blocks are added."""
    mixed: list[int] = []
    for i in range(0, WIDTH, 4):
        a, b, c, d = state[i : i + 4]
        total = a + b + c + d
        mixed += (total + a + 2 * b, total + b + 2 * c, total + c + 2 * d, total + d + 2 * a)
    columns = [mixed[i] + mixed[i + 4] + mixed[i + 8] + mixed[i + 12] for i in range(4)] * 4
    return [(value + column) % P for value, column in zip(mixed, columns, strict=True)]


def _full_round(state: list[int], constants: list[int]) -> list[int]:
    powers = []
    for value, constant in zip(state, constants, strict=True):
        x = value + constant
        powers.append(x * x % P * x)
    return _external_layer(powers)


def permute(state: list[int]) -> list[int]:
    """The permutation of 16 elements."""
    half = FULL_ROUNDS // 2
    state = _external_layer(state)
    for constants in FULL_CONSTANTS[:half]:
        state = _full_round(state, constants)
    for constant in PARTIAL_CONSTANTS:
        x = state[0] + constant
        state[0] = x * x % P * x % P
        total = sum(state)
        state = [(total + d * value) % P for d, value in zip(INTERNAL_DIAGONAL, state, strict=True)]
    for constants in FULL_CONSTANTS[half:]:
        state = _full_round(state, constants)
    return state


def absorb(tag: int, data: bytes, *, arena: int = 0, permutation: Permutation = permute) -> bytes:
    """Digest of a byte string: 16 bytes a step, each two bytes one element (rules 3.2). `arena` only with tag 1."""
    state = [0] * WIDTH
    state[8:11] = [tag, len(data), arena]
    padded = data + bytes(-len(data) % 16) if data else bytes(16)
    for start in range(0, len(padded), 16):
        state[:8] = [padded[i] | padded[i + 1] << 8 for i in range(start, start + 16, 2)]
        state = permutation(state)
    return to_digest(state)


def node(left: bytes, right: bytes, *, permutation: Permutation = permute) -> bytes:
    """Parent of two digests, with feed-forward; two zero digests have the parent zero (rules 3.2)."""
    if left == ZERO_DIGEST and right == ZERO_DIGEST:
        return ZERO_DIGEST
    state = from_digest(left) + from_digest(right)
    return to_digest([(x + y) % P for x, y in zip(permutation(list(state)), state, strict=True)])


def to_digest(elements: list[int]) -> bytes:
    """The first 8 elements as 32 bytes."""
    return b"".join(value.to_bytes(4, "little") for value in elements[:8])


def from_digest(digest: bytes) -> list[int]:
    """The 8 elements of a digest."""
    return [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
