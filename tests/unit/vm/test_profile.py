"""Cycle profiles by call path, the predicted shape of the proof, folded stacks and flame graphs."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.unit.vm.assembler import (
    ZERO_BASE,
    branch,
    constant,
    finish,
    immediate_form,
    jal,
    jalr,
    load,
    program,
    store,
)
from tests.unit.vm.command import blindbook
from tests.unit.vm.elf_files import EXECUTE, code, elf
from zk.flame_graph import flame_graph, folded
from zk.machine.keys import chip_keys, smallest_log_rows
from zk.machine.shape import derive_shape
from zk.vm.elf import GuestProgram, read_elf
from zk.vm.executor import execute
from zk.vm.guest import build_sample
from zk.vm.machine import rv32im_machine
from zk.vm.profile import Profile, profile_guest
from zk.vm.trace import generate_traces

NAMES = ("P2", "P2_PATH", "EXT_DOT")
NO_HINTS = np.zeros(0, np.uint32)


def with_symbols(words: list[int], symbols: dict[str, int]) -> GuestProgram:
    """A program whose functions start at these instruction numbers."""
    guest = program(words)
    named = tuple(sorted((guest.entry + 4 * number, name) for name, number in symbols.items()))
    return GuestProgram(
        guest.entry,
        guest.instruction_addresses,
        guest.instruction_words,
        guest.image_addresses,
        guest.image_values,
        guest.zero_base,
        named,
    )


def profiled(guest: GuestProgram, content: bytes = b"", hints: np.ndarray = NO_HINTS) -> Profile:
    machine, _ = rv32im_machine(guest, NAMES, twins=True)
    return profile_guest(guest, content, machine, hints, NAMES)


def test_calls_tail_calls_and_returns_by_hand() -> None:
    nop = immediate_form("addi", 0, 0, 0)
    main = [jal(1, 8 + 4 * 300), jal(1, 4 + 4 * 300)]  # both call f, 302 words from the start
    rest = [*finish(), *[nop] * 300][:300]
    f = [immediate_form("addi", 9, 1, 0), jal(1, 12), immediate_form("addi", 1, 9, 0), jalr(0, 1, 0)]  # calls g
    g = [nop, nop, jal(0, 4)]  # tail call of h
    h = [nop, jalr(0, 1, 0)]
    guest = with_symbols([*main, *rest, *f, *g, *h], {"main": 0, "f": 302, "g": 306, "h": 309})
    result = profiled(guest)
    paths = {path: (cost.calls, cost.cycles) for path, cost in result.paths.items()}
    assert paths[("main", "f")] == (2, 8)
    assert paths[("main", "f", "g")] == (2, 6)
    assert paths[("main", "f", "h")] == (0, 4)
    assert paths[("main",)][1] == result.cycles - 18
    functions = {function.name: function for function in result.functions()}
    assert (functions["f"].calls, functions["f"].cycles, functions["f"].cumulative_cycles) == (2, 8, 18)
    assert functions["main"].cumulative_cycles == result.cycles


def test_recursion_counts_once_in_cumulative_cycles() -> None:
    main = [*constant(2, ZERO_BASE + 64), *constant(8, 3), jal(1, 4 * 201)]
    main += [*finish(), *[immediate_form("addi", 0, 0, 0)] * 300][: 205 - len(main)]
    f = [
        *(immediate_form("addi", 2, 2, -4), store("sw", 1, 2, 0), immediate_form("addi", 8, 8, -1)),
        *(branch("beq", 8, 0, 8), jal(1, -16)),  # calls itself until s0 is 0
        *(load("lw", 1, 2, 0), immediate_form("addi", 2, 2, 4), jalr(0, 1, 0)),
    ]
    result = profiled(with_symbols([*main, *f], {"main": 0, "f": 205}))
    cycles = {path: cost.cycles for path, cost in result.paths.items() if path != ("main",)}
    assert cycles == {("main", "f"): 8, ("main", "f", "f"): 8, ("main", "f", "f", "f"): 7}
    f_cost = next(function for function in result.functions() if function.name == "f")
    assert (f_cost.calls, f_cost.cycles, f_cost.cumulative_cycles) == (3, 23, 23)


@pytest.fixture(scope="module")
def merkle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sample("merkle_path", tmp_path_factory.mktemp("profile") / "merkle_path.elf")


def path_hints(depth: int) -> np.ndarray:
    return np.array([depth, 0, *range(8), *[1] * (16 * depth)], np.uint32)


def test_sums_equal_the_run_and_the_executions(merkle_path: Path) -> None:
    guest, hints = read_elf(merkle_path), path_hints(5)
    result, run = profiled(guest, merkle_path.read_bytes(), hints), execute(guest, hints)
    assert sum(cost.cycles for cost in result.paths.values()) == result.cycles == run.cycles
    by_outermost: dict[str, int] = {}
    symbols = dict(run.cycles_by_symbol())
    plain = profiled(guest, b"", hints)
    for path, cost in plain.paths.items():
        by_outermost[path[-1]] = by_outermost.get(path[-1], 0) + cost.cycles
    assert by_outermost == symbols
    assert result.rows == {name: rows.shape[1] for name, rows in run.rows.items() if rows.shape[1]}
    assert any("guest::hint" in path for path in result.paths)  # inlined into main
    assert result.outputs == tuple(run.outputs.tolist())


@pytest.mark.parametrize(("depth", "twins"), [(0, False), (5, True), (30, True)])
def test_predicted_shape_is_that_of_the_traces(depth: int, twins: bool, merkle_path: Path) -> None:
    guest, hints = read_elf(merkle_path), path_hints(depth)
    machine, _ = rv32im_machine(guest, NAMES, twins=twins)
    predicted = profile_guest(guest, b"", machine, hints, NAMES).proof
    traces, _ = generate_traces(machine, execute(guest, hints))
    heights = [traces[c.name].shape[1].bit_length() - 1 if c.name in traces else None for c in machine.chips]
    keys = chip_keys(machine)
    shape = derive_shape(keys, heights, smallest_log_rows(keys))
    assert predicted is not None
    assert {chip.chip: chip.log_height for chip in predicted.chips} == {
        chip.name: height for chip, height in zip(machine.chips, heights, strict=True) if height is not None
    }
    assert predicted.used_cells == sum(tree.cells for tree in shape.trees) == sum(c.cells for c in predicted.chips)
    assert (predicted.log_rows, predicted.log_size) == (shape.log_rows, shape.log_size)


def test_folded_stacks_and_flame_graph() -> None:
    weights = {("main",): 10, ("main", "f<a;b>"): 30, ("main", "g"): 0, ("start",): 60}
    assert folded(weights) == "main 10\nmain;f<a,b> 30\nstart 60\n"
    root = ElementTree.fromstring(flame_graph(weights, "a & b", "cycles"))
    boxes = {}
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        title, rect = group[0].text, group[1].attrib
        assert title is not None
        boxes[title.split(":")[0]] = (float(rect["x"]), float(rect["y"]), float(rect["width"]))
    assert set(boxes) == {"all", "main", "f<a;b>", "start"}
    assert boxes["main"][2] == pytest.approx(0.4 * boxes["all"][2], abs=0.02)
    assert boxes["f<a;b>"][2] == pytest.approx(0.3 * boxes["all"][2], abs=0.02)
    assert boxes["f<a;b>"][1] < boxes["main"][1] < boxes["all"][1]
    assert boxes["start"][0] == pytest.approx(boxes["main"][0] + boxes["main"][2], abs=0.02)


def test_profile_command(merkle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hints = [text for word in path_hints(2).tolist() for text in ("--hint", str(word))]
    calls = ["--coprocessor", "P2", "--coprocessor", "P2_PATH"]
    files = ["--flame", str(tmp_path / "a.svg"), "--folded", str(tmp_path / "a.txt"), "--weight", "cells"]
    status, out, _ = blindbook(capsys, "zkvm", "profile", str(merkle_path), *hints, *calls, *files, "--json")
    result = json.loads(out)
    assert status == 0
    total = sum(int(line.rpartition(" ")[2]) for line in (tmp_path / "a.txt").read_text().splitlines())
    assert total == sum(path["cells"] for path in result["paths"]) > 0
    assert f"{total:,} cells" in (tmp_path / "a.svg").read_text()
    status, out, _ = blindbook(capsys, "zkvm", "profile", str(merkle_path), *hints, *calls)
    assert status == 0 and "_start > main" in out and "PATH_H" in out


def test_costs_of_a_proof_where_the_configuration_makes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of 2^20 and some more cycles: two shards in P2, one proof in K."""
    text = code(*constant(5, 1 << 19), immediate_form("addi", 5, 5, -1), branch("bne", 5, 0, -4), *finish())
    guest = tmp_path / "guest.elf"
    guest.write_bytes(elf([(0x1000, text, len(text), EXECUTE)]))
    for config, is_one in (("P2", False), ("K", True)):
        status, out, _ = blindbook(capsys, "zkvm", "profile", str(guest), "--config", config, "--json")
        assert status == 0 and (json.loads(out)["proof"] is not None) is is_one
