"""What the instruction chips share: columns of the frames, step, register and memory accesses (section 21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zk.air.chip import Bus, Chip
from zk.air.expression import Expr, ExprLike, as_expr, total
from zk.chips.buses import MEM, PROG, R16, STATE, U8P
from zk.vm.isa import IMMEDIATE_FORM, OpCode

# F1: rs1 and rd; F2: rs2 beside them; FB: rs1 and rs2 without rd; M: F2 for register and immediate forms.
F1 = ("pc", "clk", "rd", "rs1", "b0", "b1", "o0", "o1", "t1", "d1", "t3", "d3")
F2 = (*F1, "rs2", "c0", "c1", "t2", "d2")
FB = ("pc", "clk", "rs1", "b0", "b1", "t1", "d1", "rs2", "c0", "c1", "t2", "d2")
M = (*F2, "y", "f_i")

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
        for flag in flags:
            boolean(self.chip, flag, self.columns[flag])
        if len(flags) > 1:
            boolean(self.chip, "sum of flags", self.sel)

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
        self, address: Expr, slot: int, old: Limbs, new: Limbs, number: int, multiplicity: Expr | None = None
    ) -> Expr:
        """Access with the columns t<number>, d<number>; returns the byte to look up."""
        c = self.columns
        time = 4 * c.clk + slot
        m = self.sel if multiplicity is None else multiplicity
        return access(self.chip, m, address, time, old, new, c[f"t{number}"], c[f"d{number}"])

    def read_rs1(self) -> Expr:
        """Reads b from rs1."""
        c = self.columns
        return self.access(register(c.rs1), 0, (c.b0, c.b1), (c.b0, c.b1), 1)

    def read_rs2(self, multiplicity: Expr | None = None) -> Expr:
        """Reads c from rs2."""
        c = self.columns
        return self.access(register(c.rs2), 1, (c.c0, c.c1), (c.c0, c.c1), 2, multiplicity)

    def write_rd(self, lo: ExprLike, hi: ExprLike) -> Expr:
        """Replaces o by the limbs in rd."""
        c = self.columns
        return self.access(register(c.rd), 3, (c.o0, c.o1), (lo, hi), 3)

    def mixed_accesses(self, lo: ExprLike, hi: ExprLike) -> None:
        """The accesses of frame M with the result (lo, hi); rs2 is read on rows of the register form only."""
        u1, u3 = self.read_rs1(), self.write_rd(lo, hi)
        register_form = self.sel - self.columns.f_i
        u2 = self.read_rs2(register_form)
        self.bytes(u1, u3)
        self.bytes(u2, 0, register_form)

    def register_accesses(self, lo: ExprLike, hi: ExprLike) -> None:
        """The accesses of frame F2 with the result (lo, hi)."""
        u1, u2, u3 = self.read_rs1(), self.read_rs2(), self.write_rd(lo, hi)
        self.bytes(u1, u2)
        self.bytes(u3, 0)

    def branch_accesses(self) -> None:
        """The accesses of frame FB."""
        self.bytes(self.read_rs1(), self.read_rs2())

    def memory_address(self, offset: ExprLike = 0) -> Expr:
        """b + immediate - offset as a 4-aligned address below 2^30 + 2^18, from the columns i0, i1, k0, k1.

        The carry k0 may be ambiguous, the address is not; it is never that of a register.
        """
        c = self.columns
        self.gated_booleans("k0", "k1")
        m0 = c.b0 + c.i0 - 65536 * c.k0 - offset
        m1 = c.b1 + c.i1 + c.k0 - 65536 * c.k1
        self.range16(m0 / 4, 4 * m1)
        return m0 + 65536 * m1

    def range16(self, *values: ExprLike) -> None:
        """Each value is below 2^16."""
        for value in values:
            self.send(R16, value)

    def bytes(self, x: ExprLike, y: ExprLike, multiplicity: Expr | None = None) -> None:
        """Both values are bytes."""
        self.chip.send(U8P, self.sel if multiplicity is None else multiplicity, x, y)

    def send(self, bus: Bus, *message: ExprLike) -> None:
        """Sends on the rows of instructions."""
        self.chip.send(bus, self.sel, *message)


def register(number: ExprLike) -> Expr:
    """Pseudo-address of a register."""
    return -as_expr(number) - 1
