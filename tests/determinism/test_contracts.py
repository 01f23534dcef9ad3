"""What the proofs assume of tables and of the program is what the table chips and the setup checks guarantee."""

from __future__ import annotations

import numpy as np
import pytest

from zk.air.check import evaluate, virtual_column
from zk.air.chip import Chip
from zk.air.expression import P
from zk.chips.buses import LOGIC, PROG
from zk.chips.tables import build_t5, build_t16
from zk.determinism.cases import cases_of, op_of
from zk.determinism.contracts import CONTRACTS, ROM_RULES, TABLES, Range, is_table_row
from zk.determinism.report import calls, distinct_chips, machines
from zk.determinism.statements import statement_of
from zk.determinism.translation import build_row
from zk.errors import DeterminismError, SetupError
from zk.vm.isa import Instruction, OpCode
from zk.vm.rom import Rom


def provided_rows(chip: Chip, bus: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    """All messages (n, entries) that a table chip provides on a bus."""
    height = 1 << chip.height_log_min
    columns = [np.zeros(height, np.uint64) for _ in chip.main]
    columns += [virtual_column(kind, chip.height_log_min) for kind in chip.virtual]
    program = chip.lower()
    values = evaluate(program, columns)
    provided = [interaction for interaction in program.interactions if interaction.bus == bus]
    return np.concatenate([np.stack([values[node] for node in i.message], axis=1) for i in provided])


@pytest.mark.parametrize("bus", TABLES)
def test_a_table_provides_what_its_contract_says_and_nothing_else(bus: int) -> None:
    table = TABLES[bus]
    chip = next(c for c in (build_t16(), build_t5()) if any(i.bus.number == bus for i in c.interactions))
    rows = provided_rows(chip, bus)
    assert all(is_table_row(table.bus, tuple(row)) for row in rows.tolist())
    leading = table.ranges[: table.keys or len(table.ranges)]
    assert len(np.unique(rows, axis=0)) == np.prod([r.high - r.low + 1 for r in leading])
    for column, bounds in zip(rows.T, table.ranges, strict=True):
        assert (column.min(), column.max()) == (bounds.low, bounds.high)


def test_the_bounds_of_and_hold_on_the_whole_table() -> None:
    rows = provided_rows(build_t16(), LOGIC.number).astype(np.int64)
    _, x, y, both = rows[rows[:, 0] == OpCode.AND].T
    assert (both <= x).all() and (both <= y).all() and (x + y - 255 <= both).all()


def instruction(op: OpCode, **changes: int) -> Instruction:
    """An instruction in the middle of what its rule admits, with changes."""
    rule = ROM_RULES[int(op)]
    pc = changes.get("pc", 0x1000)
    fields = {"r": min(31, rule.r.high), "rs1": rule.rs1.high, "x": rule.x.high, "y": rule.y.high}
    if op.name.endswith("_RW"):  # the register that is read and written is named twice
        fields["x" if op == OpCode.SLTU_RW else "rs1"] = fields["r"]
    if rule.links:
        fields["y"] = (pc + 4) % 65536
    return Instruction(op=op, **{"pc": pc, **fields, **changes})


def outside(bounds: Range) -> list[int]:
    """Values next to the range, one off its step, and one that is no power of two."""
    ends = [(bounds.low - 1) % P] if bounds.low else []
    return [*ends, bounds.high + 1, *([bounds.low + 1] if bounds.step > 1 else []), *([3] if bounds.powers else [])]


@pytest.mark.parametrize("op", list(OpCode), ids=lambda op: op.name)
def test_setup_refuses_every_field_outside_of_its_rule(op: OpCode) -> None:
    rule = ROM_RULES[int(op)]
    Rom.from_instructions([instruction(op)])
    names = ("pc", "r", "rs1", "x", "y")
    for name, bounds in zip(names, rule.fields(), strict=True):
        for value in outside(bounds):
            with pytest.raises(SetupError):
                Rom.from_instructions([instruction(op, **{name: value})])
    if rule.links:
        with pytest.raises(SetupError):
            Rom.from_instructions([instruction(op, y=0x1008)])


def test_two_instructions_at_one_pc_are_refused() -> None:
    with pytest.raises(SetupError):
        Rom.from_instructions([instruction(OpCode.ADD), instruction(OpCode.ADDI)])


def test_no_two_chips_execute_one_op_code() -> None:
    owners: dict[int, str] = {}
    for name, chip in distinct_chips().items():
        rows = [build_row(chip, case, calls()) for case in cases_of(chip)]
        for code in {op_of(row) for row in rows} - {None}:
            assert owners.setdefault(code, name) == name
    assert set(owners) == {int(code) for code in OpCode}


def test_every_bus_has_a_contract_or_a_table() -> None:
    for bus in (bus for machine in machines() for bus in machine.buses):
        assert bus == PROG or bus.number in CONTRACTS or bus.number in TABLES


def test_a_chip_without_a_statement_is_refused() -> None:
    with pytest.raises(DeterminismError, match="NEW"):
        statement_of(Chip("NEW"))
