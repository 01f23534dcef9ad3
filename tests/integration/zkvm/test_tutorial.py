"""docs/tutorial.md, run as it stands in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parents[3] / "docs" / "tutorial.md"


def console_blocks() -> list[tuple[str, str]]:
    """(command, shown output) of every console block."""
    blocks = re.findall(r"```console\n\$ ([^\n]+)\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == TUTORIAL.read_text(encoding="utf-8").count("```console")
    return blocks


def as_pattern(shown: str) -> re.Pattern[str]:
    """Text whose `...` stands for anything within a line; trailing blanks do not count."""
    lines = (".*".join(map(re.escape, line.split("..."))) + " *" for line in shown.splitlines())
    return re.compile("\n".join(lines) + "\n")


def test_pattern_sees_a_difference() -> None:
    pattern = as_pattern("cycles  ...\nexit code  0\n")
    assert pattern.fullmatch("cycles  12\nexit code  0\n")
    assert not pattern.fullmatch("cycles  12\nexit code  1\n")
    assert not pattern.fullmatch("cycles  12\n")


def test_five_commands_lead_to_a_verified_proof(tmp_path: Path) -> None:
    blocks = console_blocks()
    steps = [command.split()[2] for command, _ in blocks]
    assert list(dict.fromkeys(steps)) == ["new", "build", "run", "prove", "verify", "profile"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command, shown in blocks:
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
        )
        failing = "Error" in shown
        assert done.returncode == (1 if failing else 0), done.stderr
        found = done.stderr if failing else done.stdout
        if not as_pattern(shown).fullmatch(found):
            pytest.fail(f"{command}\nexpected\n{shown}\nfound\n{found}")
    assert (tmp_path / "tally" / "cycles.svg").read_text().startswith("<svg")
