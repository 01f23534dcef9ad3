"""Compiled C++ guests: same results as on the host, same bytes from any folder, traces that are witnesses."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from gpu.reference.poseidon2 import permute
from zk.air.check import check_trace
from zk.errors import ExecutionError, GuestBuildError
from zk.vm.elf import GuestProgram, read_elf
from zk.vm.executor import Execution, execute
from zk.vm.guest import SAMPLES, build_guest, build_sample
from zk.vm.machine import output_words, rv32im_machine
from zk.vm.trace import generate_traces

P = 2**31 - 2**24 + 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guests")


def sample(folder: Path, name: str) -> GuestProgram:
    path = folder / f"{name}.elf"
    return read_elf(path if path.exists() else build_sample(name, path))


def check(execution: Execution) -> None:
    machine, preprocessed = rv32im_machine(execution.program, ("P2", "P2_PATH", "EXT_DOT"))
    traces, public_values = generate_traces(machine, execution)
    check_trace(machine, preprocessed, traces, public_values)
    assert output_words(public_values) == execution.outputs.tolist()


def test_fibonacci(folder: Path) -> None:
    execution = execute(sample(folder, "fibonacci"), np.array([40], np.uint32))
    a, b, total = 0, 1, 0
    for _ in range(40):
        a, b, total = b, a + b, total + b
    assert execution.outputs[:3].tolist() == [a % 2**32, total % 2**32, 40]
    assert (execution.exit_code, execution.hints_read) == (0, 1)
    check(execution)


@pytest.mark.parametrize("length", [0, 1, 3, 55, 56, 63, 64, 65, 119, 200])
def test_sha256_equals_hashlib(folder: Path, length: int) -> None:
    message = bytes((7 * i + length) % 256 for i in range(length))
    words = np.frombuffer(message + bytes(-length % 4), dtype="<u4").astype(np.uint32)
    execution = execute(sample(folder, "sha256"), np.concatenate([np.array([length], np.uint32), words]))
    assert execution.outputs[:8].astype(">u4").tobytes() == hashlib.sha256(message).digest()
    if length == 200:
        check(execution)


@pytest.mark.parametrize(("depth", "index"), [(0, 0), (1, 1), (5, 0b10110), (30, 2**30 - 1)])
def test_merkle_path_equals_host(folder: Path, depth: int, index: int) -> None:
    rng = np.random.default_rng(depth)
    digests = rng.integers(0, P, (depth + 1, 8), dtype=np.uint32)
    current = digests[0].astype(np.uint64)
    for level in range(depth):
        sibling = digests[level + 1].astype(np.uint64)
        pair = (sibling, current) if index >> level & 1 else (current, sibling)
        state = np.concatenate(pair)[:, None]
        current = ((permute(state.copy()) + state) % P)[:8, 0]
    siblings = digests[1:].ravel()
    hints = np.concatenate([np.array([depth, index], np.uint32), digests[0], siblings, siblings])
    execution = execute(sample(folder, "merkle_path"), hints)
    assert execution.exit_code == 0
    assert execution.outputs[:8].tolist() == current.tolist()
    if depth == 5:
        check(execution)


def test_path_siblings_and_index_are_checked(folder: Path) -> None:
    guest = sample(folder, "merkle_path")
    bad = np.zeros(2 + 8 + 16, np.uint32)
    bad[:2] = (1, 2)
    with pytest.raises(ExecutionError, match="does not fit the depth"):
        execute(guest, bad)
    bad[:2] = (31, 0)
    with pytest.raises(ExecutionError, match="depth <= 30"):
        execute(guest, bad)
    bad[:2] = (1, 0)
    bad[10] = P
    with pytest.raises(ExecutionError, match="not below p"):
        execute(guest, bad)


def test_error_names_the_function(folder: Path) -> None:
    with pytest.raises(ExecutionError) as caught:
        execute(sample(folder, "fibonacci"))
    assert caught.value.symbol == "main"


LIBRARY = """
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include "blindbook_guest.hpp"

struct Registered { Registered() { value = 41; } std::uint32_t value; };
static Registered registered;
struct Shape { virtual std::uint32_t corners() const = 0; virtual ~Shape() = default; };
struct Square : Shape { std::uint32_t corners() const override { return 4; } };

int main() {
    std::array<std::uint32_t, 8> words;
    guest::read_hints(words);
    std::sort(words.begin(), words.end(), [](std::uint32_t a, std::uint32_t b) { return a < b; });
    guest::commit(0, words[0]);
    guest::commit(1, words[7]);
    const std::uint64_t wide = (std::uint64_t{words[7]} << 32 | words[3]);
    const std::uint64_t quotient = wide / words[2];
    guest::commit(2, static_cast<std::uint32_t>(quotient));
    guest::commit(3, static_cast<std::uint32_t>(quotient >> 32));
    guest::commit(4, static_cast<std::uint32_t>(wide % words[2]));
    char* text = new char[64];
    for (std::uint32_t i = 0; i < 64; ++i) text[i] = static_cast<char>(i + words[0]);
    std::memmove(text + 3, text, words[1] % 50 + 5);
    std::memcpy(text + 32, text + 1, 17);
    std::memset(text + 50, 7, 9);
    std::uint32_t sum = 0;
    for (std::uint32_t i = 0; i < 64; ++i) sum = 31 * sum + static_cast<unsigned char>(text[i]);
    guest::commit(5, sum);
    guest::commit(6, registered.value);
    const Shape* shape = new Square;
    guest::commit(7, shape->corners());
    return static_cast<int>(EXIT_CODE);
}
"""


def test_library_functions_of_guests(tmp_path: Path) -> None:
    source = tmp_path / "library.cpp"
    source.write_text(LIBRARY)
    guest = read_elf(build_guest([source], tmp_path / "library.elf", defines=["EXIT_CODE=77"]))
    words = [5, 900, 17, 3_000_000_000, 77, 123456, 2, 4_000_000_000]
    execution = execute(guest, np.array(words, np.uint32))
    ordered = sorted(words)
    wide = ordered[7] << 32 | ordered[3]
    text = [(i + ordered[0]) % 256 for i in range(64)]
    count = ordered[1] % 50 + 5
    text[3 : 3 + count] = text[:count]
    text[32:49] = text[1:18]
    text[50:59] = [7] * 9
    total = 0
    for byte in text:
        total = (31 * total + byte) % 2**32
    quotient, remainder = divmod(wide, ordered[2])
    expected = [ordered[0], ordered[7], quotient % 2**32, quotient >> 32, remainder % 2**32, total, 41, 4]
    assert execution.outputs[:8].tolist() == expected
    assert execution.exit_code == 77
    check(execution)


DIVISION = """
#include "blindbook_guest.hpp"

int main() {
    std::uint32_t sums[4] = {};
    for (std::uint32_t count = guest::hint(); count != 0; --count) {
        std::uint32_t w[4];
        guest::read_hints(w);
        const std::uint64_t n = std::uint64_t{w[1]} << 32 | w[0], d = std::uint64_t{w[3]} << 32 | w[2];
        const auto signed_n = static_cast<std::int64_t>(n), signed_d = static_cast<std::int64_t>(d);
        std::uint64_t results[4] = {n / d, n % d, 0, 0};
        results[2] = static_cast<std::uint64_t>(signed_n / signed_d);
        results[3] = static_cast<std::uint64_t>(signed_n % signed_d);
        for (std::uint32_t i = 0; i < 4; ++i)
            sums[i] = 31 * sums[i] + static_cast<std::uint32_t>(results[i]) + 7 * static_cast<std::uint32_t>(results[i] >> 32);
    }
    for (std::uint32_t i = 0; i < 4; ++i) guest::commit(i, sums[i]);
    return 0;
}
"""


def test_64_bit_division_of_guests(tmp_path: Path) -> None:
    source = tmp_path / "division.cpp"
    source.write_text(DIVISION)
    guest = read_elf(build_guest([source], tmp_path / "division.elf"))
    rng = random.Random(64)
    edges = [
        1,
        2,
        3,
        0xFFFF,
        0x10000,
        2**31,
        2**32 - 1,
        2**32,
        2**32 + 1,
        2**48 - 1,
        2**63 - 1,
        2**63,
        2**63 + 1,
        2**64 - 1,
    ]
    pairs = [(n, d) for n in [0, *edges] for d in edges if (n, d) != (2**63, 2**64 - 1)]
    pairs += [(rng.getrandbits(rng.randrange(1, 65)), rng.getrandbits(rng.randrange(1, 65)) | 1) for _ in range(3000)]
    words = [len(pairs)]
    sums = [0, 0, 0, 0]
    for n, d in pairs:
        words += [n % 2**32, n >> 32, d % 2**32, d >> 32]
        signed_n, signed_d = (x - 2**64 if x >> 63 else x for x in (n, d))
        quotient = abs(signed_n) // abs(signed_d) * (1 if (signed_n < 0) == (signed_d < 0) else -1)
        for i, result in enumerate((n // d, n % d, quotient, signed_n - quotient * signed_d)):
            word = result % 2**64
            sums[i] = (31 * sums[i] + word % 2**32 + 7 * (word >> 32)) % 2**32
    execution = execute(guest, np.array(words, np.uint32), record=False)
    assert execution.outputs[:4].tolist() == sums


EXT_DOT = """
#include "blindbook_guest.hpp"

int main() {
    static std::uint32_t a[40], b[45];
    const std::uint32_t length = guest::hint(), base = guest::hint();
    for (std::uint32_t i = 0; i < length * (base ? 1 : 5); ++i) a[i] = guest::hint();
    for (std::uint32_t i = 0; i < length * 5; ++i) b[i] = guest::hint();
    guest::ext_dot(a, b, length, base, false);
    for (std::uint32_t i = 0; i < 5; ++i) guest::commit(i, b[5 * length + i]);
    guest::ext_dot(a, b, length, base, true);
    for (std::uint32_t i = 0; i < 5; ++i) guest::commit(5 + i, b[5 * length + i]);
    return 0;
}
"""


@pytest.fixture(scope="module")
def ext_dot(folder: Path) -> GuestProgram:
    source = folder / "ext_dot.cpp"
    source.write_text(EXT_DOT)
    return read_elf(build_guest([source], folder / "ext_dot.elf"))


def _product(a: list[int], b: list[int]) -> list[int]:
    """In F[X]/(X^5 + X^2 - 1), by long division."""
    product = [sum(a[i] * b[k - i] for i in range(5) if 0 <= k - i < 5) for k in range(9)]
    for k in range(8, 4, -1):
        product[k - 5] += product[k]
        product[k - 3] -= product[k]
    return [c % P for c in product[:5]]


def test_extension_product_is_the_golden_one() -> None:
    assert _product([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == [70, 125, 61, 14, 25]


@pytest.mark.parametrize(("length", "base"), [(0, 0), (1, 0), (1, 1), (7, 0), (8, 1)])
def test_ext_dot_equals_host(ext_dot: GuestProgram, length: int, base: int) -> None:
    rng = random.Random(length)
    a = [[rng.randrange(P), *([0] * 4 if base else (rng.randrange(P) for _ in range(4)))] for _ in range(length)]
    b = [[rng.randrange(P) for _ in range(5)] for _ in range(length)]
    if length == 1 and not base:
        a, b = [[1, 2, 3, 4, 5]], [[6, 7, 8, 9, 10]]
    words = [length, base, *(w for x in a for w in x[: 1 if base else 5]), *(w for x in b for w in x)]
    execution = execute(ext_dot, np.array(words, np.uint32))
    terms = [_product(x, y) for x, y in zip(a, b, strict=True)]
    once = [sum(term[j] for term in terms) % P for j in range(5)]
    assert execution.outputs[:5].tolist() == once
    assert execution.outputs[5:10].tolist() == [2 * c % P for c in once]
    check(execution)


def test_build_is_reproducible_from_any_folder(tmp_path: Path) -> None:
    results = []
    for name in ("first", "second/deeper"):
        place = tmp_path / name
        place.mkdir(parents=True)
        shutil.copy(SAMPLES / "sha256.cpp", place / "sha256.cpp")
        results.append(build_guest([place / "sha256.cpp"], place / "out" / "guest.elf").read_bytes())
    assert results[0] == results[1]
    assert str(tmp_path).encode() not in results[0]


def test_compiler_errors_are_typed(tmp_path: Path) -> None:
    source = tmp_path / "broken.cpp"
    source.write_text("int main() { return nothing; }")
    with pytest.raises(GuestBuildError, match="nothing"):
        build_guest([source], tmp_path / "broken.elf")
    assert not (tmp_path / "broken.elf").exists()
    with pytest.raises(GuestBuildError, match="does not exist"):
        build_guest([tmp_path / "absent.cpp"], tmp_path / "absent.elf")
