"""What a user can give wrongly: a named error, an exit status, and nothing written half."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.vm.assembler import finish
from tests.unit.vm.command import blindbook
from tests.unit.vm.elf_files import EXECUTE, READ, code, elf
from tests.unit.vm.test_elf import GOOD
from zk.vm.guest import build_guest, build_sample

SMALL = ("--log-rows", "14")
FAULTY = Path(__file__).parent / "faulty_guest.cpp"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Guests, good and bad files."""
    place = tmp_path_factory.mktemp("bad-input")
    build_sample("fibonacci", place / "fibonacci.elf")
    build_guest([FAULTY], place / "faulty.elf")
    files = {
        "wide.elf": elf([GOOD], identity=b"\x7fELF\x02\x01\x01"),
        "x86.elf": elf([GOOD], machine=62),
        "compressed.elf": elf([GOOD], flags=1),
        "overlap.elf": elf([GOOD, (0x1004, b"data", 4, READ)]),
        "high.elf": elf([GOOD, (0x3FFFFFFE, b"data", 4, READ)]),
        "no-code.elf": elf([(0x1000, b"data", 4, READ)]),
        "illegal-entry.elf": elf([(0x1000, b"\xff" * 4 + b"\x13\0\0\0", 8, EXECUTE)]),
        "odd.hints": b"12345",
    }
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    """Status and error of a command; stdout is one JSON object."""
    status, out, _ = blindbook(capsys, "zkvm", *arguments, "--json")
    result = json.loads(out)
    return status, result["error"]


@pytest.mark.parametrize("name", ["wide.elf", "x86.elf", "compressed.elf", "overlap.elf", "high.elf", "no-code.elf"])
@pytest.mark.parametrize("command", ["run", "prove", "profile"])
def test_unsupported_file(command: str, name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("--out", str(folder / "proof")) if command == "prove" else ()
    status, error = refused(capsys, command, str(folder / name), *out)
    assert (status, error["type"]) == (2, "ElfError")
    assert not (folder / "proof").exists()


@pytest.mark.parametrize(
    ("guest", "options", "kind"),
    [
        ("faulty.elf", ("--hint", "0"), "MisalignedAccessError"),
        ("faulty.elf", ("--hint", "1"), "IllegalInstructionError"),
        ("faulty.elf", ("--hint", "2"), "JumpError"),
        ("faulty.elf", ("--hint", "4"), "UnmappedAccessError"),
        ("faulty.elf", ("--hint", "7"), "CallError"),
        ("fibonacci.elf", (), "OutOfHintsError"),
    ],
)
def test_run_without_proof_names_the_line_and_writes_nothing(
    guest: str, options: tuple[str, ...], kind: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "proof").write_bytes(b"the old proof")
    path = str(folder / guest)
    commands: list[tuple[str, ...]] = [
        ("run", path, *options),
        ("profile", path, *options, "--flame", str(tmp_path / "flame.svg")),
        ("prove", path, *options, *SMALL, "--out", str(tmp_path / "proof")),
    ]
    for command in commands:
        status, error = refused(capsys, *command)
        assert (status, error["type"]) == (1, kind), command[0]
        fault = error["fault"]
        assert isinstance(fault, dict)
        source = "fibonacci.cpp" if guest == "fibonacci.elf" else "faulty_guest.cpp"
        assert any(frame["file"] == source for frame in fault["frames"])
    assert [file.name for file in tmp_path.iterdir()] == ["proof"]
    assert (tmp_path / "proof").read_bytes() == b"the old proof"


def test_too_many_cycles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, error = refused(capsys, "run", str(folder / "fibonacci.elf"), "--hint", "1000000", "--max-cycles", "1000")
    assert (status, error["type"]) == (1, "CycleLimitError")
    status, _, err = blindbook(capsys, "zkvm", "run", str(folder / "faulty.elf"), "--hint", "5", "--max-cycles", "1000")
    assert status == 1 and "faulty_guest.cpp" in err and "called from _start" in err


def test_hints_that_are_no_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, error = refused(capsys, "run", str(folder / "fibonacci.elf"), "--hints", str(folder / "odd.hints"))
    assert (status, error["type"]) == (2, "InputFileError")
    for word in ("-1", "0x100000000", "ten"):
        assert blindbook(capsys, "zkvm", "run", str(folder / "fibonacci.elf"), f"--hint={word}")[0] == 2
    assert blindbook(capsys, "zkvm", "run", str(folder / "fibonacci.elf"), "--hint", "0xa", "-q")[:2] == (0, "")


def test_program_without_a_legal_entry(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, error = refused(capsys, "run", str(folder / "illegal-entry.elf"))
    assert (status, error["type"]) == (1, "IllegalInstructionError")
    status, error = refused(capsys, "prove", str(folder / "illegal-entry.elf"), *SMALL, "--out", str(folder / "proof"))
    assert (status, error["type"]) == (2, "SetupError")


def test_proof_of_another_program_or_parameter_set(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guest, other, proof = (str(folder / name) for name in ("fibonacci.elf", "faulty.elf", "good.proof"))
    assert blindbook(capsys, "zkvm", "prove", guest, "--hint", "5", *SMALL, "--out", proof, "-q")[:2] == (0, "")
    assert blindbook(capsys, "zkvm", "verify", guest, proof, *SMALL, "-q")[:2] == (0, "")
    status, error = refused(capsys, "verify", other, proof, *SMALL)
    assert (status, error["type"]) == (1, "VerifyingKeyMismatchError")
    assert "another program" in str(error["advice"])
    status, error = refused(capsys, "verify", guest, proof, *SMALL, "--config", "K")
    assert (status, error["type"]) == (1, "HeaderError")
    assert "--config" in str(error["advice"])


@pytest.mark.parametrize("out", ["", "file/proof"])
def test_output_that_cannot_be_written_is_told_before_the_work(
    out: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for work in ("zk.shards.programs.prove_program", "zk.vm.profile.profile_guest", "zk.vm.guest.build_guest"):
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("the work was begun"))
    (tmp_path / "file").write_text("")
    target = str(tmp_path / out)
    guest = str(folder / "fibonacci.elf")
    for command in (
        ("prove", guest, "--hint", "5", "--out", target),
        ("prove", guest, "--hint", "5", "--out", str(tmp_path / "proof"), "--parts", str(tmp_path / "file")),
        ("profile", guest, "--hint", "5", "--flame", target),
        ("profile", guest, "--hint", "5", "--folded", target),
        ("build", str(FAULTY), "--out", target),
    ):
        status, error = refused(capsys, *command)
        assert (status, error["type"]) == (2, "OutputFileError"), command
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("shards", [(), ("--shard-cycles", "10")])
def test_run_that_fails_is_not_proven(
    shards: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A verifier would refuse the proof: nobody should wait for it."""
    guest, proof = tmp_path / "guest.elf", tmp_path / "proof"
    text = code(*finish(exit_code=9))
    guest.write_bytes(elf([(0x1000, text, len(text), EXECUTE)]))
    status, error = refused(capsys, "prove", str(guest), "--out", str(proof), *shards)
    assert (status, error["type"]) == (1, "GuestFailureError") and "exit code 9" in str(error["message"])
    assert not proof.exists()


def test_new_refuses_what_exists_and_names_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert blindbook(capsys, "zkvm", "new", str(tmp_path / "guest"))[0] == 0
    assert sorted(file.name for file in (tmp_path / "guest").iterdir()) == ["README.md", "main.cpp"]
    assert "{name}" not in (tmp_path / "guest" / "README.md").read_text()
    (tmp_path / "guest" / "main.cpp").write_text("mine")
    for name in ("guest", "..", "a b", "guest/main.cpp/x"):
        status, error = refused(capsys, "new", str(tmp_path / name))
        assert (status, error["type"]) == (2, "OutputFileError"), name
    assert (tmp_path / "guest" / "main.cpp").read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["guest"]


def test_build_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    status, error = refused(capsys, "build", str(tmp_path / "empty"))
    assert (status, error["type"]) == (2, "GuestBuildError")
    (tmp_path / "empty" / "main.cpp").write_text("int main() { return nothing; }")
    status, error = refused(capsys, "build", str(tmp_path / "empty"))
    assert (status, error["type"]) == (2, "GuestBuildError")
    assert [file.name for file in (tmp_path / "empty").iterdir()] == ["main.cpp"]
    assert blindbook(capsys, "zkvm", "build", str(FAULTY))[0] == 2
