"""False witnesses of the proof system's section 19, cases 27 to 45, as the trace checker sees them.

Not here: 43 (cross-shard) and 44 (recursion) belong to later stages.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.soundness.vm.witness import RowJudge, Witness, build_witness, full_witness, small_witness
from tests.unit.vm.assembler import DATA, TEXT, ZERO_BASE, call, constant, finish, load, program, store
from zk.air.expression import P
from zk.chips.memory import check_image, image_columns
from zk.errors import ExecutionError, SetupError, TraceError
from zk.vm.executor import execute
from zk.vm.isa import Instruction, OpCode
from zk.vm.machine import CLK_END
from zk.vm.rom import Rom


def _padding_row(witness: Witness, chip: str) -> int:
    return int(np.setdiff1d(np.arange(witness.traces[chip].shape[1]), witness.real_rows(chip))[0])


def _memory_witness() -> Witness:
    """Writes and reads one word above zero_base, twice."""
    words = [
        *constant(5, ZERO_BASE + 64),
        *constant(6, 1234),
        store("sw", 6, 5, 0),
        load("lw", 7, 5, 0),
        load("lw", 8, 5, 0),
    ]
    return build_witness(program([*words, *finish()]))


def test_27_violated_constraint_on_one_row() -> None:
    witness = full_witness().copy()
    row = witness.real_rows("ADD")[2]
    witness.column("ADD", "a0")[row] ^= 1
    assert any("add: low limb" in violation or "sub: low limb" in violation for violation in witness.violations())


def test_28_false_next_state_even_with_matching_public_value() -> None:
    witness = small_witness().copy()
    witness.public_values[CLK_END] += 1
    assert any("STATE" in violation for violation in witness.violations())
    last = witness.real_rows("ECALL")[-1]
    witness.column("ECALL", "clk")[last] += 1
    assert witness.violations()


def test_28_branch_with_a_false_next_pc() -> None:
    witness = full_witness().copy()
    row = witness.real_rows("BEQ")[0]
    witness.column("BEQ", "next")[row] += 4
    assert any("next pc" in violation for violation in witness.violations())


def test_29_operand_outside_of_its_table() -> None:
    witness = full_witness().copy()
    row = witness.real_rows("LW")[0]
    witness.column("LW", "dm")[row] += 65536
    assert any("bus R16" in violation for violation in witness.violations())


def test_31_phantom_row_in_the_padding() -> None:
    witness = full_witness().copy()
    row = _padding_row(witness, "ADDI")
    witness.column("ADDI", "sel")[row] = 1
    assert witness.violations()


def test_33_replaced_preprocessed_column() -> None:
    witness = full_witness().copy()
    used = int(np.flatnonzero(witness.column("ROM", "m"))[0])
    witness.preprocessed["ROM"][4, used] ^= 1
    assert any("PROG" in violation for violation in witness.violations())
    witness = full_witness().copy()
    witness.preprocessed["IMG"][1, 0] ^= 1
    assert any("MEM" in violation for violation in witness.violations())


def test_34_changed_clock_of_one_step() -> None:
    witness = full_witness().copy()
    witness.column("ADDI", "clk")[5] += 1
    assert any("STATE" in violation for violation in witness.violations())


def test_35_stale_read_is_refused() -> None:
    witness = _memory_witness().copy()
    loads = witness.real_rows("LW")
    stored = int(witness.column("SW", "clk")[0])
    assert witness.column("LW", "tm")[loads[0]] == 4 * stored + 2
    witness.column("LW", "w0")[loads[1]] = 0  # the value before the write
    assert any("MEM" in violation for violation in witness.violations())


def test_35_access_time_not_before_the_access_is_refused() -> None:
    """Two loads that consume each other's tuple: buses balance, the timestamps do not."""
    witness = _memory_witness().copy()
    first, second = witness.real_rows("LW")
    t, d, clk = (witness.column("LW", name) for name in ("tm", "dm", "clk"))
    t[first], t[second] = 4 * clk[second] + 2, t[first]
    d[second] = 4 * clk[second] + 2 - t[second] - 1
    gap = 4 * int(clk[first]) + 2 - int(t[first]) - 1
    d[first] = gap % P
    # The last access of the word is now the first load.
    zero = witness.column("ZERO", "ts")
    zero[zero == 4 * clk[second] + 2] = 4 * clk[first] + 2
    violations = witness.violations()
    assert violations and all("R16" in violation for violation in violations)
    d[first] = gap & 0xFFFF  # now the top byte is the one out of range
    violations = witness.violations()
    assert violations and all("U8P" in violation for violation in violations)


def test_35_write_without_consumer_is_refused() -> None:
    witness = _memory_witness().copy()
    image = witness.column("IMG", "ts")
    image[int(np.flatnonzero(image)[-1])] += 1
    assert any("MEM" in violation for violation in witness.violations())


@pytest.mark.parametrize("address", [ZERO_BASE + 64, DATA, TEXT, 1 << 30])
def test_36_second_initialisation_of_an_address(address: int) -> None:
    """Another ZERO row for a word that is there already, or that lies below zero_base: the ORD chain refuses it."""
    witness = _memory_witness().copy()
    row = _padding_row(witness, "ZERO")
    previous = int(witness.public_values[5])
    gap = address - previous - 4
    y = max(0, gap) >> 13
    split = {"sel": 1, "prev": previous, "x": min(address >> 14, 65535), "y": y, "ts": 0}
    split["w"] = (address - (split["x"] << 14)) // 4
    for name, value in split.items():
        witness.column("ZERO", name)[row] = value
    witness.public_values[5] = address
    assert any("R16" in violation for violation in witness.violations())


def test_36_unaligned_zero_word_is_refused() -> None:
    witness = _memory_witness()
    judge = RowJudge(witness, "ZERO")
    row = int(witness.real_rows("ZERO")[0])
    changed = witness.traces["ZERO"][:, row].copy()
    w = judge.chip.main.index("w")
    changed[w] = (int(changed[w]) + pow(2, -1, P)) % P  # address + 2
    assert judge.is_refused(row, changed)


def test_36_memory_limits_of_the_executor() -> None:
    for address, reason in (
        (1 << 30, "2^30"),
        (0xFFFFFFFC, "2^30"),
        (DATA - 4, "no memory"),
        (ZERO_BASE + 2, "misaligned"),
    ):
        with pytest.raises(ExecutionError, match=reason.replace("^", r"\^")):
            execute(program([*constant(5, address), load("lw", 6, 5, 0), *finish()]))


def test_36_gap_of_half_the_memory_has_no_proof() -> None:
    guest = program([*constant(5, 0x3FFFFF00), store("sw", 0, 5, 0), *finish()])
    with pytest.raises(TraceError, match=r"2\^29"):
        build_witness(guest)


def test_37_write_to_x0_is_refused() -> None:
    with pytest.raises(SetupError, match="rd"):
        Rom.from_instructions([Instruction(TEXT, OpCode.ADDI, 0, 0, 1, 0)])
    witness = full_witness()
    judge, row = RowJudge(witness, "SET"), int(witness.real_rows("SET")[0])
    changed = witness.traces["SET"][:, row].copy()
    changed[judge.chip.main.index("rd")] = 0
    assert judge.is_refused(row, changed)


def test_38_output_word_never_or_twice_committed() -> None:
    with pytest.raises(ExecutionError, match="twice"):
        execute(program([*call(2, 3, 1), *call(2, 3, 1), *finish()]))
    with pytest.raises(ExecutionError, match="before output word 0"):
        execute(program(finish(first=1)))
    witness = small_witness().copy()
    row = witness.real_rows("ECALL")[0]
    witness.column("ECALL", "commit")[row] = 0
    assert any("OUT" in violation for violation in witness.violations())
    witness = small_witness().copy()
    witness.public_values[6] += 1
    assert any("OUT" in violation for violation in witness.violations())


def test_39_hint_limb_out_of_range() -> None:
    witness = full_witness()
    judge = RowJudge(witness, "ECALL")
    row = int(np.flatnonzero(witness.column("ECALL", "hint"))[0])
    copy = witness.copy()
    copy.column("ECALL", "n00")[row] += 65536
    assert any("R16" in violation for violation in copy.violations())
    assert judge.is_refused(row, copy.traces["ECALL"][:, row])


def test_40_delegation_answered_never_twice_or_by_another_call_or_time() -> None:
    original = full_witness()
    for chip in ("P2", "PATH_H"):
        real, free = int(original.real_rows(chip)[0]), _padding_row(original, chip)
        never = original.copy()
        never.column(chip, "sel")[real] = 0
        twice = original.copy()
        twice.traces[chip][:, free] = twice.traces[chip][:, real]
        later = original.copy()
        later.column(chip, "clk")[real] += 1
        for changed in (never, twice, later):
            assert any("DELEG" in violation for violation in changed.violations())
    other = original.copy()
    row = int(np.flatnonzero(other.column("ECALL", "n") == 3)[0])
    other.column("ECALL", "n")[row] = 4
    assert any("DELEG" in violation for violation in other.violations())


@pytest.mark.parametrize(
    ("a", "b", "shape"),
    [(DATA, DATA, 1 << 2), (DATA, DATA + 16, 1 << 2), (DATA + 20, DATA, 1 << 2), (DATA + 36, DATA, 1 << 2 | 1)],
)
def test_41_overlapping_operands_have_no_proof(a: int, b: int, shape: int) -> None:
    with pytest.raises(ExecutionError, match="operand twice"):
        execute(program([*call(5, a, b, shape), *finish()], [1] * 16))


def test_41_a_word_read_twice_in_one_call_is_refused() -> None:
    """Both reads have the same timestamp: the second cannot come after the first."""
    witness = full_witness()
    judge = RowJudge(witness, "DOT")
    row = int(witness.real_rows("DOT")[0])
    names = judge.chip.main
    changed = witness.traces["DOT"][:, row].copy()
    time = 4 * int(changed[names.index("clk")]) + 2
    for top in (P - 1, 0xFFFF, 0):
        changed[names.index("t_b0")], changed[names.index("d_b0")] = time, top
        found = judge.refusals(np.array([row]), changed[:, None])
        assert found.all()
        # The lookups alone refuse it: -1 is neither a limb nor 2^16 u + d for a byte u.
        gap = (time - time - 1 - top) * pow(65536, -1, P) % P
        assert top >= 65536 or gap >= 256


def test_45_base_flag_changed_inside_a_call_is_refused() -> None:
    """`base` travels on the ACC bus with the accumulator."""
    witness = full_witness().copy()
    rows = witness.real_rows("DOT")
    row = int(rows[witness.column("DOT", "base")[rows] == 1][1])
    witness.column("DOT", "base")[row] = 0
    assert any("ACC" in violation for violation in witness.violations())


@pytest.mark.parametrize(("low", "high"), [(1, 0x7F00), (0xFFFF, 0x7F00), (0, 0x7F01), (0xFFFF, 0xFFFF)])
def test_42_word_that_is_not_below_p_is_refused_by_p2(low: int, high: int) -> None:
    word = low | high << 16
    with pytest.raises(ExecutionError, match="not below p"):
        execute(program([*call(3, DATA, 0, 0), *finish()], [word, *[0] * 15]))
    witness = full_witness()
    judge, row = RowJudge(witness, "P2"), int(witness.real_rows("P2")[0])
    names = judge.chip.main
    slack = (0x7F00 - high) % P
    for e in (0, low * pow(slack, -1, P) % P if slack else 5):
        changed = witness.traces["P2"][:, row].copy()
        changed[names.index("in0_lo")], changed[names.index("in0_hi")], changed[names.index("in0_e")] = low, high, e
        # The same field element as before would need no other change: the tuple of the memory bus differs, and besides
        # the word itself is illegal, which is what counts here.
        assert judge.is_refused(row, changed)
        assert _fails_canonicity(judge, changed)


def _fails_canonicity(judge: RowJudge, row: np.ndarray) -> bool:
    """Whether the canonicity constraint or its lookup alone refuses the row."""
    names = judge.chip.main
    low, high, e = (int(row[names.index(f"in0_{part}")]) for part in ("lo", "hi", "e"))
    slack = (0x7F00 - high) % P
    return (low - e * slack) % P != 0 or slack >= 1 << 16


def test_45_link_limb_that_is_a_quarter_mod_p_is_refused() -> None:
    """a1 = k/4 mod p passes a scaled lookup alone; the link's limbs come from ROM, so there is nothing to choose."""
    witness = full_witness()
    for chip, limb in (("SET", "i0"), ("JALR", "l0")):
        judge, row = RowJudge(witness, chip), int(witness.real_rows(chip)[0])
        number = judge.chip.main.index(limb)
        changed = witness.traces[chip][:, row].copy()
        changed[number] = (int(changed[number]) + 65536 * pow(4, -1, P)) % P
        assert judge.is_refused(row, changed)


def test_45_flags_one_and_minus_one_on_a_padding_row_are_refused() -> None:
    """Such a row would count as padding (sum 0) and send a PROG tuple with -1 if booleanity were gated."""
    witness = full_witness().copy()
    row = _padding_row(witness, "ADD")
    witness.column("ADD", "add")[row], witness.column("ADD", "sub")[row] = 1, P - 1
    assert any("sub is boolean" in violation for violation in witness.violations())


@pytest.mark.parametrize("reserved", [1, 0x40000000])
def test_45_unused_call_argument_must_be_zero(reserved: int) -> None:
    with pytest.raises(ExecutionError, match="a2 = 0"):
        execute(program([*call(3, DATA, 0, reserved), *finish()], [0] * 16))
    witness = full_witness().copy()
    row = int(np.flatnonzero(witness.column("ECALL", "n") == 3)[0])
    witness.column("ECALL", "a20")[row] = reserved & 0xFFFF
    witness.column("ECALL", "a21")[row] = reserved >> 16
    assert any("DELEG" in violation for violation in witness.violations())


def test_45_call_number_above_the_field_order_is_refused() -> None:
    """a7 = p + 3 has the limbs (4, 0x7f00): the access of a7 has the constant high limb 0."""
    with pytest.raises(ExecutionError, match="not part of this machine"):
        execute(program([*call(P + 3, DATA, 0, 0), *finish()]))
    witness = full_witness().copy()
    row = int(np.flatnonzero(witness.column("ECALL", "n") == 3)[0])
    witness.column("ECALL", "n")[row] = 4
    assert any("MEM" in violation for violation in witness.violations())


@pytest.mark.parametrize(
    ("instruction", "rule"),
    [
        (Instruction(0, OpCode.ECALL), r"\[4, 2\^30\)"),
        (Instruction(2, OpCode.ECALL), "4-aligned"),
        (Instruction(1 << 30, OpCode.ECALL), r"2\^30"),
        (Instruction(8, OpCode.ECALL, 1), "ECALL has no fields"),
        (Instruction(8, OpCode.ADD, 0, 1, 2, 0), "rd"),
        (Instruction(8, OpCode.ADD, 33, 1, 2, 0), "rd"),
        (Instruction(8, OpCode.ADD, 1, 32, 2, 0), "rs1"),
        (Instruction(8, OpCode.ADD, 1, 1, 32, 0), "x = rs2"),
        (Instruction(8, OpCode.ADD, 1, 1, 2, 1), "y = 0"),
        (Instruction(8, OpCode.ADDI, 1, 1, 65536, 0), "limbs"),
        (Instruction(8, OpCode.SLLI, 1, 1, 32, 0), "shift amount"),
        (Instruction(8, OpCode.BEQ, 32, 1, 16, 0), "rs2"),
        (Instruction(8, OpCode.BEQ, 1, 1, 18, 0), "target"),
        (Instruction(8, OpCode.SET, 1, 1 << 30, 12, 0), "target"),
        (Instruction(8, OpCode.SET, 1, 18, 12, 0), "target"),
        (Instruction(8, OpCode.SET, 0, 16, 12, 0), "rd"),
        (Instruction(8, OpCode.SET, 1, 16, 12, 65536), "limbs"),
        (Instruction(8, OpCode.JALR, 1, 1, 0, 16), "link"),
        (Instruction(8, OpCode.JALR, 1, 1, 0xFFFF, 12), "sign"),
        (Instruction(8, OpCode.JALRN, 1, 1, 1, 12), "sign"),
        (Instruction(8, OpCode.SW, 40, 1, 1, 0), "rs2"),
        (Instruction(8, OpCode.LW, 1, 1, 1 << 11, 0), "offset"),
        (Instruction(8, OpCode.SB, 1, 1, P - (1 << 11) - 1, 0), "offset"),
        (Instruction(8, OpCode.LBU, 1, 1, P, 0), "offset"),
        (Instruction(8, OpCode.LW, 1, 1, 4, 1), "offset"),
        # forms with a chip of their own, on rows that do not have the form
        (Instruction(8, OpCode.MV, 1, 2, 1, 0), "MV has no constant"),
        (Instruction(8, OpCode.MV, 1, 2, 0, 1), "MV has no constant"),
        (Instruction(8, OpCode.ADDI_RW, 1, 2, 5, 0), "rs1 = rd"),
        (Instruction(8, OpCode.ADDI_RW, 0, 0, 5, 0), "rd"),
        (Instruction(8, OpCode.ADDI_RW, 32, 32, 5, 0), "rs1"),
        (Instruction(8, OpCode.ADD_RW, 1, 2, 1, 0), "rs1 = rd"),
        (Instruction(8, OpCode.XOR_RW, 0, 0, 1, 0), "rd"),
        (Instruction(8, OpCode.OR_RW, 1, 1, 32, 0), "x = rs2"),
        (Instruction(8, OpCode.AND_RW, 1, 1, 2, 1), "y = 0"),
        (Instruction(8, OpCode.SLTU_RW, 1, 1, 2, 0), "rs2 = rd"),
        (Instruction(8, OpCode.SLTU_RW, 32, 1, 32, 0), "x = rs2"),
        (Instruction(8, OpCode.BEQZ, 1, 1, 16, 0), "r = 0"),
        (Instruction(8, OpCode.BNEZ, 0, 1, 18, 0), "target"),
        (Instruction(8, OpCode.BNEZ, 0, 1, 16, 1), "y must be 0"),
        (Instruction(8, OpCode.SLLI_LO, 1, 2, 3, 0), "power of two"),
        (Instruction(8, OpCode.SRLI_LO, 1, 2, 0, 0), "power of two"),
        (Instruction(8, OpCode.SRLI_HI, 1, 2, 1 << 15, 0), "power of two"),
        (Instruction(8, OpCode.SLLI_HI_RW, 1, 1, 2, 1), "power of two"),
        (Instruction(8, OpCode.SRLI_HI_RW, 1, 2, 2, 0), "rs1 = rd"),
    ],
)
def test_45_setup_refuses_rom_rows(instruction: Instruction, rule: str) -> None:
    with pytest.raises(SetupError, match=rule):
        Rom.from_instructions([instruction])


def test_45_setup_refuses_a_duplicate_pc() -> None:
    with pytest.raises(SetupError, match="distinct"):
        Rom.from_instructions([Instruction(8, OpCode.ECALL), Instruction(8, OpCode.ECALL)])


@pytest.mark.parametrize(
    ("row", "column", "value", "rule"),
    [
        (1, 0, 4, "twice"),
        (1, 0, 6, "4-aligned"),
        (1, 0, 16, "below zero_base"),
        (0, 1, 65536, "limb"),
        (0, 3, 0, "real"),
        (5, 1, 1, "registers start as 0"),
        (5, 0, 12, "register rows"),
    ],
)
def test_45_setup_refuses_image_rows(row: int, column: int, value: int, rule: str) -> None:
    columns = image_columns(np.array([4, 8], np.uint32), np.array([7, 9], np.uint32))
    check_image(columns, 16)
    columns[column, row] = value
    with pytest.raises(SetupError, match=rule):
        check_image(columns, 16)


@pytest.mark.parametrize("zero_base", [0, 6, 1 << 30])
def test_45_setup_refuses_zero_base(zero_base: int) -> None:
    with pytest.raises(SetupError, match="zero_base"):
        check_image(image_columns(np.zeros(0, np.uint32), np.zeros(0, np.uint32)), zero_base)
