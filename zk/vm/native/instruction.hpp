// Op codes and the executor's view of a ROM row. The numbers equal zk/vm/isa.py; the Python side compares both tables.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace blindbook::vm {

enum class OpCode : std::uint8_t {
    Add = 1,
    Sub,
    And,
    Or,
    Xor,
    Slt,
    Sltu,
    Sll,
    Srl,
    Sra,
    Addi = 33,
    Andi = 35,
    Ori,
    Xori,
    Slti,
    Sltiu,
    Slli,
    Srli,
    Srai,
    Beq = 64,
    Bne,
    Blt,
    Bge,
    Bltu,
    Bgeu,
    Set,
    Jalr,
    Jalrn,
    Lb,
    Lbu,
    Lh,
    Lhu,
    Lw,
    Sb,
    Sh,
    Sw,
    Mul,
    Mulh,
    Mulhsu,
    Mulhu,
    Div,
    Divu,
    Rem,
    Remu,
    Ecall,
    Mv,
    Beqz,
    Bnez,
    SlliLo,
    SlliHi,
    SrliLo,
    SrliHi,
    AddRw,
    AndRw = 99,
    OrRw,
    XorRw,
    SltuRw = 103,
    AddiRw = 129,
    SlliLoRw = 189,
    SlliHiRw,
    SrliLoRw,
    SrliHiRw,
};

inline constexpr std::array op_code_names = {
    std::pair{"ADD", OpCode::Add},
    std::pair{"SUB", OpCode::Sub},
    std::pair{"AND", OpCode::And},
    std::pair{"OR", OpCode::Or},
    std::pair{"XOR", OpCode::Xor},
    std::pair{"SLT", OpCode::Slt},
    std::pair{"SLTU", OpCode::Sltu},
    std::pair{"SLL", OpCode::Sll},
    std::pair{"SRL", OpCode::Srl},
    std::pair{"SRA", OpCode::Sra},
    std::pair{"ADDI", OpCode::Addi},
    std::pair{"ANDI", OpCode::Andi},
    std::pair{"ORI", OpCode::Ori},
    std::pair{"XORI", OpCode::Xori},
    std::pair{"SLTI", OpCode::Slti},
    std::pair{"SLTIU", OpCode::Sltiu},
    std::pair{"SLLI", OpCode::Slli},
    std::pair{"SRLI", OpCode::Srli},
    std::pair{"SRAI", OpCode::Srai},
    std::pair{"BEQ", OpCode::Beq},
    std::pair{"BNE", OpCode::Bne},
    std::pair{"BLT", OpCode::Blt},
    std::pair{"BGE", OpCode::Bge},
    std::pair{"BLTU", OpCode::Bltu},
    std::pair{"BGEU", OpCode::Bgeu},
    std::pair{"SET", OpCode::Set},
    std::pair{"JALR", OpCode::Jalr},
    std::pair{"JALRN", OpCode::Jalrn},
    std::pair{"LB", OpCode::Lb},
    std::pair{"LBU", OpCode::Lbu},
    std::pair{"LH", OpCode::Lh},
    std::pair{"LHU", OpCode::Lhu},
    std::pair{"LW", OpCode::Lw},
    std::pair{"SB", OpCode::Sb},
    std::pair{"SH", OpCode::Sh},
    std::pair{"SW", OpCode::Sw},
    std::pair{"MUL", OpCode::Mul},
    std::pair{"MULH", OpCode::Mulh},
    std::pair{"MULHSU", OpCode::Mulhsu},
    std::pair{"MULHU", OpCode::Mulhu},
    std::pair{"DIV", OpCode::Div},
    std::pair{"DIVU", OpCode::Divu},
    std::pair{"REM", OpCode::Rem},
    std::pair{"REMU", OpCode::Remu},
    std::pair{"ECALL", OpCode::Ecall},
    std::pair{"MV", OpCode::Mv},
    std::pair{"BEQZ", OpCode::Beqz},
    std::pair{"BNEZ", OpCode::Bnez},
    std::pair{"SLLI_LO", OpCode::SlliLo},
    std::pair{"SLLI_HI", OpCode::SlliHi},
    std::pair{"SRLI_LO", OpCode::SrliLo},
    std::pair{"SRLI_HI", OpCode::SrliHi},
    std::pair{"ADD_RW", OpCode::AddRw},
    std::pair{"AND_RW", OpCode::AndRw},
    std::pair{"OR_RW", OpCode::OrRw},
    std::pair{"XOR_RW", OpCode::XorRw},
    std::pair{"SLTU_RW", OpCode::SltuRw},
    std::pair{"ADDI_RW", OpCode::AddiRw},
    std::pair{"SLLI_LO_RW", OpCode::SlliLoRw},
    std::pair{"SLLI_HI_RW", OpCode::SlliHiRw},
    std::pair{"SRLI_LO_RW", OpCode::SrliLoRw},
    std::pair{"SRLI_HI_RW", OpCode::SrliHiRw},
};

constexpr std::uint32_t no_jump = 1;  // no target: those are 4-aligned

// One ROM row. r: rd (1..32) or rs2; rs2: second source of register forms; immediate: constant, target of a branch, or
// shift amount; target: where SET leads to, no_jump for the next instruction.
struct Instruction {
    OpCode op;
    std::uint8_t r;
    std::uint8_t rs1;
    std::uint8_t rs2;
    std::uint32_t immediate;
    std::uint32_t target;
};
static_assert(sizeof(Instruction) == 12);

// Chip families that log rows of their own.
enum class Family : std::uint8_t {
    Addi,
    AddiRw,
    Mv,
    Set,
    Add,
    AddRw,
    Logic,
    LogicRw,
    Cmp,
    SltuRw,
    Beq,
    Beqz,
    Blt,
    Bltu,
    Jalr,
    Shift,
    ShiftI,
    ShiftIRw,
    Lw,
    Sw,
    LoadSub,
    StoreSub,
    Mul,
    Div,
    Ecall,
    Refresh,
    P2,
    PathHead,
    Path,
    DotHead,
    Dot,
};

struct FamilyShape {
    std::string_view chip;
    std::uint32_t width;  // u32 words per logged row
};

constexpr std::uint32_t cpu_width = 8;      // ROM row, clk, value and time of up to three accesses: see Executor::log
constexpr std::uint32_t ecall_width = 11;   // ROM row, clk, a7, t0, a0, t1, new a0, a1, t2, a2, t3
constexpr std::uint32_t refresh_width = 4;  // address, word, time before, time after
constexpr std::uint32_t p2_width = 35;      // clk, ptr, node, 16 words, 16 times
constexpr std::uint32_t path_head_width = 44;  // clk, ptr, depth, index, 16 old words, 16 times, 8 words of the root
constexpr std::uint32_t path_width = 19;       // clk, level, index, 16 words (left, right)

constexpr std::uint32_t dot_head_width = 22;  // clk, a, b, len, base, init, end of a, 5 old words, 5 times, 5 results
constexpr std::uint32_t dot_width = 30;       // clk, i, base, a, b, 5 words of a, 5 times, 5 of b, 5 times, accumulator

inline constexpr std::array<FamilyShape, 31> family_shapes = {{
    {"ADDI", cpu_width},    {"ADDI_RW", cpu_width},     {"MV", cpu_width},    {"SET", cpu_width},
    {"ADD", cpu_width},     {"ADD_RW", cpu_width},      {"LOGIC", cpu_width}, {"LOGIC_RW", cpu_width},
    {"CMP", cpu_width},     {"SLTU_RW", cpu_width},     {"BEQ", cpu_width},   {"BEQZ", cpu_width},
    {"BLT", cpu_width},     {"BLTU", cpu_width},        {"JALR", cpu_width},  {"SHIFT", cpu_width},
    {"SHIFTI", cpu_width},  {"SHIFTI_RW", cpu_width},   {"LW", cpu_width},    {"SW", cpu_width},
    {"LOADSUB", cpu_width}, {"STORESUB", cpu_width},    {"MUL", cpu_width},   {"DIV", cpu_width},
    {"ECALL", ecall_width}, {"REFRESH", refresh_width}, {"P2", p2_width},     {"PATH_H", path_head_width},
    {"PATH", path_width},   {"DOT_H", dot_head_width},  {"DOT", dot_width},
}};

// About how many cells a row of a coprocessor chip adds to a proof; only where a shard ends depends on it.
constexpr std::uint64_t coprocessor_columns(Family family) {
    switch (family) {
        case Family::P2:
            return 280;
        case Family::PathHead:
            return 101;
        case Family::Path:
            return 177;
        case Family::DotHead:
            return 53;
        case Family::Dot:
            return 66;
        default:
            return 0;
    }
}

}  // namespace blindbook::vm
