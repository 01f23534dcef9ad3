"""A witness that uses every chip, and ways to break it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.unit.vm.assembler import (
    DATA,
    TEXT,
    ZERO_BASE,
    branch,
    call,
    constant,
    finish,
    immediate_form,
    load,
    program,
    random_program,
    register_form,
    shift,
    store,
)
from zk.air.check import evaluate, find_violations, virtual_column
from zk.air.chip import Chip, Machine
from zk.air.expression import P
from zk.vm.elf import GuestProgram
from zk.vm.executor import execute
from zk.vm.isa import OpCode
from zk.vm.machine import rv32im_machine
from zk.vm.trace import generate_traces

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

COPROCESSORS = ("P2", "P2_PATH", "EXT_DOT")
# Chips with rows, not tables.
CHIPS = tuple(chip.name for chip in rv32im_machine(program(finish()), COPROCESSORS)[0].chips if chip.selectors)


@dataclass(slots=True)
class Witness:
    """A machine with a satisfying trace."""

    guest: GuestProgram
    machine: Machine
    preprocessed: dict[str, U32]
    traces: dict[str, U32]
    public_values: list[int]
    shard: int = 0  # number of the shard, for a proof of one shard of a run

    def chip(self, name: str) -> Chip:
        return next(chip for chip in self.machine.chips if chip.name == name)

    def column(self, chip: str, name: str) -> U32:
        """A view of a main column."""
        return self.traces[chip][self.chip(chip).main.index(name)]

    def copy(self) -> Witness:
        """A copy whose columns may be changed."""
        traces = {name: trace.copy() for name, trace in self.traces.items()}
        preprocessed = {name: columns.copy() for name, columns in self.preprocessed.items()}
        return Witness(self.guest, self.machine, preprocessed, traces, list(self.public_values), self.shard)

    def violations(self, *, free_lookups: bool = True) -> list[str]:
        """What the checker says; lookup multiplicities are the cheater's to choose."""
        found = find_violations(
            self.machine,
            self.preprocessed,
            self.traces,
            self.public_values,
            free_lookups=free_lookups,
            shard=self.shard,
        )
        return [str(violation) for violation in found]

    def real_rows(self, chip: str) -> NDArray[np.int64]:
        """Rows with a selector set."""
        selectors = [self.chip(chip).main.index(name) for name in self.chip(chip).selectors]
        return np.flatnonzero(self.traces[chip][selectors].any(axis=0))


def build_witness(guest: GuestProgram, hints: list[int] | None = None) -> Witness:
    """Executes the guest on the machine with all coprocessors."""
    machine, preprocessed = rv32im_machine(guest, COPROCESSORS)
    execution = execute(guest, np.array(hints or [], np.uint32))
    traces, public_values = generate_traces(machine, execution)
    return Witness(guest, machine, preprocessed, traces, public_values)


@cache
def full_witness() -> Witness:
    """Random instructions, hints, both forms of P2, Merkle paths of depths 0 and 3, EXT_DOT in all modes. Copy it before changing it."""
    rng = random.Random(2026)
    guest = random_program(rng, 1200)
    words = guest.instruction_words.tolist()
    head = [*constant(5, ZERO_BASE + 0x20000), store("sw", 5, 5, 0)]  # so that ZERO has padding rows
    head += call(3, DATA, 0, 0) + call(3, DATA, 1, 0) + call(4, DATA, 3, 5) + call(4, DATA, 0, 0) + call(1) + call(1)
    # EXT_DOT: three products with extension elements, four with base elements on top of an old value, none at all.
    buffer = ZERO_BASE + 0x30000
    head += constant(5, buffer)
    for offset in range(0, 4 * 40, 4):
        head += [*constant(6, rng.randrange(P)), store("sw", 6, 5, offset)]
    head += call(5, buffer, buffer + 60, 3 << 2) + call(5, buffer + 140, buffer + 20, 4 << 2 | 3)
    head += call(5, buffer, buffer + 20, 2) + call(5, buffer, buffer + 60, 1)
    # Negative offsets; operands that are equal, or differ in the high limb alone.
    head += [store("sw", 6, 5, -4), load("lw", 6, 5, -4), store("sb", 6, 5, -4), load("lb", 6, 5, -4)]
    head += [*constant(6, buffer + 0x10000), *(branch("beq", 5, rs2, 4) for rs2 in (5, 6))]
    # Sums with carries out of both limbs, into a third register.
    head += [*constant(6, 0xFFFFFFFF), *constant(7, 0x1FFFF)]
    head += [register_form(name, 8, 6, 7) for name in ("add", "sub")]
    # Shifts to the right across the limbs, a product and a quotient of negative numbers whose upper limbs are not zero.
    head += [shift(name, 8, 6, 3) for name in ("srli", "srai")] + [register_form("mulh", 8, 6, 6)]
    head += [*constant(6, -0x30000000 & 0xFFFFFFFF), *constant(7, 0x01020304)]
    head += [register_form(name, 8, 6, 7) for name in ("div", "rem")]
    data = [rng.randrange(P) for _ in range(14)] + [0x7F000000, 0]
    hints = [rng.randrange(P) for _ in range(24)] + [0xFFFFFFFF, 7]
    return build_witness(program(head + words, data, base=TEXT), hints)


@cache
def idle_witness() -> Witness:
    """A loop so long that registers are refreshed before they are read, written, or both, after it."""
    loop = [immediate_form("addi", 5, 5, -1), branch("bne", 5, 0, -4)]
    after = [register_form("add", 8, 6, 7), register_form("add", 9, 9, 6), store("sw", 6, 10, 0)]
    words = [*constant(6, 0x12345678), *constant(10, DATA), *constant(5, 8200), *loop, *after]
    return build_witness(program([*words, *finish()]))


def witness_for(chip: str) -> Witness:
    """A witness in which the chip has rows."""
    return idle_witness() if chip == "REFRESH" else full_witness()


@cache
def small_witness() -> Witness:
    """The shortest program: commits the output words and halts."""
    return build_witness(program(finish()))


class RowJudge:
    """Judges changed rows of one chip while everything else stays: exact, because constraints are row-local and a bus
    that balanced before stays balanced iff the row's own contributions are unchanged (lookups: iff its tuples are legal)."""

    def __init__(self, witness: Witness, chip: str) -> None:
        self.chip = witness.chip(chip)
        self._program = self.chip.lower()
        self._main = witness.traces[chip]
        height = self._main.shape[1]
        fixed = [*witness.preprocessed.get(chip, np.zeros((0, height), np.uint32))]
        virtual = [virtual_column(kind, height.bit_length() - 1) for kind in self.chip.virtual]
        self._fixed = [column.astype(np.uint64) for column in (*fixed, *virtual)]
        rom = witness.preprocessed["ROM"].T
        self._rom = {tuple(row) for row in rom.tolist()}

    def is_refused(self, row: int, changed: U32) -> bool:
        """Whether the row with these main values is refused."""
        return bool(self.refusals(np.array([row]), changed[:, None])[0])

    def refusals(self, rows: NDArray[np.int64], changed: U32) -> NDArray[np.bool_]:
        """For each row number and its changed main values (main_count, n): whether it is refused."""
        fixed = [column[rows] for column in self._fixed]
        before = evaluate(self._program, [*self._main[:, rows].astype(np.uint64), *fixed])
        after = evaluate(self._program, [*changed.astype(np.uint64), *fixed])
        refused = np.zeros(len(rows), bool)
        for node in self._program.constraints:
            refused |= after[node] != 0
        contributions: list[dict[tuple[int, ...], int]] = [{} for _ in rows]
        for interaction, lowered in zip(self.chip.interactions, self._program.interactions, strict=True):
            new, old = (self._tuples(values, lowered.multiplicity, lowered.message) for values in (after, before))
            for i in np.flatnonzero(~refused).tolist():
                if interaction.bus.kind == "lookup":
                    refused[i] |= new[i][0] != 0 and not self._is_legal(interaction.bus.name, new[i][1])
                    continue
                for sign, (multiplicity, message) in ((1, new[i]), (-1, old[i])):
                    key = (interaction.bus.number, *message)
                    contributions[i][key] = (contributions[i].get(key, 0) + sign * multiplicity) % P
        return refused | np.array([any(sums.values()) for sums in contributions])

    @staticmethod
    def _tuples(
        values: dict[int, U64], multiplicity: int, message: tuple[int, ...]
    ) -> list[tuple[int, tuple[int, ...]]]:
        entries = zip(*(values[node].tolist() for node in message), strict=True)
        return list(zip(values[multiplicity].tolist(), entries, strict=True))

    def _is_legal(self, bus: str, message: tuple[int, ...]) -> bool:
        if bus == "R16":
            return message[0] < 1 << 16
        if bus == "PROG":
            return message in self._rom
        if bus == "LOGIC":
            code, x, y, z = message
            results = {OpCode.AND: x & y, OpCode.OR: x | y, OpCode.XOR: x ^ y}
            return x < 256 and y < 256 and code in results and results[OpCode(code)] == z
        if bus == "SH":
            s, power, complement, bit = message
            return s < 32 and (power, complement, bit) == (1 << s % 16, 1 << (16 - s % 16), s >> 4)
        x, y = message[:2]
        return x < 256 and y < 256
