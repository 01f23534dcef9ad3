"""Signatures of conformance tests: the words between two symbols after a run, as the RISC-V suites compare them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zk.errors import InputFileError, SignatureRegionError
from zk.vm.elf import GuestProgram
from zk.vm.executor import OUTPUT_WORDS, Execution
from zk.vm.isa import ADDRESS_LIMIT

U32 = NDArray[np.uint32]

WORDS_MAX = 1 << 20
BEGIN, END = "begin_signature", "end_signature"
CHECKSUM = "signature_checksum"  # the program commits `checksum` of its signature where it has this symbol


@dataclass(frozen=True, slots=True)
class SignatureRegion:
    """Byte addresses [begin, end) of the signature, both 4-aligned."""

    begin: int
    end: int

    @property
    def word_count(self) -> int:
        """Words of the signature."""
        return (self.end - self.begin) // 4


def signature_region(program: GuestProgram) -> SignatureRegion:
    """The region that the program's symbols enclose. Raises SignatureRegionError."""
    missing = [name for name in (BEGIN, END) if name not in program.labels]
    if missing:
        raise SignatureRegionError(f"signature: the program has no symbol {' and no symbol '.join(missing)}")
    region = SignatureRegion(program.labels[BEGIN], program.labels[END])
    _check_bounds(region)
    addresses = np.arange(region.begin, min(region.end, program.zero_base), 4, dtype=np.uint32)
    absent = addresses[~np.isin(addresses, program.image_addresses)]
    if len(absent):
        raise SignatureRegionError(f"signature: the program has no memory at {int(absent[0]):#x}")
    return region


def _check_bounds(region: SignatureRegion) -> None:
    for name, address in ((BEGIN, region.begin), (END, region.end)):
        if address % 4:
            raise SignatureRegionError(f"signature: expected {name} 4-aligned, found {address:#x}")
        if address > ADDRESS_LIMIT:
            raise SignatureRegionError(f"signature: expected {name} at most 2^30, found {address:#x}")
    if region.begin >= region.end:
        found = f"{region.begin:#x} and {region.end:#x}"
        raise SignatureRegionError(f"signature: expected {BEGIN} below {END}, found {found}")
    if region.word_count > WORDS_MAX:
        raise SignatureRegionError(f"signature: expected at most {WORDS_MAX} words, found {region.word_count}")


def signature_words(execution: Execution, region: SignatureRegion) -> U32:
    """The words of the region after the run."""
    program = execution.program
    words = np.zeros(region.word_count, np.uint32)
    for addresses, values in ((program.image_addresses, program.image_values), execution.touched[:2]):
        first, last = np.searchsorted(addresses, (region.begin, region.end))
        words[(addresses[first:last] - region.begin) // 4] = values[first:last]
    return words


def format_signature(words: U32) -> bytes:
    """One word a line, eight lower-case hexadecimal digits."""
    return "".join(f"{word:08x}\n" for word in words.tolist()).encode()


def parse_signature(content: bytes) -> U32:
    """The words of a signature file. Raises InputFileError with the first line that is no word of eight hexadecimal digits."""
    words = []
    for number, line in enumerate(content.split(), 1):
        if len(line) != 8 or set(line) - set(b"0123456789abcdefABCDEF"):
            shown = line[:20].decode("utf-8", "replace")
            raise InputFileError(f"signature line {number}: expected 8 hexadecimal digits, found {shown!r}")
        words.append(int(line, 16))
    return np.array(words, np.uint32)


def checksum(words: U32) -> list[int]:
    """Sixteen words that a program commits to bind its signature to the proof: word i is h of words i, i + 16, ... in order, where
    h := 31 h + word mod 2^32 from h = 0. It shows faults, it does not resist a forger; a single wrong word always changes it."""
    totals = [0] * OUTPUT_WORDS
    for index, word in enumerate(words.tolist()):
        lane = index % OUTPUT_WORDS
        totals[lane] = (31 * totals[lane] + word) & 0xFFFFFFFF
    return totals
