"""`zkvm conformance`: what agrees passes, every kind of disagreement fails by name, wrong usage is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.assembly import build_test
from tests.unit.vm.command import blindbook
from zk.conformance.suite import Case, find_cases

SUMS = """
    la x5, begin_signature
    li x6, -7; li x7, 3
    add x8, x6, x7; sw x8, 0(x5)
    mulhu x9, x6, x7; sw x9, 4(x5)
    rem x10, x6, x7; sw x10, 8(x5)
    sra x11, x6, x7; sw x11, 12(x5)
"""
REFERENCE = "fffffffc\n00000002\nffffffff\nffffffff\n"
# The end of a test of other macros: all output words 0, exit code in x8.
PLAIN_HALT = """
    li x17, 2; li x10, 0; li x11, 0; li x12, 16
1:  ecall; addi x10, x10, 1; bltu x10, x12, 1b
    li x17, 0; mv x10, x8; ecall
"""
LOG_ROWS = ("--log-rows", "15")


def conformance(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    return blindbook(capsys, "zkvm", "conformance", *arguments)


def run_json(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    status, out, _ = conformance(capsys, str(folder), *LOG_ROWS, "--json")
    return status, {report["name"]: report for report in json.loads(out)["tests"]}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One test that commits its checksum, and one that does not, in a sub-folder without the suffix .elf."""
    folder = tmp_path_factory.mktemp("suite")
    build_test(folder / "sums-01.elf", SUMS)
    (folder / "sums-01.reference_output").write_text(REFERENCE)
    (folder / "more").mkdir()
    build_test(folder / "more" / "plain", SUMS + "    li x8, 0", halt=PLAIN_HALT)
    (folder / "more" / "plain.reference_output").write_text(REFERENCE)
    return folder


def test_suite_that_agrees_passes(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, reports = run_json(capsys, good)
    assert status == 0
    assert [(name, r["words"], r["executed"], r["proven"], r["bound"]) for name, r in sorted(reports.items())] == [
        ("more/plain", 4, True, True, False),
        ("sums-01.elf", 4, True, True, True),
    ]


def test_table_names_every_test_and_the_first_difference(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(good, tmp_path, dirs_exist_ok=True)
    (tmp_path / "sums-01.reference_output").write_text(REFERENCE.replace("00000002", "00000003"))
    status, out, _ = conformance(capsys, str(tmp_path), *LOG_ROWS, "--config", "K")
    assert status == 1
    assert "sums-01.elf: ConformanceError: signature: 1 of 4 words differ, first word 1 at 0x2004" in out
    assert "expected 00000003, found 00000002" in out
    assert "more/plain" in out and "2 tests, 1 failed" in out


@pytest.mark.parametrize(
    ("body", "halt", "reference", "failure"),
    [
        (SUMS, "RVMODEL_HALT", REFERENCE * 2, "ConformanceError: signature: expected 8 words, found 4"),
        (SUMS, "RVMODEL_HALT", "12345\n", "InputFileError: signature line 1"),
        (SUMS, "RVMODEL_HALT", None, "InputFileError"),
        (SUMS + "li x8, 3", PLAIN_HALT, REFERENCE, "ConformanceError: exit code: expected 0, found 3"),
        (SUMS, "ebreak", REFERENCE, "IllegalInstructionError: no legal instruction"),
        (SUMS, "1: j 1b", REFERENCE, "CycleLimitError: no HALT within the limit of 4194303 cycles"),
        (SUMS + "li x8, 0", "signature_checksum:" + PLAIN_HALT, REFERENCE, "proof: output word 0: expected fffffffc"),
    ],
)
def test_disagreement_fails_by_name(
    body: str, halt: str, reference: str | None, failure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build_test(tmp_path / "test.elf", body, halt=halt)
    if reference is not None:
        (tmp_path / "test.reference_output").write_text(reference)
    status, reports = run_json(capsys, tmp_path)
    assert status == 1
    assert failure in reports["test.elf"]["failure"] and not reports["test.elf"]["proven"]


def test_folder_without_tests_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "add-01.reference_output").write_text(REFERENCE)
    for folder in (tmp_path, tmp_path / "absent"):
        status, out, err = conformance(capsys, str(folder))
        assert status == 2 and out == "" and "InputFileError" in err


@pytest.mark.parametrize(
    ("elf", "reference"),
    [("a-01.elf", "a-01"), ("a-01", "a-01"), ("a-01.S.elf", "a-01.S"), ("a-01.S.elf", "a-01"), ("a.elf", "a.elf")],
)
def test_reference_of_every_usual_name_is_found(elf: str, reference: str, tmp_path: Path) -> None:
    (tmp_path / elf).write_bytes(b"\x7fELF")
    path = tmp_path / f"{reference}.reference_output"
    path.write_text(REFERENCE)
    assert find_cases(tmp_path) == [Case(elf, tmp_path / elf)]
    assert find_cases(tmp_path)[0].reference == path
