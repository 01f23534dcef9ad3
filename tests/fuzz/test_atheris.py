"""The coverage-guided harness starts, finds a bug that is there, and leaves alone what has none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.atheris.__main__ import ROOT, main
from tests.fuzz.elf_bytes import seed_files

pytest.importorskip("atheris", reason="atheris is not installed: it has wheels for CPython on Linux x86-64 alone")

BROKEN = """
from tests.fuzz.atheris.harness import main
from zk.vm import elf

honest = elf._read_segments
def careless(content, offset, size, count):
    if count > 1000:
        raise IndexError("a bug behind a count")
    return honest(content, offset, size, count)
elf._read_segments = careless
main()
"""


def test_sound_decoder_passes(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz", "worker-reply", "--runs", "200"])
    assert main() == 0
    said = capfd.readouterr().out
    assert "worker-reply: Done 20" in said and "nothing found" in said


def test_bug_behind_a_header_field_is_found(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "seed").write_bytes(seed_files()[0])
    flags = ["elf", "-atheris_runs=20000", "-seed=5", f"-artifact_prefix={tmp_path}/crash-", str(corpus)]
    done = subprocess.run([sys.executable, "-c", BROKEN, *flags], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and "a bug behind a count" in done.stdout + done.stderr
    assert list(tmp_path.glob("crash-*"))
