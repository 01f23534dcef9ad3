"""What the other end of a bus guarantees for a received or looked-up tuple, and what a sent tuple must guarantee.

A row may assume what every sender of the bus is proven to guarantee. The induction runs along the paths that tuples
form on their buses: that every row leads its path on, and who may begin one, is a claim of its own (`Progress`). The
verifier's own terms (public values, section 14) and the setup checks of ROM and IMG are its base.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from zk.air.chip import Bus
from zk.air.expression import P
from zk.chips.buses import ACC, DELEG, GLOBAL, HALT, LOGIC, MEM, ORD, OUT, PATH, PROG, R16, SH, STATE, U8P
from zk.errors import DeterminismError, SetupError
from zk.machine.boundary import SHARD_NUMBER_MAX
from zk.vm.isa import ADDRESS_LIMIT, OFFSET_MAX, SHIFT_POWER_MAX, SINK, Instruction, OpCode
from zk.vm.machine import CLK_END_MAX
from zk.vm.rom import Rom


@dataclass(frozen=True, slots=True)
class Range:
    """Values low, low + step, ... up to high (mod p); with `powers` those among them that are powers of two."""

    low: int
    high: int
    step: int = 1
    powers: bool = False

    def values(self) -> list[int]:
        """All of them."""
        values = range(self.low, self.high + 1, self.step)
        return [value for value in values if not self.powers or value.bit_count() == 1]

    def contains(self, value: int) -> bool:
        """Whether the integer is one of them."""
        is_step = self.low <= value <= self.high and (value - self.low) % self.step == 0
        return is_step and (not self.powers or value.bit_count() == 1)


BYTE, LIMB, BIT = Range(0, 255), Range(0, 65535), Range(0, 1)
CLK = Range(1, CLK_END_MAX - 1)  # rows before the end of the STATE path; its end is a public value <= CLK_END_MAX
TIME = Range(0, 4 * CLK_END_MAX - 1)
SHARD = Range(0, SHARD_NUMBER_MAX)
RAM = Range(0, ADDRESS_LIMIT + (1 << 18) - 4, 4)
ARGUMENT = Range(0, ADDRESS_LIMIT - 1)


@dataclass(frozen=True, slots=True)
class Progress:
    """How a row leads the paths of a bus on: a send continues the tuple that the row received last before it.

    Entry `entry` grows by `step` (None: by any positive number, and then orders the accesses of a row), and the keys
    stay. A row of the chips `begun_by`, and of no others, may begin one path, with the entry 0.
    """

    entry: int
    step: int | None = None
    begun_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """A permutation bus.

    `keys` are the entries of a received tuple by which a row asks for it; the others are then fixed by other rows.
    `received` may be assumed, `sent` and `progress` must be proven. `clock` is the entry with the clk of the row.
    """

    bus: Bus
    keys: tuple[int, ...] = ()
    received: Mapping[int, Range] = field(default_factory=dict)
    sent: Mapping[int, Range] = field(default_factory=dict)
    progress: Progress | None = None
    clock: int | None = None

    @property
    def ordering(self) -> int | None:
        """The entry that orders the accesses of a row; None where the order of declaration does."""
        return None if self.progress is None or self.progress.step is not None else self.progress.entry

    @property
    def gap(self) -> Range:
        """sent - received - 1 mod p of an entry that grows: between two values of its range no smaller one is meant."""
        assert self.progress is not None
        bounds = self.received[self.progress.entry]
        width = bounds.high - bounds.low
        return Range(0, min(width, P - 2 - width))


CONTRACTS = {
    contract.bus.number: contract
    for contract in (
        Contract(STATE, received={1: CLK}, progress=Progress(1, 1), clock=1),
        Contract(
            MEM,
            (0,),
            {1: TIME, 2: LIMB, 3: LIMB},
            {1: TIME, 2: LIMB, 3: LIMB},
            Progress(1, begun_by=("IMG", "ZERO", "BOUNDARY")),
        ),
        Contract(
            GLOBAL,
            (0,),
            {1: LIMB, 2: LIMB, 3: SHARD},
            {1: LIMB, 2: LIMB, 3: SHARD},
            Progress(3, begun_by=("GIMG", "GZERO")),
        ),
        Contract(ORD, received={0: RAM}, sent={0: RAM}, progress=Progress(0)),
        Contract(
            DELEG,
            (0,),
            {1: CLK, 2: ARGUMENT, 3: ARGUMENT, 4: ARGUMENT},
            {1: CLK, 2: ARGUMENT, 3: ARGUMENT, 4: ARGUMENT},
            clock=1,
        ),
        Contract(HALT),
        Contract(OUT),
        Contract(PATH, received={0: CLK}, sent={0: CLK}, progress=Progress(1, 1, ("PATH_H",)), clock=0),
        Contract(ACC, received={0: CLK}, sent={0: CLK}, progress=Progress(1, 1, ("DOT_H",)), clock=0),
    )
}


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup bus: ranges of the entries, and how many leading entries determine the rest (0: none does).

    `complete(leading)` are the entries that follow from them, None where there is no row.
    """

    bus: Bus
    ranges: tuple[Range, ...]
    keys: int = 0
    complete: Callable[[tuple[int, ...]], tuple[int, ...] | None] | None = None


def _shift_row(leading: tuple[int, ...]) -> tuple[int, ...] | None:
    amount = leading[0]
    if not 0 <= amount < 32:
        return None
    return 1 << amount % 16, 1 << (16 - amount % 16), amount >> 4


def _logic_row(leading: tuple[int, ...]) -> tuple[int, ...] | None:
    code, x, y = leading
    results = {OpCode.AND: x & y, OpCode.OR: x | y, OpCode.XOR: x ^ y}
    return (results[OpCode(code)],) if code in set(results) and max(x, y) < 256 else None


TABLES = {
    table.bus.number: table
    for table in (
        Table(R16, (LIMB,)),
        Table(U8P, (BYTE, BYTE)),
        Table(LOGIC, (Range(OpCode.AND, OpCode.XOR), BYTE, BYTE, BYTE), 3, _logic_row),
        Table(SH, (Range(0, 31), Range(1, 1 << 15), Range(2, 1 << 16), BIT), 1, _shift_row),
    )
}


def is_table_row(bus: Bus, message: tuple[int, ...]) -> bool:
    """Whether a lookup of this canonical message can be answered (PROG: by some program that setup accepts)."""
    if bus == PROG:
        return _is_rom_row(message)
    table = TABLES[bus.number]
    if not all(r.contains(value) for r, value in zip(table.ranges, message, strict=True)):
        return False
    return table.complete is None or table.complete(message[: table.keys]) == message[table.keys :]


def _is_rom_row(message: tuple[int, ...]) -> bool:
    pc, op, *fields = message
    if op not in {int(code) for code in OpCode}:
        return False
    try:
        Rom.from_instructions([Instruction(pc, OpCode(op), *fields)])
    except SetupError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class RomRule:
    """What setup guarantees of the fields r, rs1, x, y of an op code; `links`: y = (pc + 4) mod 2^16."""

    r: Range
    rs1: Range
    x: Range
    y: Range
    links: bool = False

    def fields(self) -> tuple[Range, ...]:
        """Ranges of pc, r, rs1, x, y."""
        return ROM_PC, self.r, self.rs1, self.x, self.y


ROM_PC = Range(4, ADDRESS_LIMIT - 4, 4)
_NONE = Range(0, 0)
_REGISTER, _TARGET_REGISTER = Range(0, 31), Range(1, SINK)
_TARGET = Range(0, ADDRESS_LIMIT - 4, 4)


_OFFSET = Range(-OFFSET_MAX, OFFSET_MAX - 1)
_POWER = Range(1, 1 << SHIFT_POWER_MAX, powers=True)
_RULES = {
    "ADD SUB AND OR XOR SLT SLTU SLL SRL SRA MUL MULH MULHSU MULHU DIV DIVU REM REMU SLLI SRLI SRAI": RomRule(
        _TARGET_REGISTER, _REGISTER, _REGISTER, _NONE
    ),
    "ADD_RW AND_RW OR_RW XOR_RW SLTU_RW": RomRule(_TARGET_REGISTER, _REGISTER, _REGISTER, _NONE),
    "SLLI_LO SLLI_HI SRLI_LO SRLI_HI": RomRule(_TARGET_REGISTER, _REGISTER, _POWER, _NONE),
    "SLLI_LO_RW SLLI_HI_RW SRLI_LO_RW SRLI_HI_RW": RomRule(_TARGET_REGISTER, _REGISTER, _POWER, _NONE),
    "ADDI ADDI_RW ANDI ORI XORI SLTI SLTIU": RomRule(_TARGET_REGISTER, _REGISTER, LIMB, LIMB),
    "MV": RomRule(_TARGET_REGISTER, _REGISTER, _NONE, _NONE),
    "SET": RomRule(_TARGET_REGISTER, _TARGET, LIMB, LIMB),
    "LB LBU LH LHU LW": RomRule(_TARGET_REGISTER, _REGISTER, _OFFSET, _NONE),
    "SB SH SW": RomRule(_REGISTER, _REGISTER, _OFFSET, _NONE),
    "BEQ BNE BLT BGE BLTU BGEU": RomRule(_REGISTER, _REGISTER, _TARGET, _NONE),
    "BEQZ BNEZ": RomRule(_NONE, _REGISTER, _TARGET, _NONE),
    "JALR": RomRule(_TARGET_REGISTER, _REGISTER, Range(0, 32767), LIMB, links=True),
    "JALRN": RomRule(_TARGET_REGISTER, _REGISTER, Range(32768, 65535), LIMB, links=True),
    "ECALL": RomRule(_NONE, _NONE, _NONE, _NONE),
}
ROM_RULES = {int(OpCode[name]): rule for names, rule in _RULES.items() for name in names.split()}


def rom_rule(op: int) -> RomRule:
    """The rule of an op code (proof system, section 14). Raises DeterminismError for an op code without one."""
    if op not in ROM_RULES:
        raise DeterminismError(f"op code {op}: expected a rule for its ROM fields, found none")
    return ROM_RULES[op]
