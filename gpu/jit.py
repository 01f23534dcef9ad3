"""Compiled row evaluators: a chip program printed as C++, built with the host compiler, kept in a cache.

A chip becomes one shared object with three functions over 16 rows (see `gpu/native/chip.hpp`): the leaves of its interactions,
and the weighted sum of its constraints on base values and on extension values. Compilation happens at first use.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from gpu.errors import CompilationError, CompilerNotFoundError
from gpu.printer import print_chip
from gpu.program import ChipProgram

ROOT = Path(__file__).resolve().parent.parent
HEADERS = ("isa", "koalabear", "lanes", "lanes_avx512", "lanes_avx2", "extension", "evaluator")
FLAGS = ("-std=c++20", "-O2", "-fPIC", "-shared", "-fno-strict-aliasing", "-w")
INSTRUCTION_SET_FLAGS = {
    "avx512": (
        "-DBLINDBOOK_AVX512",
        "-mavx512f",
        "-mavx512dq",
        "-mavx512bw",
        "-mavx512vl",
        "-mprefer-vector-width=512",
    ),
    "avx2": ("-DBLINDBOOK_AVX2", "-mavx2"),
    "portable": (),
}
FUNCTIONS = ("interactions", "constraints_base", "constraints_extension")


@dataclass(frozen=True, slots=True)
class RowEvaluators:
    """Addresses of the three functions; the library stays loaded as long as this object lives."""

    interactions: int
    constraints_base: int
    constraints_extension: int
    library: ctypes.CDLL


def cache_folder() -> Path:
    """Where compiled chips are kept: BLINDBOOK_CACHE, or the cache folder of the user."""
    if chosen := os.environ.get("BLINDBOOK_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "blindbook"


@cache
def find_compiler() -> tuple[str, ...]:
    """The command of a C++20 compiler: CXX, the system's, or the one of the `ziglang` package.

    Raises CompilerNotFoundError where there is none.
    """
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if name and shutil.which(name):
            return (name,)
    if find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "c++", "-fno-sanitize=undefined", "-nostdlib++")
    raise CompilerNotFoundError(
        "no C++ compiler found: install g++ or clang++, set CXX, or install the Python package ziglang (extra: guest)"
    )


@cache
def _fingerprint(compiler: tuple[str, ...]) -> bytes:
    """Identifies the compiler and the headers that generated source includes."""
    version = subprocess.run([*compiler, "--version"], capture_output=True, check=False).stdout
    headers = b"".join((ROOT / "gpu" / "kernels" / f"{name}.cuh").read_bytes() for name in HEADERS)
    return hashlib.sha256(repr(compiler).encode() + version + headers).digest()


def compile_chip(program: ChipProgram, instruction_set: str) -> RowEvaluators:
    """Builds the evaluators of a chip, or takes them from the cache.

    Raises CompilerNotFoundError, or CompilationError with the compiler's message.
    """
    source = print_chip(program)
    compiler = find_compiler()
    flags = [*FLAGS, *INSTRUCTION_SET_FLAGS[instruction_set]]
    key = hashlib.sha256(source.encode() + repr(flags).encode() + _fingerprint(compiler)).hexdigest()[:32]
    path = cache_folder() / f"{key}.so"
    if not path.exists():
        _build([*compiler, *flags, f"-I{ROOT}"], source, path, program.name)
    return _load(path)


def compile_all(programs: Iterable[ChipProgram], instruction_set: str, workers: int) -> list[RowEvaluators]:
    """`compile_chip` for several chips, `workers` at a time."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda program: compile_chip(program, instruction_set), programs))


def _build(command: Sequence[str], source: str, path: Path, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source_path, library = Path(folder) / "chip.cpp", Path(folder) / "chip.so"
        source_path.write_text(source)
        result = subprocess.run(
            [*command, "-o", str(library), str(source_path)], capture_output=True, text=True, check=False
        )
        if result.returncode != 0:
            raise CompilationError(f"chip {name}: {command[0]} failed: {result.stderr[-2000:]}")
        library.replace(path)


def _load(path: Path) -> RowEvaluators:
    library = ctypes.CDLL(str(path))
    addresses = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in FUNCTIONS]
    interactions, base, extension = (address or 0 for address in addresses)
    return RowEvaluators(interactions, base, extension, library)
