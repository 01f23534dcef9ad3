"""Every instruction on edge operands: executor and readable model agree, and the trace is a witness."""

from __future__ import annotations

import itertools

import pytest

from tests.unit.vm.assembler import (
    BRANCHES,
    DATA,
    EBREAK,
    EDGES,
    FENCE,
    IMMEDIATE_FORMS,
    LOADS,
    REGISTER_FORMS,
    SHIFTS,
    STORES,
    ZERO_BASE,
    auipc,
    branch,
    call,
    constant,
    finish,
    immediate_form,
    jal,
    jalr,
    load,
    lui,
    model_of,
    program,
    register_form,
    shift,
    store,
)
from zk.air.check import check_trace
from zk.errors import ExecutionError
from zk.vm.elf import GuestProgram
from zk.vm.executor import execute
from zk.vm.isa import OpCode, decode
from zk.vm.machine import rv32im_machine
from zk.vm.trace import generate_traces


def check(guest: GuestProgram) -> None:
    """The model's registers and memory, and a satisfied trace."""
    execution = execute(guest)
    model = model_of(guest)
    model.run(1_000_000)
    assert execution.registers[:32, 0].tolist() == model.registers
    addresses, values, _ = execution.touched
    assert values.tolist() == [model.word_at(address) for address in addresses.tolist()]
    assert execution.outputs.tolist() == [model.outputs[i] for i in range(16)]
    assert (execution.cycles, execution.exit_code) == (model.cycles, model.exit_code)
    machine, preprocessed = rv32im_machine(guest)
    traces, public_values = generate_traces(machine, execution)
    check_trace(machine, preprocessed, traces, public_values)


def fold(result: int) -> list[int]:
    """x20 := 31 x20 + result: every result reaches the final registers."""
    return [shift("slli", 21, 20, 5), register_form("sub", 20, 21, 20), register_form("add", 20, 20, result)]


@pytest.mark.parametrize("name", REGISTER_FORMS)
def test_register_form_on_edge_operands(name: str) -> None:
    words: list[int] = []
    for b, c in itertools.product(EDGES, EDGES):
        words += constant(5, b) + constant(6, c) + [register_form(name, 7, 5, 6)] + fold(7)
    words += [register_form(name, 5, 5, 5), register_form(name, 0, 5, 6), register_form(name, 6, 0, 0)]
    check(program(words + finish()))


@pytest.mark.parametrize("name", [*IMMEDIATE_FORMS, *SHIFTS])
def test_immediate_form_on_edge_operands(name: str) -> None:
    words: list[int] = []
    immediates = (0, 1, 15, 16, 17, 31) if name in SHIFTS else (0, 1, -1, 2047, -2048, 0x7F, 0x80)
    for b, immediate in itertools.product(EDGES, immediates):
        form = shift if name in SHIFTS else immediate_form
        words += [*constant(5, b), form(name, 7, 5, immediate), *fold(7)]
    check(program(words + finish()))


@pytest.mark.parametrize("name", BRANCHES)
def test_branch_on_edge_operands(name: str) -> None:
    words: list[int] = []
    for b, c in itertools.product(EDGES, EDGES):
        words += [*constant(5, b), *constant(6, c), branch(name, 5, 6, 8), immediate_form("addi", 20, 20, 1), *fold(0)]
    check(program(words + finish()))


@pytest.mark.parametrize("name", LOADS)
def test_load_of_every_position_and_sign(name: str) -> None:
    size = 1 << (LOADS[name] & 3)
    words = [*constant(5, DATA + 2047), *constant(6, DATA)]
    for offset in range(0, 16, size):
        words += [load(name, 7, 5, offset - 2047), *fold(7), load(name, 7, 6, offset), *fold(7)]
    words += [load(name, 0, 6, 0), load(name, 6, 6, 0)]
    check(program(words + finish(), [0x807F00FF, 0xFF7F8001, 0x7FFF8000, 0xFFFF0000]))


@pytest.mark.parametrize("name", STORES)
def test_store_at_every_position(name: str) -> None:
    size = 1 << STORES[name]
    words = [*constant(5, DATA + 100), *constant(6, 0x81F0C3A5), *constant(8, ZERO_BASE + 2048)]
    for offset in range(0, 16, size):
        words += [store(name, 6, 5, offset - 100), store(name, 6, 8, offset - 2048), load("lw", 7, 5, -100), *fold(7)]
    words += [store(name, 0, 5, -100), store(name, 5, 5, -96)]
    check(program(words + finish(), [0xFFFFFFFF] * 8))


def test_jumps_and_links() -> None:
    backward = [jal(0, 12), immediate_form("addi", 20, 20, 7), jal(0, 8), jal(1, -8)]
    indirect = [auipc(5, 0), jalr(6, 5, 17), 0, 0, auipc(7, 0x1000), immediate_form("addi", 7, 7, 20)]
    indirect += [lui(8, 0x1000), register_form("sub", 7, 7, 8), jalr(0, 7, -1 & ~3), jalr(9, 7, 0)]
    words = [
        *backward,
        *indirect[:2],
        0,
        0,
        auipc(5, 0),
        immediate_form("addi", 5, 5, 2044),
        jalr(1, 5, 12 - 2044),
        FENCE,
    ]
    check(program(words + finish()))


def test_link_across_a_64_kib_border() -> None:
    words = [jal(1, 4), immediate_form("addi", 2, 1, 0), jal(3, 4), auipc(4, 0), jalr(5, 4, 8)]
    check(program(words + finish(), base=0x1FFF0))


def test_x0_stays_zero_and_the_sink_takes_the_writes() -> None:
    words = [*constant(0, 0x12345678), immediate_form("addi", 5, 0, 1), jal(0, 4), lui(0, 0x1000), load("lw", 0, 30, 0)]
    check(program([*constant(30, DATA), *words, *finish()]))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([EBREAK], "no legal instruction"),
        ([0xFFFFFFFF], "no legal instruction"),
        ([0x30001073], "no legal instruction"),  # CSRRW
        ([0x0000100F], "no legal instruction"),  # FENCE.I
        ([jal(0, -0x800)], "no legal instruction"),
        ([jal(0, 6)], "no legal instruction"),  # misaligned target: the instruction has no row
        ([*constant(5, 0x1002), jalr(0, 5, 0)], "misaligned"),
        ([*constant(5, 0x80000000), jalr(0, 5, 0)], "no legal instruction"),
        ([*constant(5, DATA + 1), load("lh", 6, 5, 0)], "misaligned"),
        ([*constant(5, DATA + 2), load("lw", 6, 5, 0)], "misaligned"),
        ([*constant(5, DATA + 1), store("sh", 6, 5, 0)], "misaligned"),
        ([*constant(5, DATA + 1), store("sw", 6, 5, 0)], "misaligned"),
        ([*constant(5, 1 << 30), store("sb", 6, 5, 0)], "2^30"),
        ([load("lw", 6, 0, 0)], "no memory"),
        (call(1), "hints"),
        (call(2, 16, 1), "output word 16"),
        (call(2, 0xFFFFFFFF, 1), "there are 16"),
        (call(4, DATA, 0, 0), "call 4"),
        (call(5, DATA, 0, 0), "call 5"),
        (call(10), "call 10"),
        (call(0xFFFFFFFF), "not part of this machine"),
        (call(3, DATA, 2, 0), "a1 in {0, 1}"),
        (call(3, DATA + 2, 0, 0), "misaligned"),
        (call(3, DATA - 4, 0, 0), "no memory"),
        (call(3, (1 << 30) - 32, 0, 0), "2^30"),
    ],
)
def test_what_has_no_proof_is_an_error_with_pc(words: list[int], reason: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        execute(program([*words, *finish()]), coprocessors=("P2",))
    assert reason in str(caught.value)
    assert caught.value.cycle >= 1


@pytest.mark.parametrize(
    ("words", "data", "reason"),
    [
        (call(5, DATA, DATA + 20, 1 << 18), [], "length below 2^16"),
        (call(5, DATA, (1 << 30) - 20, 1 << 2), [], "2^30"),
        (call(5, DATA, DATA + 2, 0), [], "misaligned"),
        (call(5, DATA, DATA + 20, 1 << 2), [0x7F000001], "not below p"),
        (call(5, DATA + 4, DATA + 8, 1 << 2 | 1), [0, 0, 0xFFFFFFFF], "not below p"),
        (call(5, DATA, DATA, 2), [0x7F000001], "start is not below p"),
    ],
)
def test_faulty_ext_dot_is_an_error(words: list[int], data: list[int], reason: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        execute(program([*words, *finish()], data))
    assert reason in str(caught.value)


def test_endless_program_ends_at_the_limit() -> None:
    with pytest.raises(ExecutionError, match="limit of 100 cycles"):
        execute(program([jal(0, 0)]), max_cycles=100)


def test_limits_of_the_cycle_limit() -> None:
    for limit in (0, 1 << 22):
        with pytest.raises(ValueError, match="max_cycles"):
            execute(program(finish()), max_cycles=limit)


def test_decoder_and_op_codes_are_one_to_one() -> None:
    assert len({int(code) for code in OpCode}) == len(OpCode)
    assert 0 not in {int(code) for code in OpCode}
    lui_row = decode(8, lui(5, 0xABCDE000))
    assert lui_row is not None and (lui_row.op, lui_row.x, lui_row.y) == (OpCode.SET, 0xE000, 0xABCD)
