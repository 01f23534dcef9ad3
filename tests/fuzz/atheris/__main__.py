"""`python -m tests.fuzz.atheris TARGET... [--runs N] [--seconds S]`: coverage-guided runs of the targets, or of all of them.

Each target runs in a process of its own with limits of memory and of time for one input; seeds and mutations are those of
tests/fuzz/targets.py, libFuzzer keeps what reaches new code. A crash, a hang or an excess of memory ends with status 1 and leaves
the input in the folder of the corpus (build/fuzz/TARGET; TARGET.log beside it is what libFuzzer says). Without atheris (it has wheels for CPython on Linux x86-64 alone)
nothing runs: that is said, and the status is 0.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import targets

ROOT = Path(__file__).resolve().parents[3]
CORPORA = ROOT / "build" / "fuzz"
INPUT_SECONDS, MEMORY_MIB, SECONDS = 20, 3072, 3600


def main() -> int:
    """Runs the named targets one after the other."""
    known = targets()
    parser = argparse.ArgumentParser(prog="tests.fuzz.atheris", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"one of {', '.join(known)}; default: all")
    parser.add_argument("--runs", type=int, default=2000, help="executions of each target")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="bound for each target")
    arguments = parser.parse_args()
    if unknown := set(arguments.target) - set(known):
        parser.error(f"unknown targets: {', '.join(sorted(unknown))}")
    if importlib.util.find_spec("atheris") is None:
        print("fuzz: skipped, atheris is not installed (pip install 'blindbook[fuzz]')")
        return 0
    failed = [name for name in arguments.target or known if not _run(name, arguments.runs, arguments.seconds)]
    print(f"fuzz: failed: {', '.join(failed)}" if failed else "fuzz: nothing found")
    return 1 if failed else 0


def _run(name: str, runs: int, seconds: int) -> bool:
    """Whether a run of this target finds nothing. Its corpus stays in build/fuzz for the next one."""
    corpus = CORPORA / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets()[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = {
        "atheris_runs": runs,
        "max_total_time": seconds,
        "timeout": INPUT_SECONDS,
        "rss_limit_mb": MEMORY_MIB,
        "max_len": 2 * max((len(seed) for seed in targets()[name].seeds()), default=0) + 4096,
        "artifact_prefix": f"{corpus}/crash-",
        "print_final_stats": 1,
    }
    flags = [f"-{option}={value}" for option, value in options.items()]
    command = [sys.executable, "-m", "tests.fuzz.atheris.harness", name, *flags, str(corpus)]
    log = corpus.with_suffix(".log")
    with log.open("wb") as stream:
        status = subprocess.run(command, cwd=ROOT, check=False, stdout=stream, stderr=subprocess.STDOUT).returncode
    lines = log.read_text(errors="replace").splitlines()
    done = next((line for line in reversed(lines) if line.startswith("Done ")), "ended early")
    print(f"fuzz: {name}: {done}; corpus of {sum(1 for _ in corpus.iterdir())} inputs", flush=True)
    if status:
        print("\n".join(lines[-60:]))
    return status == 0


if __name__ == "__main__":
    sys.exit(main())
