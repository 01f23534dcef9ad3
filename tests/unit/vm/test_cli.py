"""The command line: output, exit status, sub-commands of other packages."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest
import typer

import zk.cli
from tests.unit.vm.command import blindbook
from zk.vm.guest import build_sample


@pytest.fixture(scope="module")
def fibonacci(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_sample("fibonacci", tmp_path_factory.mktemp("cli") / "fibonacci.elf")


def test_run_prints_outputs(fibonacci: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = blindbook(capsys, "zkvm", "run", str(fibonacci), "--hint", "10", "--json", "--profile")
    result = json.loads(out)
    assert (status, result["exit_code"], result["outputs"][:3]) == (0, 0, [55, 143, 10])
    assert sum(result["profile"].values()) == result["cycles"]
    status, out, _ = blindbook(capsys, "zkvm", "run", str(fibonacci), "--hint", "10")
    assert status == 0 and "55, 143, 10" in out


def test_run_reads_hints_from_a_file(fibonacci: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hints").write_bytes(np.array([12], "<u4").tobytes())
    status, out, _ = blindbook(capsys, "zkvm", "run", str(fibonacci), "--hints", str(tmp_path / "hints"), "--json")
    assert (status, json.loads(out)["outputs"][0]) == (0, 144)


@pytest.mark.parametrize(
    ("arguments", "status", "kind"),
    [
        (("zkvm", "run", "{elf}"), 1, "OutOfHintsError"),
        (("zkvm", "run", "/absent"), 2, "ElfError"),
        (("zkvm", "run", "[/red]"), 2, "ElfError"),  # no markup
        (("zkvm", "run", "{source}"), 2, "ElfError"),
        (("zkvm", "run", "{elf}", "--hints", "/absent"), 2, "InputFileError"),
        (("zkvm", "verify", "{elf}", "/absent", "--log-rows", "14"), 2, "InputFileError"),
        (("zkvm", "verify", "{elf}", "{source}", "--log-rows", "14"), 1, "HeaderError"),
        (("zkvm", "prove", "{elf}", "-o", "{folder}/proof", "--log-rows", "14"), 1, "OutOfHintsError"),
        (("zkvm", "build", "/absent", "-o", "{folder}/guest"), 2, "GuestBuildError"),
    ],
)
def test_errors_have_a_type_and_a_status(
    arguments: tuple[str, ...],
    status: int,
    kind: str,
    fibonacci: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "source").write_text("int main() {}" * 20)
    names = {"elf": fibonacci, "source": tmp_path / "source", "folder": tmp_path}
    given = [argument.format(**names) for argument in arguments]
    found, out, _ = blindbook(capsys, *given, "--json")
    assert (found, json.loads(out)["error"]["type"]) == (status, kind)
    found, out, err = blindbook(capsys, *given)
    assert found == status and out == "" and kind in err
    assert not (tmp_path / "proof").exists()


def test_proofs_of_an_earlier_attempt_stay_unless_told_otherwise(
    fibonacci: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left, other = tmp_path / "parts" / "part-00001-x.proof", tmp_path / "parts" / "notes"
    left.parent.mkdir()
    left.touch()
    other.touch()
    arguments = ("zkvm", "prove", str(fibonacci), "--out", str(tmp_path / "proof"), "--parts", str(left.parent))
    assert "CycleLimitError" in blindbook(capsys, *arguments, "--max-cycles", "1")[2] and left.exists()
    assert "CycleLimitError" in blindbook(capsys, *arguments, "--max-cycles", "1", "--no-resume")[2]
    assert not left.exists() and other.exists()
    left.mkdir()
    status, _, err = blindbook(capsys, *arguments, "--no-resume")
    assert status == 2 and "OutputFileError" in err


@pytest.mark.parametrize("arguments", [(), ("nothing",), ("zkvm", "prove"), ("zkvm", "run", "x", "--hint", "y")])
def test_wrong_usage_has_status_two(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert blindbook(capsys, *arguments)[0] == 2


def plugin_command(name: str) -> None:
    """Greets."""
    print(f"hello {name}")


plugin_group = typer.Typer(help="A group.")
plugin_group.command("greet")(plugin_command)


@plugin_group.callback()
def _group() -> None:
    """A group."""


def test_entry_points_become_sub_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    group = zk.cli.COMMAND_GROUP
    points = EntryPoints(
        [
            EntryPoint("hello", f"{__name__}:plugin_command", group),
            EntryPoint("people", f"{__name__}:plugin_group", group),
            EntryPoint("broken", "absent_package.module:command", group),
        ]
    )
    monkeypatch.setattr(zk.cli, "entry_points", lambda group: points.select(group=group))
    assert blindbook(capsys, "hello", "you")[:2] == (0, "hello you\n")
    assert blindbook(capsys, "people", "greet", "them")[:2] == (0, "hello them\n")
    status, _, err = blindbook(capsys, "broken")
    assert status == 2 and "not available" in err
    status, out, _ = blindbook(capsys, "--help")
    assert status == 0 and all(word in out for word in ("zkvm", "hello", "people", "broken", "Greets"))


def test_cli_imports_nothing_above_the_proof_system() -> None:
    code = "import sys, zk.cli; print([m for m in ('exchange', 'clients', 'matching', 'gpu.cpu') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
