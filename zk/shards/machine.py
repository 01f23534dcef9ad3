"""The two machines of a run of several shards: the shard machine, and the memory machine that proves first and last values.

Public values of a shard, SHARD_VALUE_COUNT elements: pc_start, pc_end, clk_end, halted, exit code limbs, then for each of the 16 output
words (committed, lo, hi). `halted` and `committed` are 0 or 1: a shard states what happened in it, and the verifier of the run demands
that the last one halts and that each word is committed once. Public value of the memory machine: mem_top.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Bus, Chip, Machine, PublicTerm
from zk.air.rules import check_chips
from zk.chips.boundary import build_gimg, build_gzero
from zk.chips.buses import GLOBAL, HALT, LOGIC, ORD, OUT, R16, STATE, U8P
from zk.chips.memory import image_columns, preprocess_img, preprocess_rom
from zk.chips.tables import build_t16
from zk.field import P
from zk.vm.elf import GuestProgram
from zk.vm.isa import ADDRESS_LIMIT
from zk.vm.machine import CLK_END_MAX, OUTPUT_COUNT, check_entry, checked_chips, ordered_coprocessors

U32 = NDArray[np.uint32]

PC_START, PC_END, CLK_END, HALTED, EXIT_LO, EXIT_HI, OUTPUTS = 0, 1, 2, 3, 4, 5, 6
SHARD_VALUE_COUNT = OUTPUTS + 3 * OUTPUT_COUNT
MEM_TOP = 0
MEMORY_VALUE_COUNT = 1


@dataclass(frozen=True, slots=True)
class ShardEnds:
    """What the public values of a shard say. `outputs`: index -> word of the words that this shard commits."""

    pc_start: int
    pc_end: int
    cycles: int
    halted: bool
    exit_code: int
    outputs: dict[int, int]

    def encode(self) -> list[int]:
        """The public values."""
        values = [self.pc_start, self.pc_end, self.cycles + 1, int(self.halted)]
        values += [self.exit_code & 0xFFFF, self.exit_code >> 16]
        for index in range(OUTPUT_COUNT):
            word = self.outputs.get(index)
            values += [0, 0, 0] if word is None else [1, word & 0xFFFF, word >> 16]
        return values

    @staticmethod
    def decode(values: Sequence[int]) -> ShardEnds:
        """From public values that the machine admits."""
        words = [values[OUTPUTS + 3 * i : OUTPUTS + 3 * i + 3] for i in range(OUTPUT_COUNT)]
        return ShardEnds(
            values[PC_START],
            values[PC_END],
            values[CLK_END] - 1,
            bool(values[HALTED]),
            values[EXIT_LO] | values[EXIT_HI] << 16,
            {index: lo | hi << 16 for index, (committed, lo, hi) in enumerate(words) if committed},
        )


def shard_machine(
    program: GuestProgram, coprocessors: Iterable[str] = ("P2",), *, twins: bool = False
) -> tuple[Machine, dict[str, U32]]:
    """The machine of one shard of this program, and its preprocessed columns. Raises SetupError."""
    rom = preprocess_rom(program.rom)
    check_entry(program)
    chips, buses = checked_chips(ordered_coprocessors(coprocessors), rom.shape[1], None, twins)
    machine = Machine(
        name="rv32im shard",
        chips=chips,
        buses=buses,
        public_value_count=SHARD_VALUE_COUNT,
        public_terms=_shard_terms,
        check_public_values=_check_shard_values,
        parameters=(("rom_digest", hashlib.sha256(rom.astype("<u4").tobytes()).digest()),),
    )
    return machine, {"ROM": rom}


def memory_machine(program: GuestProgram) -> tuple[Machine, dict[str, U32]]:
    """The machine that proves the first and last values of all words of a run. Raises SetupError."""
    image = preprocess_img(image_columns(program.image_addresses, program.image_values), program.zero_base)
    chips, buses = _memory_chips(image.shape[1])
    machine = Machine(
        name="rv32im memory",
        chips=chips,
        buses=buses,
        public_value_count=MEMORY_VALUE_COUNT,
        public_terms=lambda values: _memory_terms(values, program.zero_base),
        check_public_values=_check_memory_values,
        parameters=(
            ("pc_start", program.entry.to_bytes(4, "big")),
            ("zero_base", program.zero_base.to_bytes(4, "big")),
        ),
    )
    return machine, {"GIMG": image}


@lru_cache(maxsize=64)
def _memory_chips(image_rows: int) -> tuple[tuple[Chip, ...], tuple[Bus, ...]]:
    chips = (build_t16(), build_gimg(image_rows), build_gzero())
    buses = (ORD, R16, U8P, LOGIC, GLOBAL)
    check_chips(chips, buses)
    return chips, buses


def _shard_terms(values: Sequence[int]) -> list[PublicTerm]:
    terms = [
        PublicTerm(STATE, 1, (values[PC_START], 1)),
        PublicTerm(STATE, -1, (values[PC_END], values[CLK_END])),
    ]
    if values[HALTED]:
        terms.append(PublicTerm(HALT, -1, (values[EXIT_LO], values[EXIT_HI])))
    for index in range(OUTPUT_COUNT):
        committed, low, high = values[OUTPUTS + 3 * index : OUTPUTS + 3 * index + 3]
        if committed:
            terms.append(PublicTerm(OUT, -1, (index, low, high)))
    return terms


def _check_shard_values(values: Sequence[int]) -> None:
    if len(values) != SHARD_VALUE_COUNT:
        raise ValueError(f"expected {SHARD_VALUE_COUNT} values, found {len(values)}")
    flags = [HALTED, *(OUTPUTS + 3 * index for index in range(OUTPUT_COUNT))]
    for number, value in enumerate(values):
        limit = 2 if number in flags else ADDRESS_LIMIT if number in (PC_START, PC_END) else 1 << 16
        limit = CLK_END_MAX + 1 if number == CLK_END else limit
        if not 0 <= value < limit:
            raise ValueError(f"value {number}: expected below {limit}, found {value}")
    if (values[PC_END] == 0) != bool(values[HALTED]):
        raise ValueError(f"pc_end: expected 0 where the shard halts and only there, found {values[PC_END]:#x}")
    if not values[HALTED] and (values[EXIT_LO] or values[EXIT_HI]):
        raise ValueError("exit code: expected 0 where the shard does not halt")
    for index in range(OUTPUT_COUNT):
        committed, low, high = values[OUTPUTS + 3 * index : OUTPUTS + 3 * index + 3]
        if not committed and (low or high):
            raise ValueError(f"output word {index}: expected 0 where the shard does not commit it")


def _memory_terms(values: Sequence[int], zero_base: int) -> list[PublicTerm]:
    return [PublicTerm(ORD, 1, (zero_base - 4,)), PublicTerm(ORD, -1, (values[MEM_TOP],))]


def _check_memory_values(values: Sequence[int]) -> None:
    if len(values) != MEMORY_VALUE_COUNT:
        raise ValueError(f"expected {MEMORY_VALUE_COUNT} value, found {len(values)}")
    if not 0 <= values[MEM_TOP] < P:
        raise ValueError(f"mem_top: expected below {P}, found {values[MEM_TOP]}")
