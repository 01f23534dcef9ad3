"""Source-level reports of faults: kind, place, instruction, registers, calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.vm.assembler import TEXT, constant, jalr, load, program
from zk.errors import (
    CallError,
    CycleLimitError,
    ExecutionError,
    IllegalInstructionError,
    JumpError,
    MisalignedAccessError,
    OutOfHintsError,
    UnmappedAccessError,
)
from zk.vm.debug_info import DebugInfo, function_name, read_debug_info
from zk.vm.elf import GuestProgram, read_elf
from zk.vm.executor import execute
from zk.vm.fault_report import FaultReport, report_fault
from zk.vm.guest import SAMPLES, build_guest

SOURCE = Path(__file__).parent / "faulty_guest.cpp"


def line_of(mark: str) -> int:
    """Number of the source line that carries the mark."""
    return next(i for i, line in enumerate(SOURCE.read_text().splitlines(), 1) if f"// {mark}" in line)


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_guest([SOURCE], tmp_path_factory.mktemp("faults") / "faulty.elf")


def fault_of(path: Path, kind: int) -> tuple[ExecutionError, FaultReport]:
    program, hints = read_elf(path), np.array([kind], np.uint32)
    with pytest.raises(ExecutionError) as caught:
        execute(program, hints, 100_000)
    return caught.value, report_fault(caught.value, program, path.read_bytes(), hints, ("P2", "P2_PATH", "EXT_DOT"))


@pytest.mark.parametrize(
    ("kind", "error", "mark", "instruction"),
    [
        (1, IllegalInstructionError, "csr", ".word 0xb00022f3"),
        (2, JumpError, "jump outside", "jalr"),
        (3, JumpError, "jump misaligned", "jalr"),
        (4, UnmappedAccessError, "unmapped", "lw"),
        (5, CycleLimitError, "endless", "jal zero"),
        (6, OutOfHintsError, "hint", "ecall"),
        (7, CallError, "call", "ecall"),
    ],
)
def test_report_names_line_instruction_and_caller(
    kind: int, error: type[ExecutionError], mark: str, instruction: str, elf: Path
) -> None:
    found, report = fault_of(elf, kind)
    assert type(found) is error
    assert report.instruction is not None and report.instruction.startswith(instruction)
    main = next(frame for frame in report.frames if frame.function == "main")
    assert main.line is not None and (main.line.file, main.line.line) == (SOURCE.name, line_of(mark))
    assert report.frames[-1].function == "_start"
    assert str(main) in "\n".join(report.lines())


def test_report_of_a_misaligned_load_shows_the_calls_and_the_address(elf: Path) -> None:
    error, report = fault_of(elf, 0)
    assert type(error) is MisalignedAccessError
    assert (error.symbol, error.pc) == ("tally::read_word", report.pc)
    calls = [(frame.function, frame.inlined, frame.line.line if frame.line else 0) for frame in report.frames]
    assert calls[:3] == [
        ("tally::read_word", False, line_of("misaligned")),
        ("tally::Table::sum", True, line_of("each word")),
        ("main", False, line_of("sum")),
    ]
    assert report.instruction == "lw a0, 0(a0)"
    assert f"{report.registers['a0']:#010x}" in error.reason
    assert report.as_dict()["frames"][0]["line"] == line_of("misaligned")


def test_report_without_symbols_and_debug_information() -> None:
    guest = program([*constant(5, 0x1002), jalr(1, 5, 0)])
    with pytest.raises(JumpError) as caught:
        execute(guest)
    report = report_fault(caught.value, guest, b"", np.zeros(0, np.uint32), ())
    assert (report.pc, report.instruction, report.registers["t0"]) == (TEXT + 8, "jalr ra, 0(t0)", 0x1002)
    assert [frame.function for frame in report.frames] == ["(no symbol)"]


def test_fault_of_the_first_instruction() -> None:
    guest = program([load("lw", 5, 0, 2)])
    with pytest.raises(MisalignedAccessError) as caught:
        execute(guest)
    report = report_fault(caught.value, guest, b"", np.zeros(0, np.uint32), ())
    assert (report.pc, report.cycle, report.instruction) == (TEXT, 1, "lw t0, 2(zero)")


def test_debug_information_does_not_change_the_image_id(elf: Path, tmp_path: Path) -> None:
    for source in (SOURCE, SAMPLES / "merkle_path.cpp"):
        bare = build_guest([source], tmp_path / "bare.elf", debug=False)
        full = build_guest([source], tmp_path / "full.elf")
        assert read_elf(bare).image_id == read_elf(full).image_id
        assert _lines(bare) == 0 < _lines(full)


def _lines(path: Path) -> int:
    return len(_debug(path, read_elf(path)).lines)


def _debug(path: Path, program: GuestProgram) -> DebugInfo:
    return read_debug_info(path.read_bytes(), program.instruction_addresses)


def test_almost_every_instruction_has_a_line(elf: Path) -> None:
    program = read_elf(elf)
    debug = _debug(elf, program)
    with_line = [debug.line_at(pc) is not None for pc in program.instruction_addresses.tolist()]
    assert sum(with_line) > 0.95 * len(with_line)
    assert debug.line_at(0) is None and debug.inlined_at(0) == () and debug.inlined_at(0xFFFFFFFC) == ()


def test_damaged_debug_information_is_no_error(elf: Path) -> None:
    program, content = read_elf(elf), elf.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(20):
        damaged = bytearray(content)
        for position in rng.integers(0x2000, len(content), 40).tolist():
            damaged[position] ^= int(rng.integers(1, 256))
        read_debug_info(bytes(damaged), program.instruction_addresses).line_at(program.entry)


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("main", "main"),
        ("f", "f"),
        ("_ZN5guest6commitEjj", "guest::commit"),
        ("_ZNK5tally5Table3sumEv", "tally::Table::sum"),
        ("_ZN5tallyclEi", "tally::operator()"),
        ("_ZNSt3__15arrayIjLj16EEixB9nqn220108Ej", "std::array<unsigned int, 16u>::operator[]"),
        ("(no symbol)", "(no symbol)"),
    ],
)
def test_function_names_are_those_of_the_sources(symbol: str, name: str) -> None:
    assert function_name(symbol) == name
