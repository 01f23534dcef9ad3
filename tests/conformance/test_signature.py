"""Signatures: the region, the words after a run, the file, and what is refused."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conformance.assembly import build_test
from tests.unit.vm.assembler import DATA, ZERO_BASE, constant, finish, program, store
from tests.unit.vm.command import blindbook
from zk.errors import InputFileError, SignatureRegionError
from zk.vm.elf import GuestProgram, read_elf
from zk.vm.executor import execute
from zk.vm.signature import (
    WORDS_MAX,
    checksum,
    format_signature,
    parse_signature,
    signature_region,
    signature_words,
)

WORDS = np.array([0x00000000, 0xDEADBEEF, 0x00000001, 0xFFFFFFFF], np.uint32)


def labelled(begin: int | None, end: int | None, words: list[int] | None = None) -> GuestProgram:
    guest = program(words or finish(), [1, 2, 3, 4])
    labels = {"begin_signature": begin, "end_signature": end}
    return replace(guest, labels={name: address for name, address in labels.items() if address is not None})


def test_words_are_those_after_the_run_whether_touched_or_not() -> None:
    body = [*constant(5, DATA + 4), *constant(6, 77), store("sw", 6, 5, 0), *constant(5, ZERO_BASE + 4)]
    guest = labelled(DATA, ZERO_BASE + 16, [*body, store("sb", 6, 5, 0), *finish()])
    words = signature_words(execute(guest, record=False), signature_region(guest))
    assert words.tolist() == [1, 77, 3, 4, *[0] * 12, 0, 77, 0, 0]


@pytest.mark.parametrize(
    ("begin", "end", "reason"),
    [
        (None, DATA, "no symbol begin_signature"),
        (DATA, None, "no symbol end_signature"),
        (None, None, "no symbol begin_signature and no symbol end_signature"),
        (DATA + 2, DATA + 8, "begin_signature 4-aligned, found 0x8002"),
        (DATA, DATA + 5, "end_signature 4-aligned, found 0x8005"),
        (DATA + 8, DATA + 4, "begin_signature below end_signature"),
        (DATA, DATA, "begin_signature below end_signature"),
        (DATA - 4, DATA + 4, "no memory at 0x7ffc"),
        (DATA, (1 << 30) + 4, "end_signature at most 2\\^30"),
        (DATA, DATA + 4 * WORDS_MAX + 4, "at most 1048576 words"),
    ],
)
def test_region_that_is_none_is_refused(begin: int | None, end: int | None, reason: str) -> None:
    with pytest.raises(SignatureRegionError, match=reason):
        signature_region(labelled(begin, end))


def test_file_has_one_word_a_line() -> None:
    assert format_signature(WORDS) == b"00000000\ndeadbeef\n00000001\nffffffff\n"
    assert parse_signature(format_signature(WORDS)).tolist() == WORDS.tolist()
    assert parse_signature(b"0000000A\r\n").tolist() == [10]


@pytest.mark.parametrize("content", [b"1234567\n", b"123456789\n", b"0x123456\n", b"1234567g\n", b"\xff\xfe345678\n"])
def test_line_that_is_no_word_is_refused(content: bytes) -> None:
    with pytest.raises(InputFileError, match="signature line 2"):
        parse_signature(b"00000000\n" + content)


def test_checksum_changes_with_every_single_word_and_with_the_order_in_a_lane() -> None:
    words = np.arange(100, 140, dtype=np.uint32)
    base = checksum(words)
    assert base[7:9] == [(107 * 31 + 123) * 31 + 139, 108 * 31 + 124]
    for position in range(len(words)):
        changed = words.copy()
        changed[position] += 1
        assert [i for i in range(16) if checksum(changed)[i] != base[i]] == [position % 16]
    words[[3, 19]] = words[[19, 3]]
    assert checksum(words) != base


def test_published_references_are_read_and_written_back(shared: Path) -> None:
    archive = shared / "vectors/riscv_arch_test_refs/rv32im_references.tar.xz"
    with tarfile.open(archive) as references:
        contents = {entry.name: references.extractfile(entry).read() for entry in references}  # type: ignore[union-attr]
    assert len(contents) == 46
    for name, content in contents.items():
        assert format_signature(parse_signature(content)) == content, name


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    body = "la x5, begin_signature; li x6, 0x12345678; sw x6, 4(x5); li x7, -1; sh x7, 8(x5)"
    return build_test(tmp_path_factory.mktemp("signature") / "test.elf", body)


def test_run_writes_the_signature(elf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new folder" / "test.signature"
    status, out, _ = blindbook(capsys, "zkvm", "run", str(elf), "--signature", str(target), "--json")
    assert (status, json.loads(out)["signature"]) == (0, str(target))
    assert target.read_bytes() == b"deadbeef\n12345678\ndeadffff\ndeadbeef\n"
    assert [path.name for path in target.parent.iterdir()] == ["test.signature"]


def test_halt_of_the_model_commits_the_checksum(elf: Path) -> None:
    guest = read_elf(elf)
    execution = execute(guest, record=False)
    words = signature_words(execution, signature_region(guest))
    assert execution.outputs.tolist() == checksum(words)
    assert "signature_checksum" in guest.labels and execution.exit_code == 0


def test_run_without_a_region_writes_nothing(elf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "test.elf"
    other.write_bytes(elf.read_bytes().replace(b"end_signature", b"end_signaturf"))
    found, out, _ = blindbook(capsys, "zkvm", "run", str(other), "--signature", str(tmp_path / "signature"), "--json")
    assert (found, json.loads(out)["error"]["type"]) == (2, "SignatureRegionError")
    assert [path.name for path in tmp_path.iterdir()] == ["test.elf"]


def test_run_that_fails_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elf = build_test(tmp_path / "test.elf", "nop", halt=".word 0")
    found, out, _ = blindbook(capsys, "zkvm", "run", str(elf), "--signature", str(tmp_path / "signature"), "--json")
    assert (found, json.loads(out)["error"]["type"]) == (1, "IllegalInstructionError")
    assert not (tmp_path / "signature").exists()


def test_target_that_cannot_be_written_is_an_error(
    elf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("old")
    for target in (tmp_path, tmp_path / "file" / "signature"):
        found, out, _ = blindbook(capsys, "zkvm", "run", str(elf), "--signature", str(target), "--json")
        assert (found, json.loads(out)["error"]["type"]) == (2, "OutputFileError")
    assert (tmp_path / "file").read_text() == "old" and len(list(tmp_path.iterdir())) == 1
