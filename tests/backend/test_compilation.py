"""Compilation of chips: compilers found and missing, the cache, and what the printer refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu import jit
from gpu.cpu import CpuDevice, instruction_sets
from gpu.errors import CompilationError, CompilerNotFoundError
from gpu.printer import affine_forms, print_chip
from gpu.program import ChipProgram, InteractionProgram, Node, Op
from gpu.reference import ReferenceDevice

from .machines import random_chip, random_program
from .test_zerocheck import transcript


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache folder, and no compiler remembered from earlier."""
    monkeypatch.setenv("BLINDBOOK_CACHE", str(tmp_path))
    jit.find_compiler.cache_clear()
    yield tmp_path
    jit.find_compiler.cache_clear()


def test_a_missing_compiler_is_reported_with_what_to_install(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(fresh))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(jit, "find_spec", lambda name: None)
    with pytest.raises(CompilerNotFoundError, match="install g"):
        jit.compile_chip(random_program("full"), "portable")


def test_the_compiler_of_ziglang_is_the_last_resort(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.setenv("PATH", str(fresh))
    monkeypatch.delenv("CXX", raising=False)
    assert "ziglang" in jit.find_compiler()
    chips = [random_chip("main columns only", 5)]
    assert transcript(CpuDevice(), chips) == transcript(ReferenceDevice(), chips)


def test_a_failing_compiler_is_reported_with_the_chip(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(CompilationError, match="chip full: false failed"):
        jit.compile_chip(random_program("full"), "portable")
    assert not list(fresh.iterdir())


def test_a_chip_is_compiled_once(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = random_program("main columns only")
    jit.compile_chip(program, "portable")
    monkeypatch.setattr(jit, "_build", lambda *_: pytest.fail("compiled twice"))
    jit.compile_chip(program, "portable")
    assert len(list(fresh.glob("*.so"))) == 1


def test_each_instruction_set_has_its_own_object(fresh: Path) -> None:
    for name in instruction_sets():
        jit.compile_chip(random_program("main columns only"), name)
    assert len(list(fresh.glob("*.so"))) == len(instruction_sets())


def test_an_interaction_that_is_not_affine_is_refused() -> None:
    nodes = (Node(Op.COLUMN, 0), Node(Op.MUL, 0, 0))
    program = ChipProgram("square", 1, 0, (), nodes, (), (InteractionProgram(1, 0, (1,)),))
    with pytest.raises(ValueError, match="chip square: an interaction is not affine"):
        affine_forms(program, [1])


def test_affine_forms_name_columns_and_constant() -> None:
    nodes = (Node(Op.COLUMN, 3), Node(Op.CONST, 5), Node(Op.MUL, 0, 1), Node(Op.SUB, 2, 1), Node(Op.ADD, 3, 0))
    program = ChipProgram("form", 4, 0, (), nodes, (), ())
    assert affine_forms(program, [4]) == {4: {3: 6, -1: 2**31 - 2**24 + 1 - 5}}


def test_the_source_evaluates_every_constraint_and_interaction() -> None:
    program = random_program("full")
    source = print_chip(program)
    assert source.count("accumulate") == len(program.constraints)
    assert source.count("fingerprint(") == len(program.interactions)
