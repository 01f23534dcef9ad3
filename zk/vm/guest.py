"""Builds C++ guests for the zkVM with the pinned clang of the package `ziglang` (extra `guest`)."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from zk.errors import GuestBuildError

TOOLCHAIN_VERSION = "0.17.1"  # the image id depends on it
GUESTS = Path(__file__).resolve().parent.parent / "guests"
RUNTIME = GUESTS / "runtime"
SAMPLES = GUESTS / "samples"

_TARGET = ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m")
_LANGUAGE = (
    "-std=c++20",
    "-O2",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-stack-protector",
    "-fno-sanitize=all",
    "-fno-threadsafe-statics",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-pic",
    "-mno-relax",
    "-Wall",
    "-Wextra",
    "-Wno-unused-command-line-argument",
)
# Line tables and inlined calls for error reports and profiles. They are no part of the loaded program.
_DEBUG = ("-g", "-gdwarf-4", "-fdebug-compilation-dir=.")
_NO_DEBUG = ("-g0", "-Wl,--strip-debug")
_LINK = ("-nostdlib", "-static", "-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-z,norelro")
# The header-only part of libc++ works without an operating system; its site configuration, as macros.
_LIBCXX = tuple(
    f"-D_LIBCPP_{setting}"
    for setting in (
        "ABI_VERSION=1",
        "ABI_NAMESPACE=__1",
        "HARDENING_MODE_DEFAULT=2",
        "ASSERTION_SEMANTIC_DEFAULT=2",
        "HARDENING_MODE=_LIBCPP_HARDENING_MODE_NONE",
        "HAS_THREADS=0",
        "HAS_MUSL_LIBC=1",
        "HAS_LOCALIZATION=0",
        "HAS_FILESYSTEM=0",
        "HAS_WIDE_CHARACTERS=0",
        "HAS_UNICODE=0",
        "HAS_RANDOM_DEVICE=0",
        "HAS_MONOTONIC_CLOCK=0",
        "HAS_TERMINAL=0",
        "HAS_VENDOR_AVAILABILITY_ANNOTATIONS=0",
        "HAS_TIME_ZONE_DATABASE=0",
        "PSTL_BACKEND_SERIAL=1",
    )
)


def build_guest(
    sources: Sequence[Path],
    out: Path,
    *,
    include: Sequence[Path] = (),
    defines: Sequence[str] = (),
    optimise: str = "-O2",
    debug: bool = True,
) -> Path:
    """Compiles the C++ sources with the runtime into the ELF file `out` and returns it.

    The bytes depend on sources, defines and toolchain only, not on any folder. `include` are further header folders; the
    runtime's (`blindbook_guest.hpp`) is always there. `debug` adds line tables; the image id is the same with and without.
    Raises GuestBuildError with the compiler's words.
    """
    library = _toolchain_library()
    for source in sources:
        if not source.is_file():
            raise GuestBuildError(f"guest source {source} does not exist")
    out.parent.mkdir(parents=True, exist_ok=True)
    headers = [RUNTIME, *(folder.resolve() for folder in include)]
    flags = [
        *_TARGET,
        *_LANGUAGE,
        optimise,
        *(_DEBUG if debug else _NO_DEBUG),
        *_LIBCXX,
        f"-I{library / 'libcxx/include'}",
        *(f"-I{folder}" for folder in headers),
        *(argument for folder in _system_headers(library) for argument in ("-isystem", str(folder))),
        *(f"-D{define}" for define in defines),
        f"-ffile-prefix-map={library}=toolchain",
        *_prefix_maps([*headers, *(source.resolve().parent for source in sources)]),
    ]
    runtime = [RUNTIME / name for name in ("start.S", "runtime.cpp", "division.cpp")]
    inputs = [str(path.resolve()) for path in (*runtime, *sources)]
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".build-") as folder:
        result = Path(folder) / "guest.elf"
        _run([*flags, *_LINK, f"-Wl,-T,{RUNTIME / 'guest.ld'}", *inputs, "-o", str(result)])
        result.replace(out)
    return out


def build_sample(name: str, out: Path) -> Path:
    """Builds one of the sample guests of zk/guests/samples, by name."""
    return build_guest([SAMPLES / f"{name}.cpp"], out)


def _toolchain_library() -> Path:
    try:
        found = version("ziglang")
    except PackageNotFoundError as error:
        raise GuestBuildError("guest toolchain: install the extra blindbook[guest] (package ziglang)") from error
    if found != TOOLCHAIN_VERSION:
        raise GuestBuildError(f"guest toolchain ziglang: expected {TOOLCHAIN_VERSION}, found {found}")
    location = importlib.util.find_spec("ziglang")
    if location is None or not location.submodule_search_locations:
        raise GuestBuildError("guest toolchain: the package ziglang cannot be located")
    return Path(location.submodule_search_locations[0]) / "lib"


def _system_headers(library: Path) -> list[Path]:
    libc = library / "libc" / "include"
    return [library / "include", libc / "riscv32-linux-musl", libc / "generic-musl"]


def _prefix_maps(folders: Sequence[Path]) -> list[str]:
    """Folder names leave no trace in the binary (__FILE__, debug information)."""
    return [f"-ffile-prefix-map={folder}=." for folder in dict.fromkeys(folders)]


def _run(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "ziglang", "c++", *arguments]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode != 0:
        raise GuestBuildError(f"guest compiler failed:\n{completed.stderr.strip()}")
