"""Instruction words as assembly text, for error reports."""

from __future__ import annotations

REGISTER_NAMES = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
    "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
)  # fmt: skip

_BASE = ("add", "sll", "slt", "sltu", "xor", "srl", "or", "and")
_ALTERNATE = {0: "sub", 5: "sra"}
_MULTIPLY = ("mul", "mulh", "mulhsu", "mulhu", "div", "divu", "rem", "remu")
_BRANCH = {0: "beq", 1: "bne", 4: "blt", 5: "bge", 6: "bltu", 7: "bgeu"}
_LOAD = {0: "lb", 1: "lh", 2: "lw", 4: "lbu", 5: "lhu"}
_STORE = {0: "sb", 1: "sh", 2: "sw"}
_SYSTEM = {0x73: "ecall", 0x100073: "ebreak"}
_CSR = {1: "csrrw", 2: "csrrs", 3: "csrrc", 5: "csrrwi", 6: "csrrsi", 7: "csrrci"}
# What a word with an opcode outside of RV32IM would be: the reason why a compiler's output does not run.
_EXTENSIONS = {
    0x07: "floating-point load (F, D)",
    0x27: "floating-point store (F, D)",
    0x2F: "atomic instruction (A)",
    0x43: "floating-point instruction (F, D)",
    0x47: "floating-point instruction (F, D)",
    0x4B: "floating-point instruction (F, D)",
    0x4F: "floating-point instruction (F, D)",
    0x53: "floating-point instruction (F, D)",
    0x57: "vector instruction (V)",
}


def disassemble(pc: int, word: int) -> str:
    """The instruction as an assembler would read it; jump targets are absolute. `.word` for one that is not in RV32IM."""
    return _legal(pc, word) or f".word {word:#010x}"


def source_registers(word: int) -> tuple[int, ...]:
    """Registers that the instruction reads, in the order of its operands; those of the call for ECALL."""
    rs1, rs2 = word >> 15 & 31, word >> 20 & 31
    match word & 0x7F:
        case 0x33 | 0x63 | 0x23:
            found: tuple[int, ...] = (rs1, rs2)
        case 0x13 | 0x03 | 0x67:
            found = (rs1,)
        case 0x73 if word == 0x73:
            found = (17, 10, 11, 12)
        case _:
            found = ()
    return tuple(dict.fromkeys(number for number in found if number))


def explain_illegal(word: int) -> str:
    """Why a word is no instruction of this machine."""
    if word in (0, 0xFFFFFFFF):
        return "no instruction: data or unused memory is executed"
    if word & 3 != 3:
        return "compressed instruction (C)"
    if word & 0x7F == 0x73:
        name = _SYSTEM.get(word) or _CSR.get(word >> 12 & 7, "privileged instruction")
        return f"{name} (the machine has no debugger, no CSRs and no privileged modes)"
    if word & 0x7F == 0x0F:
        return "FENCE.I or another instruction for caches"
    if word & 0x7F in _EXTENSIONS:
        return _EXTENSIONS[word & 0x7F]
    if word & 0x7F in (0x63, 0x6F) and _legal(0, word):
        return "jump to an address that is not 4-aligned or not below 2^30"
    return "not in RV32IM"


def _legal(pc: int, word: int) -> str | None:
    rd, rs1, rs2 = (REGISTER_NAMES[word >> shift & 31] for shift in (7, 15, 20))
    funct3, funct7 = word >> 12 & 7, word >> 25
    immediate = _signed(word >> 20, 12)
    match word & 0x7F:
        case 0x33:
            names = {0: dict(enumerate(_BASE)), 1: dict(enumerate(_MULTIPLY)), 32: _ALTERNATE}.get(funct7, {})
            return f"{names[funct3]} {rd}, {rs1}, {rs2}" if funct3 in names else None
        case 0x13 if funct3 in (1, 5):
            name = {(1, 0): "slli", (5, 0): "srli", (5, 32): "srai"}.get((funct3, funct7))
            return name and f"{name} {rd}, {rs1}, {word >> 20 & 31}"
        case 0x13:
            return f"{'sltiu' if funct3 == 3 else _BASE[funct3] + 'i'} {rd}, {rs1}, {immediate}"
        case 0x03 if funct3 in _LOAD:
            return f"{_LOAD[funct3]} {rd}, {immediate}({rs1})"
        case 0x23 if funct3 in _STORE:
            return f"{_STORE[funct3]} {rs2}, {_signed(funct7 << 5 | word >> 7 & 31, 12)}({rs1})"
        case 0x63 if funct3 in _BRANCH:
            bits = (word >> 31) << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 63) << 5 | (word >> 8 & 15) << 1
            return f"{_BRANCH[funct3]} {rs1}, {rs2}, {_target(pc, bits, 13)}"
        case 0x6F:
            bits = (word >> 31) << 20 | (word >> 12 & 255) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 1023) << 1
            return f"jal {rd}, {_target(pc, bits, 21)}"
        case 0x67 if funct3 == 0:
            return f"jalr {rd}, {immediate}({rs1})"
        case 0x37:
            return f"lui {rd}, {word >> 12:#x}"
        case 0x17:
            return f"auipc {rd}, {word >> 12:#x}"
        case 0x0F if funct3 == 0:
            return "fence"
        case 0x73 if word == 0x73:
            return "ecall"
    return None


def _target(pc: int, offset: int, bits: int) -> str:
    return f"{pc + _signed(offset, bits) & 0xFFFFFFFF:#x}"


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
