"""The executor against qemu-riscv32: an oracle that nobody here wrote. Skipped where qemu is not installed."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.unit.vm.assembler import (
    DATA,
    DATA_WORDS,
    ECALL,
    constant,
    finish,
    program,
    random_data,
    random_words,
    store,
)
from zk.vm.executor import execute

QEMU = shutil.which("qemu-riscv32")
DUMP = 1024  # offset from DATA at which x1..x29 are stored
DUMP_BYTES = DUMP + 4 * 30
_TEXT, _MEMORY_BYTES = 0x100000, 0x10000

pytestmark = pytest.mark.skipif(QEMU is None, reason="qemu-riscv32 is not installed (Debian: qemu-user)")


def linux_program(words: list[int], data: list[int]) -> bytes:
    """A Linux executable: the words at _TEXT, the data words at DATA in zeroed writable memory."""
    text = struct.pack(f"<{len(words)}I", *words)
    content = struct.pack(f"<{len(data)}I", *data)
    start = 0x1000
    padded = text + bytes(-len(text) % 0x1000)
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2, 243, 1, _TEXT, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    load_text = struct.pack("<8I", 1, start, _TEXT, _TEXT, len(text), len(text), 5, 0x1000)
    load_data = struct.pack("<8I", 1, start + len(padded), DATA, DATA, len(content), _MEMORY_BYTES, 6, 0x1000)
    return (header + load_text + load_data).ljust(start, b"\0") + padded + content


@pytest.mark.parametrize("seed", range(1000, 1012))
def test_registers_and_memory_equal_qemu(seed: int, tmp_path: Path) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    words, data = random_words(rng, 1500), random_data(rng)
    words += [*constant(30, DATA), *(store("sw", i, 30, DUMP + 4 * i) for i in range(1, 30))]
    leave = [*constant(17, 64), *constant(10, 1), *constant(11, DATA), *constant(12, DUMP_BYTES), ECALL]
    leave += [*constant(17, 93), *constant(10, 0), ECALL]
    path = tmp_path / "program"
    path.write_bytes(linux_program(words + leave, data))
    path.chmod(0o755)
    assert QEMU is not None
    done = subprocess.run([QEMU, str(path)], capture_output=True, timeout=60, check=True)
    expected = struct.unpack(f"<{DUMP_BYTES // 4}I", done.stdout)

    execution = execute(program(words + finish(), data, base=_TEXT))
    addresses, values, _ = execution.touched
    memory = dict(zip(range(DATA, DATA + 4 * DATA_WORDS, 4), data, strict=True))
    memory |= dict(zip(addresses.tolist(), values.tolist(), strict=True))
    assert [memory.get(DATA + 4 * i, 0) for i in range(DUMP_BYTES // 4)] == list(expected)
