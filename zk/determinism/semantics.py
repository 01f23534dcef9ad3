"""RV32IM as the solver sees it: what an instruction does, written from the ISA and not from the chips.

Words are integers in [0, 2^32). MUL, DIV and their kin are missing here: their chips are proven to be functions only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zk.determinism.integer import Formula, Integer
from zk.vm.isa import OpCode

WORD = 1 << 32
SIGN = 1 << 31


@dataclass(frozen=True, slots=True)
class Inputs:
    """Fields of the instruction, and the words it reads: rs1, rs2, the memory word.

    `x` is a field, signed where it is an offset; `b` and `c` are the operands: of the forms that read and write one
    register one of them is the old value of rd, of an immediate form `c` is the constant (0 for the comparisons with
    x0); `pairs` the bytes of b and c, lowest first. `shift` is the amount mod 32 where a case fixes it.
    """

    pc: Integer
    x: Integer
    target: Integer
    immediate: Integer
    b: Integer | None = None
    c: Integer | None = None
    memory: Integer | None = None
    pairs: tuple[tuple[Integer, Integer], ...] = ()
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Effects:
    """Next pc, the word written to rd, and address (4-aligned) and new value of the memory word; None: there is none.

    `allowed` says when the instruction has a proof at all.
    """

    next_pc: Integer
    rd: Integer | None = None
    address: Integer | None = None
    memory: Integer | None = None
    allowed: Formula | None = None


def signed(word: Integer) -> Integer:
    """Two's complement."""
    return word.is_below(SIGN).choose(word, word - WORD)


def is_stated(op: OpCode) -> bool:
    """Whether the effects of the instruction are written down."""
    tables = (_BRANCHES, _LOADS, _STORES, _ALU, ("SET", "MV", "JALR", "JALRN"))
    return any(_ALU_NAMES.get(op.name, op.name) in table for table in tables)


def effects(op: OpCode, i: Inputs) -> Effects | None:
    """The effects of an instruction; None where they are not written down, or a word they depend on is not read."""
    name = op.name
    if name in _BRANCHES and i.b is not None and i.c is not None:
        return Effects(_BRANCHES[name](i.b, i.c).choose(i.x, i.pc + 4))
    if name == "SET":
        return Effects(i.target, i.immediate)
    if name == "MV" and i.b is not None:
        return Effects(i.pc + 4, i.b)
    if name in ("JALR", "JALRN") and i.b is not None:
        target = (i.b + i.x + (0xFFFF0000 if name == "JALRN" else 0)) % WORD
        return Effects(target - target % 2, i.pc + 4)
    if name in _LOADS and i.b is not None and i.memory is not None:
        return _load(name, i, i.b, i.memory)
    if name in _STORES and i.b is not None and i.c is not None and i.memory is not None:
        return _store(_STORES[name], i, i.b, i.c, i.memory)
    alu = _ALU_NAMES.get(name, name)
    if alu in _ALU and i.b is not None and i.c is not None:
        return Effects(i.pc + 4, _ALU[alu](i, i.b, i.c))
    return None


def _bit(condition: Formula, like: Integer) -> Integer:
    return condition.choose(like.constant(1), like.constant(0))


def _and(i: Inputs, word: Integer) -> Integer:
    """By bytes, through the function that the table AND provides."""
    result = word.constant(0)
    for at, (x, y) in enumerate(i.pairs):
        result = result + Integer(word.question, word.question.bitwise_and(x.term, y.term)) * (1 << 8 * at)
    return result


_ALU: dict[str, Callable[[Inputs, Integer, Integer], Integer]] = {
    "ADD": lambda _, b, c: (b + c) % WORD,
    "SUB": lambda _, b, c: (b - c) % WORD,
    "AND": lambda i, b, _: _and(i, b),
    "OR": lambda i, b, c: b + c - _and(i, b),
    "XOR": lambda i, b, c: b + c - _and(i, b) * 2,
    "SLT": lambda _, b, c: _bit(signed(b).is_below(signed(c)), b),
    "SLTU": lambda _, b, c: _bit(b.is_below(c), b),
    "SLL": lambda i, b, _: b * (1 << i.shift) % WORD,
    "SRL": lambda i, b, _: b // (1 << i.shift),
    "SRA": lambda i, b, _: signed(b) // (1 << i.shift) % WORD,
}
_ALU_NAMES = {
    **{f"{name}I": name for name in ("ADD", "AND", "OR", "XOR", "SLT", "SLL", "SRL", "SRA")},
    **{f"{name}_RW": name for name in ("ADD", "AND", "OR", "XOR", "SLTU")},
    **{f"{name}I_{part}": name for name in ("SLL", "SRL") for part in ("LO", "HI", "LO_RW", "HI_RW")},
    "SLTIU": "SLTU",
    "ADDI_RW": "ADD",
}
_BRANCHES: dict[str, Callable[[Integer, Integer], Formula]] = {
    "BEQ": lambda b, c: b.equals(c),
    "BNE": lambda b, c: ~b.equals(c),
    "BLT": lambda b, c: signed(b).is_below(signed(c)),
    "BGE": lambda b, c: ~signed(b).is_below(signed(c)),
    "BLTU": lambda b, c: b.is_below(c),
    "BGEU": lambda b, c: ~b.is_below(c),
    "BEQZ": lambda b, _: b.equals(0),
    "BNEZ": lambda b, _: ~b.equals(0),
}
_LOADS = {"LB": 1, "LBU": 1, "LH": 2, "LHU": 2, "LW": 4}
_STORES = {"SB": 1, "SH": 2, "SW": 4}


def _load(name: str, i: Inputs, b: Integer, memory: Integer) -> Effects:
    size = _LOADS[name]
    address = (b + i.x) % WORD
    limit = 1 << 8 * size
    value = memory.constant(0)
    for offset in range(0, 4, size):
        value = (address % 4).equals(offset).choose(memory // (1 << 8 * offset) % limit, value)
    if name in ("LB", "LH"):
        value = value.is_below(limit // 2).choose(value, value - limit + WORD)
    return Effects(i.pc + 4, value, address - address % 4, memory, (address % size).equals(0))


def _store(size: int, i: Inputs, b: Integer, c: Integer, memory: Integer) -> Effects:
    address = (b + i.x) % WORD
    limit = 1 << 8 * size
    new = memory
    for offset in range(0, 4, size):
        weight = 1 << 8 * offset
        changed = memory + (c % limit - memory // weight % limit) * weight
        new = (address % 4).equals(offset).choose(changed, new)
    return Effects(i.pc + 4, None, address - address % 4, new, (address % size).equals(0))
