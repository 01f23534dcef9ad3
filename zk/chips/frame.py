"""What the instruction chips share: columns of the frames, step, register and memory accesses (section 21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zk.air.chip import Bus, Chip
from zk.air.expression import Expr, ExprLike, as_expr, total
from zk.chips.buses import MEM, PROG, R16, STATE, U8P
from zk.vm.isa import IMMEDIATE_FORM, OpCode

# F0: rd; F1: rs1 beside it; F2: rs2 beside them; FB: rs1 and rs2 without rd; M: F2 for register and immediate forms.
# In the forms that read and write one register (RW) o, the old value of rd, is an operand: RW1 has no other, RW2 has rs2.
F0 = ("pc", "clk", "rd", "o0", "o1", "t3")
F1 = (*F0, "rs1", "b0", "b1", "t1")
F2 = (*F1, "rs2", "c0", "c1", "t2")
FB = ("pc", "clk", "rs1", "b0", "b1", "t1", "rs2", "c0", "c1", "t2")
M = (*F2, "y", "f_i")
RW1 = F0
RW2 = (*F0, "rs2", "c0", "c1", "t2")

MEMORY = ("w0", "w1", "tm", "dm", "i", "n")  # word, time and distance of its last access; offset, quarters of its carry
CARRY_OFFSET = 4

Limbs = tuple[ExprLike, ExprLike]


class Columns:
    """The columns of a chip as attributes."""

    def __init__(self, by_name: Mapping[str, Expr]) -> None:
        self._by_name = by_name

    def __getattr__(self, name: str) -> Expr:
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Expr:
        return self._by_name[name]

    def each(self, pattern: str, count: int) -> list[Expr]:
        """The columns `pattern` with {} replaced by 0 .. count - 1."""
        return [self._by_name[pattern.format(i)] for i in range(count)]


def access(
    chip: Chip, multiplicity: Expr, address: ExprLike, time: Expr, old: Limbs, new: Limbs, t: Expr, d: Expr
) -> Expr:
    """One access at `time`: the word's last access was at `t` and left `old`; this one leaves `new`.

    Returns the top byte of time - t - 1, which the caller must look up as a byte with the same multiplicity. Both
    together prove t < time, because timestamps are below 2^24.
    """
    chip.receive(MEM, multiplicity, address, t, *old)
    chip.send(MEM, multiplicity, address, time, *new)
    chip.send(R16, multiplicity, d)
    return (time - t - 1 - d) / 65536


def near_access(chip: Chip, multiplicity: Expr, address: ExprLike, time: Expr, old: Limbs, new: Limbs, t: Expr) -> None:
    """One access at `time` whose word was last accessed at `t`, at most 2^16 before: one lookup proves t < time.

    A word that lies longer untouched is brought near by a row of REFRESH first.
    """
    chip.receive(MEM, multiplicity, address, t, *old)
    chip.send(MEM, multiplicity, address, time, *new)
    chip.send(R16, multiplicity, time - t - 1)


def boolean(chip: Chip, name: str, value: Expr) -> None:
    """`value` is 0 or 1 on every row, padding included."""
    chip.constrain(f"{name} is boolean", value * (value - 1))


class CpuChip:
    """An instruction chip under construction: flags (one per instruction), frame columns, further columns."""

    def __init__(
        self,
        name: str,
        frame: Sequence[str],
        flags: Mapping[str, OpCode],
        extra: Sequence[str] = (),
        sub_selectors: Sequence[str] = (),
    ) -> None:
        self.chip = Chip(name)
        selectors = [*flags, *sub_selectors, *(["f_i"] if "f_i" in frame else [])]
        self.columns = Columns(self.chip.declare(main=[*frame, *flags, *extra], selectors=selectors))
        self.sel = total(self.columns[flag] for flag in flags)
        self.op = total(code * self.columns[flag] for flag, code in flags.items())
        self.runs(*flags.values())
        for flag in flags:
            boolean(self.chip, flag, self.columns[flag])
        if len(flags) > 1:
            boolean(self.chip, "sum of flags", self.sel)

    def runs(self, *codes: OpCode) -> None:
        """The chip holds the rows of these instructions, and of their immediate forms where it is mixed."""
        chip, mixed = self.chip, "f_i" in self.chip.main
        known = {int(code) for code in OpCode}
        chip.op_codes = [int(code) for code in codes]
        if mixed:
            chip.op_codes += [code + IMMEDIATE_FORM for code in chip.op_codes if code + IMMEDIATE_FORM in known]

    def gated(self, name: str, expr: Expr) -> None:
        """`expr` = 0 on the rows of instructions."""
        self.chip.constrain(name, self.sel * expr)

    def gated_booleans(self, *names: str) -> None:
        """The columns are 0 or 1 on the rows of instructions."""
        for name in names:
            value = self.columns[name]
            self.gated(f"{name} is boolean", value * (value - 1))

    def sub_selector(self, name: str) -> None:
        """The flag is boolean and only set where the row is an instruction: sel - flag may be a multiplicity."""
        flag = self.columns[name]
        boolean(self.chip, name, flag)
        self.chip.constrain(f"{name} only on instructions", flag * (1 - self.sel))

    def step(self, following: ExprLike | None = None) -> None:
        """The machine goes from (pc, clk) to (following, clk + 1); default pc + 4."""
        c = self.columns
        self.chip.receive(STATE, self.sel, c.pc, c.clk)
        self.chip.send(STATE, self.sel, c.pc + 4 if following is None else following, c.clk + 1)

    def fetch(self, r: ExprLike, rs1: ExprLike, x: ExprLike, y: ExprLike) -> None:
        """The program has this instruction at pc."""
        self.chip.send(PROG, self.sel, self.columns.pc, self.op, r, rs1, x, y)

    def fetch_mixed(self) -> None:
        """Register or immediate form: on immediate rows rs2 and y are the limbs of the constant, and c equals it."""
        c = self.columns
        self.sub_selector("f_i")
        self.chip.send(PROG, self.sel, c.pc, self.op + IMMEDIATE_FORM * c.f_i, c.rd, c.rs1, c.rs2, c.y)
        self.chip.constrain("immediate low limb", c.f_i * (c.rs2 - c.c0))
        self.chip.constrain("immediate high limb", c.f_i * (c.y - c.c1))

    def access(
        self, number: ExprLike, slot: int, old: Limbs, new: Limbs, t: Expr, multiplicity: Expr | None = None
    ) -> None:
        """Access to a register that was last accessed at `t`."""
        m = self.sel if multiplicity is None else multiplicity
        near_access(self.chip, m, register(number), 4 * self.columns.clk + slot, old, new, t)

    def read_rs1(self) -> None:
        """Reads b from rs1."""
        c = self.columns
        self.access(c.rs1, 0, (c.b0, c.b1), (c.b0, c.b1), c.t1)

    def read_rs2(self, multiplicity: Expr | None = None) -> None:
        """Reads c from rs2."""
        c = self.columns
        self.access(c.rs2, 1, (c.c0, c.c1), (c.c0, c.c1), c.t2, multiplicity)

    def write_rd(self, lo: ExprLike, hi: ExprLike) -> None:
        """Replaces o by the limbs in rd."""
        c = self.columns
        self.access(c.rd, 3, (c.o0, c.o1), (lo, hi), c.t3)

    def mixed_accesses(self, lo: ExprLike, hi: ExprLike) -> None:
        """The accesses of frame M with the result (lo, hi); rs2 is read on rows of the register form only."""
        self.read_rs1()
        self.read_rs2(self.sel - self.columns.f_i)
        self.write_rd(lo, hi)

    def register_accesses(self, lo: ExprLike, hi: ExprLike) -> None:
        """The accesses of frame F2 with the result (lo, hi)."""
        self.read_rs1()
        self.read_rs2()
        self.write_rd(lo, hi)

    def branch_accesses(self) -> None:
        """The accesses of frame FB."""
        self.read_rs1()
        self.read_rs2()

    def memory_access(self, new: Limbs, low_bits: ExprLike = 0) -> None:
        """Replaces the word w at address b + i - low_bits by the limbs, with the columns MEMORY.

        i is the signed offset from ROM, n four times the carry of the low limb. n + 4 is a byte and 4 b1 + n a limb, so both
        are small integers; then the low limb is one of a multiple of 4 over the integers, and the address b0 + 2^16 b1 + i
        - low_bits is 4-aligned and below 2^30 + 2^18: it never wraps and is never that of a register. n may be ambiguous.
        """
        c = self.columns
        low = (c.b0 + c.i - low_bits - 16384 * c.n) / 4
        high = 4 * c.b1 + c.n
        self.range16(low, high)
        old = (c.w0, c.w1)
        top = access(self.chip, self.sel, 4 * low + 16384 * high, 4 * c.clk + 2, old, new, c.tm, c.dm)
        self.bytes(top, c.n + CARRY_OFFSET)

    def range16(self, *values: ExprLike) -> None:
        """Each value is below 2^16."""
        for value in values:
            self.send(R16, value)

    def bytes(self, x: ExprLike, y: ExprLike) -> None:
        """Both values are bytes."""
        self.chip.send(U8P, self.sel, x, y)

    def send(self, bus: Bus, *message: ExprLike) -> None:
        """Sends on the rows of instructions."""
        self.chip.send(bus, self.sel, *message)


def register(number: ExprLike) -> Expr:
    """Pseudo-address of a register."""
    return -as_expr(number) - 1
