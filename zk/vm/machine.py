"""The RV32IM machine of a guest program: its chips, buses, preprocessed columns and public values (sections 14, 21)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zk.air.chip import Bus, Chip, Machine, PublicTerm
from zk.air.expression import P
from zk.air.rules import check_chips
from zk.chips.add import build_add, build_add_rw, build_addi, build_addi_rw, build_mv
from zk.chips.boundary import build_boundary
from zk.chips.branch import build_beq, build_beqz, build_blt, build_bltu
from zk.chips.buses import ACC, CORE_BUSES, GLOBAL, HALT, ORD, OUT, PATH, STATE
from zk.chips.compare import build_cmp, build_sltu_rw
from zk.chips.divide import build_div
from zk.chips.ecall import build_ecall
from zk.chips.jump import build_jalr, build_set
from zk.chips.load import build_loadsub, build_lw
from zk.chips.logic import build_logic, build_logic_rw
from zk.chips.memory import (
    build_img,
    build_rom,
    build_zero,
    image_columns,
    preprocess_img,
    preprocess_rom,
)
from zk.chips.multiply import build_mul
from zk.chips.refresh import build_refresh
from zk.chips.shift import build_shift
from zk.chips.shift_immediate import build_shifti, build_shifti_rw
from zk.chips.store import build_storesub, build_sw
from zk.chips.tables import build_t5, build_t16
from zk.coprocessors.dot import build_dot, build_dot_head
from zk.coprocessors.path import build_path, build_path_head
from zk.coprocessors.permutation import build_p2
from zk.errors import SetupError
from zk.vm.elf import GuestProgram

U32 = NDArray[np.uint32]

PUBLIC_VALUE_COUNT = 38
OUTPUT_COUNT = 16
CLK_END_MAX = 1 << 22
PC_START, PC_END, CLK_END, EXIT_LO, EXIT_HI, MEM_TOP, OUTPUTS = 0, 1, 2, 3, 4, 5, 6

COPROCESSORS = {
    "P2": (build_p2,),
    "P2_PATH": (build_path_head, build_path),
    "EXT_DOT": (build_dot_head, build_dot),
}
_COPROCESSOR_BUSES: dict[str, tuple[Bus, ...]] = {"P2": (), "P2_PATH": (PATH,), "EXT_DOT": (ACC,)}
_CPU_CHIPS = (
    build_addi,
    build_addi_rw,
    build_mv,
    build_set,
    build_add,
    build_add_rw,
    build_logic,
    build_logic_rw,
    build_cmp,
    build_sltu_rw,
    build_beq,
    build_beqz,
    build_blt,
    build_bltu,
    build_jalr,
    build_shift,
    build_shifti,
    build_shifti_rw,
    build_lw,
    build_sw,
    build_loadsub,
    build_storesub,
    build_mul,
    build_div,
    build_ecall,
)

_TALL_CHIPS = (
    build_mv,
    build_add,
    build_add_rw,
    build_logic,
    build_logic_rw,
    build_sltu_rw,
    build_beqz,
    build_bltu,
    build_shifti,
    build_shifti_rw,
    build_lw,
    build_sw,
    build_mul,
)


def rv32im_machine(
    program: GuestProgram, coprocessors: Iterable[str] = ("P2",), *, twins: bool = False
) -> tuple[Machine, dict[str, U32]]:
    """The machine that runs this program, and its preprocessed columns by chip (columns, 2^h).

    Heights of ROM and IMG follow from the program. `twins` adds a second, optional instance of each chip that gets tall, so that
    its rows need not fill one power of two. Raises SetupError where the program breaks a rule of section 14.
    """
    chosen = ordered_coprocessors(coprocessors)
    rom = preprocess_rom(program.rom)
    image = preprocess_img(image_columns(program.image_addresses, program.image_values), program.zero_base)
    check_entry(program)
    chips, buses = checked_chips(chosen, rom.shape[1], image.shape[1], twins)
    machine = Machine(
        name="rv32im",
        chips=chips,
        buses=buses,
        public_value_count=PUBLIC_VALUE_COUNT,
        public_terms=lambda values: _public_terms(values, program.zero_base),
        check_public_values=lambda values: _check_public_values(values, program.entry),
        parameters=(
            ("pc_start", program.entry.to_bytes(4, "big")),
            ("zero_base", program.zero_base.to_bytes(4, "big")),
            ("rom_digest", hashlib.sha256(rom.astype("<u4").tobytes()).digest()),
        ),
    )
    return machine, {"ROM": rom, "IMG": image}


def public_values(entry: int, clk_end: int, exit_code: int, mem_top: int, outputs: Sequence[int]) -> list[int]:
    """The 38 public values of a run that ended with HALT."""
    values = [entry, 0, clk_end, exit_code & 0xFFFF, exit_code >> 16, mem_top]
    for word in outputs:
        values += [word & 0xFFFF, word >> 16]
    return values


def output_words(values: Sequence[int]) -> list[int]:
    """The sixteen output words of public values."""
    return [values[OUTPUTS + 2 * i] | values[OUTPUTS + 2 * i + 1] << 16 for i in range(OUTPUT_COUNT)]


def exit_code(values: Sequence[int]) -> int:
    """The exit code of public values."""
    return values[EXIT_LO] | values[EXIT_HI] << 16


def ordered_coprocessors(coprocessors: Iterable[str]) -> tuple[str, ...]:
    """The names in the order of the machine. Raises SetupError for unknown ones."""
    chosen = set(coprocessors)
    unknown = chosen - set(COPROCESSORS)
    if unknown:
        raise SetupError(f"coprocessors: expected some of {sorted(COPROCESSORS)}, found {sorted(unknown)}")
    return tuple(name for name in COPROCESSORS if name in chosen)


@lru_cache(maxsize=64)
def checked_chips(
    coprocessors: tuple[str, ...], rom_rows: int, image_rows: int | None, twins: bool
) -> tuple[tuple[Chip, ...], tuple[Bus, ...]]:
    """The chips and buses, after all rules of the generator. Shared between machines: nobody may change them.

    Without image rows those of a shard, whose memory comes and goes through BOUNDARY.
    """
    memory = (build_boundary(),) if image_rows is None else (build_img(image_rows), build_zero())
    tables = (build_t16(), build_t5(), build_rom(rom_rows), *memory, build_refresh())
    delegated = (build() for name in coprocessors for build in COPROCESSORS[name])
    doubled = (_twin(build()) for build in _TALL_CHIPS) if twins else ()
    chips = (*(build() for build in _CPU_CHIPS), *tables, *delegated, *doubled)
    buses = (*CORE_BUSES, *(bus for name in coprocessors for bus in _COPROCESSOR_BUSES[name]))
    if image_rows is None:
        buses = (*buses, GLOBAL)
    check_chips(chips, buses)
    return chips, buses


def _twin(chip: Chip) -> Chip:
    """The same chip under another name: either instance may run an instruction, both obey the same constraints."""
    chip.name = twin_name(chip.name)
    return chip


def twin_name(name: str) -> str:
    """Name of the second instance of a chip."""
    return f"{name}_2"


def check_entry(program: GuestProgram) -> None:
    """Demands that the program starts at an instruction. Raises SetupError."""
    if not np.isin(program.entry, program.rom.pc):
        raise SetupError(f"entry {program.entry:#x} is no legal instruction")


def _public_terms(values: Sequence[int], zero_base: int) -> list[PublicTerm]:
    terms = [
        PublicTerm(STATE, 1, (values[PC_START], 1)),
        PublicTerm(STATE, -1, (values[PC_END], values[CLK_END])),
        PublicTerm(HALT, -1, (values[EXIT_LO], values[EXIT_HI])),
        PublicTerm(ORD, 1, (zero_base - 4,)),
        PublicTerm(ORD, -1, (values[MEM_TOP],)),
    ]
    for i in range(OUTPUT_COUNT):
        low, high = values[OUTPUTS + 2 * i], values[OUTPUTS + 2 * i + 1]
        terms.append(PublicTerm(OUT, -1, (i, low, high)))
    return terms


def _check_public_values(values: Sequence[int], entry: int) -> None:
    if len(values) != PUBLIC_VALUE_COUNT:
        raise ValueError(f"expected {PUBLIC_VALUE_COUNT} values, found {len(values)}")
    for number, value in enumerate(values):
        limit = 1 << 16 if number >= OUTPUTS or number in (EXIT_LO, EXIT_HI) else P
        if not 0 <= value < limit:
            raise ValueError(f"value {number}: expected below {limit}, found {value}")
    if values[PC_START] != entry:
        raise ValueError(f"pc_start: expected {entry:#x}, found {values[PC_START]:#x}")
    if values[PC_END] != 0:
        raise ValueError(f"pc_end: expected 0, found {values[PC_END]:#x}")
    if values[CLK_END] > CLK_END_MAX:
        raise ValueError(f"clk_end: expected at most {CLK_END_MAX}, found {values[CLK_END]}")
