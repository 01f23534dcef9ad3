"""Directed programs: executor, readable model and qemu leave the same words, and each trace satisfies the machine."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.conformance.directed import CORE_PAIRS, PAIRS, PROGRAMS, directed_snippets
from tests.conformance.oracles import check_equal, executor_memory, model_memory, qemu_memories, require_qemu
from tests.conformance.snippets import Snippet
from tests.unit.vm.assembler import (
    BRANCHES,
    EBREAK,
    LOADS,
    STORES,
    constant,
    finish,
    immediate_form,
    jalr,
    load,
    model_of,
    program,
    store,
)
from zk.air.check import check_trace
from zk.errors import UnmappedAccessError
from zk.vm.elf import GuestProgram
from zk.vm.executor import execute
from zk.vm.isa import OpCode
from zk.vm.machine import rv32im_machine
from zk.vm.trace import generate_traces


@cache
def snippets() -> dict[str, Snippet]:
    return directed_snippets()


def check_witness(guest: GuestProgram) -> None:
    """The trace of the run satisfies every constraint and bus."""
    machine, preprocessed = rv32im_machine(guest, ())
    traces, public_values = generate_traces(machine, execute(guest, coprocessors=()))
    check_trace(machine, preprocessed, traces, public_values)


@pytest.mark.parametrize("name", PROGRAMS)
def test_instruction_on_edge_operands(name: str) -> None:
    snippet = snippets()[name]
    check_equal(snippet, executor_memory(snippet), model_memory(snippet), "the model")
    check_witness(snippet.guest())


def test_directed_programs_agree_with_qemu() -> None:
    require_qemu()
    programs = list(snippets().values())
    for snippet, expected in zip(programs, qemu_memories(programs), strict=True):
        check_equal(snippet, executor_memory(snippet), expected, "qemu")


@pytest.mark.parametrize("name", BRANCHES)
def test_branch_is_taken_and_not_taken_in_both_directions(name: str) -> None:
    snippet = snippets()[name]
    first = len(snippet.image)
    results = Counter(executor_memory(snippet)[first : first + len(PAIRS)].tolist())
    assert set(results) == {2, 5} and min(results.values()) > 1
    reflexive = name in ("beq", "bge", "bgeu")  # of a register with itself
    aliased = executor_memory(snippet)[first + len(PAIRS) : first + len(PAIRS) + len(CORE_PAIRS)]
    assert {int(word) & 9 for word in aliased} == {0 if reflexive else 9}


def test_directed_programs_run_every_instruction() -> None:
    executed = set()
    for snippet in snippets().values():
        guest = snippet.guest()
        counts = execute(guest, coprocessors=(), record=False).executions
        executed |= set(guest.rom.op[(counts > 0) & (guest.rom.pc < snippet.end)].tolist())
    assert {code.name for code in OpCode if code not in executed} == {"ECALL"}


def test_jumps_of_the_directed_programs_link_through_every_register() -> None:
    written = {word >> 7 & 31 for word in snippets()["jal"].words if word & 0x7F == 0x6F}
    assert len(written) == 30  # all but the pointers to memory and results


def low_program(words: list[int]) -> GuestProgram:
    """Code at 0x400 and three words of data at 0x200: offsets from x0 and from -16 reach both."""
    addresses = np.arange(0x200, 0x20C, 4, dtype=np.uint32)
    values = np.array([0x12345678, 0x80000001, 7], np.uint32)
    base = program([*words, *finish()], base=0x400)
    return replace(base, image_addresses=addresses, image_values=values, zero_base=0x20C)


def test_offsets_from_x0_reach_memory_and_code() -> None:
    words = [load("lw", 5, 0, 0x200), load("lb", 6, 0, 0x207), store("sh", 6, 0, 0x204), store("sw", 0, 0, 0x208)]
    words += [jalr(7, 0, 0x400 + 4 * 6), EBREAK, load("lhu", 8, 0, 0x204)]
    guest = low_program(words)
    execution, model = execute(guest, coprocessors=()), model_of(guest)
    model.run(1000)
    expected = {5: 0x12345678, 6: 0xFFFFFF80, 7: 0x414, 8: 0xFF80}
    assert {register: int(execution.registers[register, 0]) for register in expected} == expected
    assert execution.registers[:32, 0].tolist() == model.registers
    assert execution.touched[1].tolist() == [0x12345678, 0x8000FF80, 0]
    check_witness(guest)


@pytest.mark.parametrize("name", [*LOADS, *STORES])
def test_address_that_wraps_round_is_refused(name: str) -> None:
    """The base -16 with a positive offset that leads to mapped memory."""
    access = (load if name in LOADS else store)(name, 6, 5, 0x204 + 16)
    guest = low_program([*constant(5, 0xFFFFFFF0), *constant(6, 0x00C0FFEE), access])
    with pytest.raises(UnmappedAccessError, match="wraps round") as caught:
        execute(guest, coprocessors=())
    assert caught.value.pc == 0x410


def test_jump_whose_target_wraps_round_has_a_witness() -> None:
    words = [*constant(5, 0xFFFFFFF0), jalr(7, 5, 0x400 + 4 * 4 + 16), EBREAK, immediate_form("addi", 8, 0, 1)]
    guest = low_program(words)
    assert execute(guest, coprocessors=()).registers[7:9, 0].tolist() == [0x40C, 1]
    check_witness(guest)
