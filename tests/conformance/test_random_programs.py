"""Random programs: the executor agrees with qemu and with the readable model, register for register and word for word, and the
proof of such a program says the same. A failure names the program as seed/batch/number; CONFORMANCE_SEED takes another seed."""

from __future__ import annotations

import os
import time
from collections import Counter
from functools import cache

import numpy as np
import pytest

from gpu import default_device
from tests.conformance.oracles import check_equal, executor_memory, model_memory, qemu_memories, require_qemu
from tests.conformance.random_snippets import random_snippets
from tests.conformance.snippets import Snippet
from zk.vm.executor import execute
from zk.vm.isa import OpCode
from zk.vm.keys import guest_keys
from zk.vm.proving import prove_guest, verify_guest
from zk.vm.signature import checksum

SEED = os.environ.get("CONFORMANCE_SEED", "2026")
PROGRAMS, BATCH, QUICK = 10_000, 500, 300
PROOFS, QUICK_PROOFS = 200, 8


@cache
def quick_batch() -> list[Snippet]:
    """The first batch, of which the quick tests take the start."""
    return random_snippets(f"{SEED}/0", BATCH)


def check_batch(snippets: list[Snippet]) -> None:
    """Executor against both oracles."""
    for snippet, expected in zip(snippets, qemu_memories(snippets), strict=True):
        found = executor_memory(snippet)
        check_equal(snippet, found, expected, "qemu")
        check_equal(snippet, found, model_memory(snippet), "the model")


def test_random_programs_agree_with_the_model() -> None:
    print(f"seed {SEED}")
    for snippet in quick_batch()[:QUICK]:
        check_equal(snippet, executor_memory(snippet), model_memory(snippet), "the model")


def test_random_programs_agree_with_qemu() -> None:
    require_qemu()
    print(f"seed {SEED}")
    snippets = quick_batch()[:QUICK]
    for snippet, expected in zip(snippets, qemu_memories(snippets), strict=True):
        check_equal(snippet, executor_memory(snippet), expected, "qemu")


def test_random_programs_run_every_instruction() -> None:
    executed: Counter[int] = Counter()
    for snippet in quick_batch()[:QUICK]:
        guest = snippet.guest()
        inside = guest.rom.pc < snippet.end
        counts = execute(guest, record=False).executions
        for code, count in zip(guest.rom.op[inside].tolist(), counts[inside].tolist(), strict=True):
            executed[code] += count
    assert {code.name for code in OpCode if not executed[code]} == {"ECALL"}


def test_comparison_sees_a_wrong_register_and_a_wrong_word() -> None:
    snippet = quick_batch()[0]
    memory = model_memory(snippet)
    for position, place in ((0, f"the word at {snippet.memory:#x}"), (len(memory) - 1, "x31")):
        wrong = memory.copy()
        wrong[position] ^= 1
        with pytest.raises(AssertionError, match=f"program {SEED}/0/0: 1 words differ, first {place}"):
            check_equal(snippet, wrong, memory, "the model")


@pytest.mark.parametrize(
    "number", [*range(QUICK_PROOFS), *(pytest.param(n, marks=pytest.mark.soak) for n in range(QUICK_PROOFS, PROOFS))]
)
def test_random_program_is_proven_and_verified(number: int) -> None:
    """The verified output words are the checksum of what the model leaves in memory and registers."""
    snippet = quick_batch()[number]
    keys = guest_keys(snippet.guest(), "P2", (), default_device(), log_rows_max=15)
    proven = prove_guest(keys, np.zeros(0, np.uint32), default_device())
    result = verify_guest(keys.verifying, proven.proof)
    assert result.outputs == checksum(model_memory(snippet)), snippet.name


@pytest.mark.soak
def test_ten_thousand_random_programs_agree_with_qemu_and_the_model() -> None:
    require_qemu()
    start = time.perf_counter()
    for batch in range(PROGRAMS // BATCH):
        check_batch(random_snippets(f"{SEED}/{batch}", BATCH))
    print(f"seed {SEED}: {PROGRAMS} programs in {time.perf_counter() - start:.0f} s")
