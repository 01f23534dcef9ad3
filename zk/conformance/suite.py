"""A folder of ELF files with reference signatures, and what the machine makes of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gpu.device import Device
from zk.configuration import ConfigName
from zk.errors import ConformanceError, InputFileError, ZkError
from zk.files import read_bytes
from zk.vm.elf import GuestProgram, read_elf
from zk.vm.executor import RECORDED_CYCLES_MAX, Execution, execute
from zk.vm.keys import guest_keys
from zk.vm.proving import GuestResult, prove_guest, verify_guest
from zk.vm.signature import CHECKSUM, U32, checksum, parse_signature, signature_region, signature_words

REFERENCE_SUFFIX = ".reference_output"


@dataclass(frozen=True, slots=True)
class Case:
    """An ELF file of a suite. `name` is its path inside of the suite."""

    name: str
    elf: Path

    @property
    def reference(self) -> Path:
        """NAME.reference_output beside NAME.elf or NAME; the first one that exists, else the first one looked for."""
        stems = dict.fromkeys((self.elf.stem, self.elf.name, self.elf.name.split(".")[0]))
        candidates = [self.elf.with_name(stem + REFERENCE_SUFFIX) for stem in stems]
        return next((path for path in candidates if path.is_file()), candidates[0])


@dataclass(frozen=True, slots=True)
class Prover:
    """How the cases are proven: configuration, bound of the stacked rows (None: that of the configuration), device."""

    config: ConfigName
    log_rows_max: int | None
    device: Device


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a case. `failure` is empty where everything agreed, else the first thing that did not.

    `executed` and `proven` say which half agreed with the reference. `bound`: the program commits a checksum of its signature,
    so the verified proof was compared with the reference itself; else with what the executor said.
    """

    name: str
    words: int = 0
    cycles: int = 0
    executed: bool = False
    proven: bool = False
    bound: bool = False
    seconds: float = 0.0
    failure: str = ""


def find_cases(folder: Path) -> list[Case]:
    """Every ELF file below the folder, by name. Raises InputFileError where there is none."""
    if not folder.is_dir():
        raise InputFileError(f"{folder}: expected a folder of ELF files, found none")
    found = [Case(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*")) if _is_elf(path)]
    if not found:
        raise InputFileError(f"{folder}: expected ELF files, found none")
    return found


def run_cases(cases: list[Case], prover: Prover) -> Iterator[Report]:
    """One report for each case, as it ends."""
    return (run_case(case, prover) for case in cases)


def run_case(case: Case, prover: Prover) -> Report:
    """Executes, compares, proves, verifies and compares again. An error of the package is the failure of the case."""
    start = time.perf_counter()
    report = Report(case.name)
    try:
        program, reference = read_elf(case.elf), parse_signature(read_bytes(case.reference))
        execution = execute(program, max_cycles=RECORDED_CYCLES_MAX, coprocessors=(), record=False)
        bound = CHECKSUM in program.labels
        report = replace(report, words=len(reference), cycles=execution.cycles, bound=bound)
        check_execution(execution, reference)
        report = replace(report, executed=True)
        check_outputs(_prove_and_verify(program, prover), checksum(reference) if bound else execution.outputs.tolist())
        report = replace(report, proven=True)
    except ZkError as error:
        report = replace(report, failure=f"{type(error).__name__}: {error}")
    return replace(report, seconds=time.perf_counter() - start)


def check_execution(execution: Execution, reference: U32) -> None:
    """The run ended with exit code 0 and left the reference signature. Raises ConformanceError, SignatureRegionError."""
    if execution.exit_code:
        raise ConformanceError(f"exit code: expected 0, found {execution.exit_code}")
    region = signature_region(execution.program)
    found = signature_words(execution, region)
    if len(found) != len(reference):
        raise ConformanceError(f"signature: expected {len(reference)} words, found {len(found)}")
    wrong = np.flatnonzero(found != reference)
    if len(wrong):
        first = int(wrong[0])
        raise ConformanceError(
            f"signature: {len(wrong)} of {len(found)} words differ, first word {first} at {region.begin + 4 * first:#x}: "
            f"expected {int(reference[first]):08x}, found {int(found[first]):08x}"
        )


def check_outputs(result: GuestResult, expected: list[int]) -> None:
    """The verified proof says these sixteen output words. Raises ConformanceError."""
    for number, (wanted, found) in enumerate(zip(expected, result.outputs, strict=True)):
        if wanted != found:
            raise ConformanceError(f"proof: output word {number}: expected {wanted:08x}, found {found:08x}")


def _prove_and_verify(program: GuestProgram, prover: Prover) -> GuestResult:
    keys = guest_keys(program, prover.config, (), prover.device, log_rows_max=prover.log_rows_max)
    proven = prove_guest(keys, np.zeros(0, np.uint32), prover.device)
    return verify_guest(keys.verifying, proven.proof)


def _is_elf(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError as error:
        raise InputFileError(f"{path}: {error.strerror}") from error
