"""What the executor, the readable model and qemu's user-mode emulator say a snippet leaves in memory."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conformance.snippets import REGISTERS, Snippet
from tests.unit.vm.assembler import ECALL, constant, jal
from tests.unit.vm.elf_files import EXECUTE, READ, WRITE, elf
from zk.vm.executor import execute
from zk.vm.model import Model
from zk.vm.signature import checksum, signature_region, signature_words

U32 = NDArray[np.uint32]
STEPS_MAX = 2_000_000
QEMU = "qemu-riscv32"
_PAGE = 4096


def executor_memory(snippet: Snippet) -> U32:
    """By the executor, the same with and without rows for a trace; the committed checksum is that of the memory."""
    guest = snippet.guest()
    region = signature_region(guest)
    recorded, plain = (execute(guest, coprocessors=(), record=record) for record in (True, False))
    memory = signature_words(plain, region)
    assert signature_words(recorded, region).tolist() == memory.tolist(), snippet.name
    assert recorded.registers.tolist() == plain.registers.tolist() and recorded.cycles == plain.cycles, snippet.name
    assert recorded.outputs.tolist() == plain.outputs.tolist() == checksum(memory), snippet.name
    return memory


def model_memory(snippet: Snippet) -> U32:
    """By the model, from the instruction words up to the end of the snippet."""
    code = zip(range(snippet.base, snippet.end, 4), snippet.stored, strict=True)
    data = zip(range(snippet.memory, snippet.memory + 4 * len(snippet.image), 4), snippet.image, strict=True)
    model = Model.from_words(code, data, snippet.base)
    while model.pc != snippet.end:
        model.step()
        assert model.cycles < STEPS_MAX, f"{snippet.name} does not end"
    addresses = range(snippet.memory, snippet.memory + 4 * snippet.memory_words, 4)
    return np.array([model.word_at(address) for address in addresses], np.uint32)


def check_equal(snippet: Snippet, found: U32, expected: U32, oracle: str) -> None:
    """Word for word, the registers x0 .. x31 at the end."""
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        first = int(wrong[0])
        register = first - (snippet.memory_words - REGISTERS)
        place = f"x{register}" if register >= 0 else f"the word at {snippet.memory + 4 * first:#x}"
        values = f"{oracle} has {int(expected[first]):#010x}, the executor {int(found[first]):#010x}"
        raise AssertionError(f"program {snippet.name}: {len(wrong)} words differ, first {place}: {values}")


def require_qemu() -> None:
    """Skips the test where the emulator is absent."""
    if shutil.which(QEMU) is None:
        pytest.skip(f"{QEMU} is absent: install Debian's package qemu-user")


def qemu_memories(snippets: Sequence[Snippet]) -> list[U32]:
    """By qemu-riscv32: all snippets of one layout in one process, in order; it writes their memory to a file at the end."""
    with tempfile.TemporaryDirectory() as folder:
        program, output = Path(folder) / "program", Path(folder) / "memory"
        program.write_bytes(linux_program(snippets))
        program.chmod(0o755)
        with output.open("wb") as file:
            done = subprocess.run([QEMU, str(program)], stdout=file, stderr=subprocess.PIPE, timeout=120, check=False)
        assert done.returncode == 0, f"{QEMU} ended with {done.returncode}: {done.stderr.decode()[:200]}"
        words = np.fromfile(output, "<u4").astype(np.uint32)
    bounds = np.cumsum([0, *(snippet.memory_words for snippet in snippets)])
    assert len(words) == bounds[-1], f"{QEMU} wrote {len(words)} of {bounds[-1]} words"
    return [words[first:last] for first, last in pairwise(bounds.tolist())]


def linux_program(snippets: Sequence[Snippet]) -> bytes:
    """An ELF file for Linux: each snippet jumps to the next, the last one writes all memory to standard output and exits."""
    first, last = snippets[0], snippets[-1]
    memory_bytes = last.memory + 4 * last.memory_words - first.memory
    write = [*constant(17, 64), *constant(10, 1), *constant(11, first.memory), *constant(12, memory_bytes), ECALL]
    leave = [*constant(17, 93), *constant(10, 0), ECALL]
    text = np.zeros((last.end - first.base) // 4 + len(write) + len(leave), "<u4")
    data = np.zeros(memory_bytes // 4, "<u4")
    for number, snippet in enumerate(snippets):
        following = snippets[number + 1].base - snippet.end if snippet is not last else 0
        words = [*snippet.stored, *([jal(0, following)] if following else [*write, *leave])]
        start = (snippet.base - first.base) // 4
        text[start : start + len(words)] = words
        start = (snippet.memory - first.memory) // 4
        data[start : start + len(snippet.image)] = snippet.image
    segments = [(first.base, text.tobytes(), READ | EXECUTE), (first.memory, data.tobytes(), READ | WRITE)]
    return elf([(at, content, len(content), access) for at, content, access in segments], entry=first.base, page=_PAGE)
