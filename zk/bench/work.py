"""How much arithmetic and how many bytes the kernels of the prover need: the counts behind the bound of each stage.

Multiplications are counted as the algorithms make them (a base value times an extension value is five base multiplications),
additions are not. Bytes are those of the tables that a kernel reads and writes once for each pass over them; what stays in the
cache between two passes is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from gpu.device import ChipColumns, HashName
from gpu.printer import needed_nodes
from gpu.program import ChipProgram, Op

_KECCAK_RATE_BYTES, _POSEIDON2_RATE = 136, 8
_EXT_BYTES, _BASE_BYTES, _DIGEST_BYTES = 20, 4, 32


@dataclass(frozen=True, slots=True)
class Work:
    """Operations and bytes."""

    base_multiplications: float = 0
    extension_multiplications: float = 0
    poseidon2: float = 0
    keccak: float = 0
    bytes: float = 0

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Work)))


def trace_work(cycles: int, cells: int) -> Work:
    """Logged rows of eight words read, columns written."""
    return Work(bytes=8 * _BASE_BYTES * cycles + _BASE_BYTES * cells)


def hashes(name: HashName, count: float) -> Work:
    """Permutations of a hash."""
    return Work(poseidon2=count) if name == "poseidon2" else Work(keccak=count)


def commitment_work(name: HashName, width: int, log_rows: int, log_inv_rate: int) -> Work:
    """Transforms of radix 4 with shift and twiddle, leaves of `width` elements, and the tree."""
    rows = 1 << (log_rows + log_inv_rate)
    cells = width * rows
    leaf = -(-width // _POSEIDON2_RATE) if name == "poseidon2" else (4 * width + 1) // _KECCAK_RATE_BYTES + 1
    transform = Work(base_multiplications=cells * (log_rows / 2 + 2), bytes=3 * _BASE_BYTES * cells)
    return transform + hashes(name, rows * leaf + rows - 1) + Work(bytes=4 * _DIGEST_BYTES * rows)


def evaluation_work(values: int) -> Work:
    """sum of values[b] z^b over base values."""
    return Work(base_multiplications=5 * values, bytes=_BASE_BYTES * values)


def used_leaves(chips: Sequence[ChipColumns]) -> int:
    """Leaves of the fraction tree."""
    return sum(len(chip.chip.program.interactions) << chip.log_height for chip in chips)


def tree_work(chips: Sequence[ChipColumns], log_leaves: int) -> Work:
    """Leaves, then three products for each parent; parents of an unused leaf cost nothing, numerators of leaves are base values."""
    leaves, half = used_leaves(chips), 1 << max(0, log_leaves - 1)
    fingerprints = sum(
        5 * sum(len(interaction.message) for interaction in chip.chip.program.interactions) << chip.log_height
        for chip in chips
    )
    of_leaves = max(0, leaves - half) + half / 2  # parents whose children are leaves
    inner = half / 2
    return Work(
        base_multiplications=fingerprints + 10 * of_leaves,
        extension_multiplications=of_leaves + 3 * inner,
        bytes=(_EXT_BYTES + _BASE_BYTES) * (leaves + 2 * of_leaves) + 2 * _EXT_BYTES * (of_leaves + 3 * inner),
    )


def layer_work(index: int, log_leaves: int, leaves: int) -> Work:
    """The rounds of one layer. For a row of its tables: 4 products in the first round (two of them with the combination, h at 0 and e,
    the weights), 7 in the rounds after it together; less where numerators are base values, and little where the partner is unused."""
    rows = 1 << (index - 1)
    full = Work(extension_multiplications=11, bytes=340)
    of_leaves = Work(base_multiplications=7, extension_multiplications=9, bytes=300)
    unused = Work(base_multiplications=6, extension_multiplications=3, bytes=116)
    if index == log_leaves:
        filled = max(0, leaves - rows)
        return _scaled(of_leaves, filled) + _scaled(unused, rows - filled)
    return _scaled(of_leaves if index == log_leaves - 1 else full, rows)


def zerocheck_work(chips: Sequence[ChipColumns]) -> Work:
    """First round on base values at four points, the fold to extension values, then the other rounds."""
    total = Work()
    for chip in chips:
        program = chip.chip.program
        rows, columns, constraints = 1 << chip.log_height, program.column_count, len(program.constraints)
        products = _products(program)
        base = 2 * products + 10 * constraints + 2.5 * columns + 7.5 * columns
        extension = 2 * products + 2 * constraints + 0.5 * columns
        moved = _BASE_BYTES * 2 * columns + _EXT_BYTES * 2.25 * columns
        total += _scaled(Work(base, extension, bytes=moved), rows)
    return total


def opening_work(cells: int, log_size: int) -> Work:
    """Two weighted sums and a combination of the base values, then rounds on a 2^8th of the size, in both vectors."""
    dense = 1 << max(0, log_size - 8)
    first = Work(base_multiplications=15 * cells, bytes=2 * _BASE_BYTES * cells)
    return first + Work(extension_multiplications=6 * dense, bytes=12 * _EXT_BYTES * dense)


def weights_work(size: int, terms: int) -> Work:
    """sum of terms coefficient * point^b added to the weights, base points: six base multiplications each."""
    return Work(base_multiplications=6.0 * size * terms, bytes=2 * _EXT_BYTES * size)


def _products(program: ChipProgram) -> int:
    """Multiplications of the constraints for one row."""
    return sum(program.nodes[number].op == Op.MUL for number in needed_nodes(program, program.constraints))


def _scaled(work: Work, factor: float) -> Work:
    return Work(*(getattr(work, each.name) * factor for each in fields(Work)))
