"""The neutral form in which devices receive the AIR of a chip: a list of arithmetic nodes with outputs.

`zk/air` lowers chips to this form; every back end (NumPy interpreter, generated C++, generated CUDA, generated Solidity)
is a printer or an interpreter over it. Values are field elements of KoalaBear or of its extension.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Op(IntEnum):
    """Kind of a node; `a` and `b` are node numbers except where said."""

    CONST = 0  # a = canonical value in [0, p)
    COLUMN = 1  # a = column number; order of columns: main, preprocessed, virtual
    ADD = 2
    SUB = 3
    MUL = 4


@dataclass(frozen=True, slots=True)
class Node:
    """One arithmetic node. Operands always have smaller numbers than the node itself."""

    op: Op
    a: int
    b: int = 0


@dataclass(frozen=True, slots=True)
class InteractionProgram:
    """One bus interaction: signed multiplicity and message entries, each a node of degree <= 1 (send +, receive -)."""

    bus: int
    multiplicity: int
    message: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChipProgram:
    """The AIR of one chip.

    `virtual` names the kinds of the virtual columns (proof system, section 5.7), in column order. `constraints` are node
    numbers of polynomials of degree <= 3 that vanish on every row, in declaration order.
    """

    name: str
    main_count: int
    preprocessed_count: int
    virtual: tuple[str, ...]
    nodes: tuple[Node, ...]
    constraints: tuple[int, ...]
    interactions: tuple[InteractionProgram, ...]

    @property
    def column_count(self) -> int:
        """Number of columns of all three kinds."""
        return self.main_count + self.preprocessed_count + len(self.virtual)
