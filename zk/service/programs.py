"""The programs that the exchange proves, ready to use: `python -m zk.service.programs batch FOLDER`.

Writes FOLDER/batch.elf (the guest) and FOLDER/batch.verifier.json (program id and the generated contracts of its verifier, as
hexadecimal creation codes: {"program_id", "tables", "evaluators": []}).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from zk.errors import ZkError
from zk.solidity.deployment import deployment
from zk.vm.elf import read_elf
from zk.vm.guest import build_guest
from zk.vm.keys import guest_keys

_ROOT = Path(__file__).resolve().parents[2]
_CORE = _ROOT / "matching" / "core"
BATCH_SOURCE = _ROOT / "zk" / "guests" / "batch" / "main.cpp"
BATCH_INCLUDE = (_CORE / "include", _CORE / "platform" / "guest", _CORE / "platform" / "replay")


def build_batch_guest(out: Path) -> Path:
    """Compiles the batch guest; the same sources give the same bytes."""
    return build_guest([BATCH_SOURCE], out, include=BATCH_INCLUDE)


def write_verifier(guest: Path, out: Path) -> bytes:
    """Writes what a chain needs to verify proofs of `guest` in configuration K; returns the program id."""
    plan = deployment(guest_keys(read_elf(guest), "K").verifying)
    values = {
        "program_id": plan.program_id.hex(),
        "tables": plan.tables.hex(),
        "evaluators": [code.hex() for code in plan.evaluators],
    }
    out.write_text(json.dumps(values) + "\n")
    return plan.program_id


def main() -> int:
    """Builds a named program; exit code 1 with one line on standard error where that fails."""
    parser = argparse.ArgumentParser(prog="zk.service.programs", description=__doc__)
    parser.add_argument("program", choices=["batch"])
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    try:
        guest = build_batch_guest(arguments.folder / "batch.elf")
        program_id = write_verifier(guest, arguments.folder / "batch.verifier.json")
    except (ZkError, OSError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(program_id.hex())
    return 0


if __name__ == "__main__":
    sys.exit(main())
