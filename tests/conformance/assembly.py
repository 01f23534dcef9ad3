"""Assembly tests in the form of the RISC-V suites, built with the macros and the linker script that the project ships."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import zk.conformance

MODEL = Path(zk.conformance.__file__).parent / "model"
TARGET = ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m", "-mno-relax", "-fno-pic")
LINK = ("-nostdlib", "-static", "-Wl,--build-id=none", f"-Wl,-T,{MODEL / 'link.ld'}")

FRAME = """
#include "model_test.h"
    .section .text.init
    .globl rvtest_entry_point
rvtest_entry_point:
    RVMODEL_BOOT
{body}
{halt}
    .data
RVMODEL_DATA_BEGIN
{signature}
RVMODEL_DATA_END
"""


def build_test(out: Path, body: str, signature: str = "    .fill 4, 4, 0xdeadbeef", halt: str = "RVMODEL_HALT") -> Path:
    """Assembles a test whose signature region holds `signature` at first; returns `out`."""
    source = out.with_suffix(".S")
    source.write_text(FRAME.format(body=body, signature=signature, halt=halt))
    arguments = [sys.executable, "-m", "ziglang", "cc", *TARGET, *LINK, f"-I{MODEL}", str(source), "-o", str(out)]
    subprocess.run(arguments, check=True, capture_output=True, text=True)
    return out
