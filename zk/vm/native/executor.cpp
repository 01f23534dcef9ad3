#include "executor.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace blindbook::vm {
namespace {

constexpr std::uint32_t no_row = 0xffffffff;
constexpr std::size_t text_words_max = std::size_t{1} << 24;

std::string hex(std::uint32_t value) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text = "0x00000000";
    for (std::size_t i = 0; i < 8; ++i) text[9 - i] = digits[value >> (4 * i) & 15];
    return text;
}

// The shift amount of a constant shift, whose ROM row holds 2^(amount mod 16).
std::uint32_t shift_amount(OpCode op, std::uint32_t power) {
    const bool high = op == OpCode::SlliHi || op == OpCode::SrliHi || op == OpCode::SlliHiRw || op == OpCode::SrliHiRw;
    return static_cast<std::uint32_t>(std::countr_zero(power)) + (high ? 16 : 0);
}

std::uint32_t decode_immediate(OpCode op, std::uint32_t x, std::uint32_t y) {
    if (op >= OpCode::Lb && op <= OpCode::Sw) return x < field_order / 2 ? x : x - field_order;  // signed offset mod p
    if ((op >= OpCode::SlliLo && op <= OpCode::SrliHi) || op >= OpCode::SlliLoRw) return shift_amount(op, x);
    if (op == OpCode::Jalr) return x;
    if (op == OpCode::Jalrn) return x | 0xffff0000;
    return x | y << 16;
}

Instruction decode_row(const Program& program, std::size_t row) {
    const auto op = static_cast<OpCode>(program.op[row]);
    const bool register_form =
        op <= OpCode::Sra || (op >= OpCode::Mul && op <= OpCode::Remu) || (op >= OpCode::AddRw && op <= OpCode::SltuRw);
    const std::uint32_t source = program.rs1[row];
    return {op,
            static_cast<std::uint8_t>(program.r[row]),
            static_cast<std::uint8_t>(op == OpCode::Set ? 0 : source),
            static_cast<std::uint8_t>(register_form ? program.x[row] : 0),
            decode_immediate(op, program.x[row], program.y[row]),
            op == OpCode::Set && source != program.pc[row] + 4 ? source : no_jump};
}

std::int32_t as_signed(std::uint32_t x) { return static_cast<std::int32_t>(x); }
std::uint32_t as_unsigned(std::int32_t x) { return static_cast<std::uint32_t>(x); }

std::uint32_t divide(OpCode op, std::uint32_t b, std::uint32_t c) {
    const bool overflow = b == 0x80000000 && c == 0xffffffff;
    switch (op) {
        case OpCode::Div:
            return c == 0 ? 0xffffffff : overflow ? b : as_unsigned(as_signed(b) / as_signed(c));
        case OpCode::Divu:
            return c == 0 ? 0xffffffff : b / c;
        case OpCode::Rem:
            return c == 0 ? b : overflow ? 0 : as_unsigned(as_signed(b) % as_signed(c));
        default:
            return c == 0 ? b : b % c;
    }
}

std::uint32_t multiply(OpCode op, std::uint32_t b, std::uint32_t c) {
    const std::int64_t b_wide = op == OpCode::Mulhu ? std::int64_t{b} : std::int64_t{as_signed(b)};
    const std::int64_t c_wide = op == OpCode::Mulh ? std::int64_t{as_signed(c)} : std::int64_t{c};
    const std::uint64_t product = static_cast<std::uint64_t>(b_wide) * static_cast<std::uint64_t>(c_wide);
    return static_cast<std::uint32_t>(op == OpCode::Mul ? product : product >> 32);
}

std::uint32_t extract(OpCode op, std::uint32_t word, std::uint32_t address) {
    const std::uint32_t part = word >> (8 * (address & 3));
    switch (op) {
        case OpCode::Lb:
            return as_unsigned(static_cast<std::int8_t>(part));
        case OpCode::Lbu:
            return part & 0xff;
        case OpCode::Lh:
            return as_unsigned(static_cast<std::int16_t>(part));
        default:
            return part & 0xffff;
    }
}

std::uint32_t insert(OpCode op, std::uint32_t word, std::uint32_t address, std::uint32_t value) {
    const std::uint32_t shift = 8 * (address & 3);
    const std::uint32_t mask = (op == OpCode::Sb ? 0xffU : 0xffffU) << shift;
    return (word & ~mask) | (value << shift & mask);
}

using ExtensionElement = std::array<std::uint32_t, 5>;

// accumulator + a b in F[X]/(X^5 + X^2 - 1).
ExtensionElement multiply_add(const ExtensionElement& accumulator, const ExtensionElement& a,
                              const ExtensionElement& b) {
    std::array<std::uint64_t, 9> product{};
    for (std::size_t i = 0; i < 5; ++i)
        for (std::size_t j = 0; j < 5; ++j)
            product[i + j] = (product[i + j] + std::uint64_t{a[i]} * b[j]) % field_order;
    const auto& [c0, c1, c2, c3, c4, c5, c6, c7, c8] = product;
    constexpr std::uint64_t p = field_order;
    const std::array<std::uint64_t, 5> reduced = {c0 + c5 + p - c8, c1 + c6, c2 + p - c5 + c7 + c8, c3 + p - c6 + c8,
                                                  c4 + p - c7};
    ExtensionElement result{};
    for (std::size_t j = 0; j < 5; ++j) result[j] = static_cast<std::uint32_t>((accumulator[j] + reduced[j]) % p);
    return result;
}

}  // namespace

Executor::Executor(const Program& program, const Poseidon2Constants& constants)
    : text_base_(program.pc.front()),
      memory_(program.image_addresses, program.image_values, program.zero_base),
      constants_(constants),
      executions_(program.pc.size()),
      pc_(program.entry) {
    const std::size_t text_words = (program.pc.back() - text_base_) / 4 + 1;
    if (text_words > text_words_max) throw std::invalid_argument("the program's instructions span more than 64 MiB");
    row_of_pc_.assign(text_words, no_row);
    code_.reserve(program.pc.size());
    for (std::size_t row = 0; row < program.pc.size(); ++row) {
        row_of_pc_[(program.pc[row] - text_base_) / 4] = static_cast<std::uint32_t>(row);
        code_.push_back(decode_row(program, row));
    }
}

void Executor::run(std::span<const std::uint32_t> hints, const Limits& limits) {
    if (limits.record)
        run_in<Mode::Recorded>(hints, limits, nullptr);
    else
        run_in<Mode::Plain>(hints, limits, nullptr);
}

void Executor::run_observed(std::span<const std::uint32_t> hints, const Limits& limits, Observer& observer) {
    run_in<Mode::Observed>(hints, limits, &observer);
}

template <Executor::Mode mode>
void Executor::run_in(std::span<const std::uint32_t> hints, const Limits& limits, Observer* observer) {
    hints_ = hints;
    calls_ = limits.calls;
    try {
        loop<mode>(limits, observer);
    } catch (const Fault& fault) {
        fault_ = fault.what();
        fault_kind_ = fault.kind();
    }
}

template <Executor::Mode mode>
void Executor::loop(const Limits& limits, [[maybe_unused]] Observer* observer) {
    cycles_end_ = limits.cycles;
    while (!halted_) {
        if (cycles_ == cycles_end_) {
            if (limits.pause) return;
            fail("no HALT within the limit of " + std::to_string(limits.cycles) + " cycles", FaultKind::Cycles);
        }
        const std::uint32_t pc = pc_;
        const std::uint32_t offset = pc - text_base_;
        const std::uint32_t slot = offset / 4;
        if (offset % 4 != 0) fail("jump to a misaligned address", FaultKind::Fetch);
        if (slot >= row_of_pc_.size() || row_of_pc_[slot] == no_row)
            fail("no legal instruction at this address", FaultKind::Fetch);
        const std::uint32_t row = row_of_pc_[slot];
        if constexpr (mode == Mode::Observed) observer->before(*this, code_[row], row, pc);
        next_pc_ = pc + 4;
        step<mode != Mode::Plain>(code_[row], row, cycles_ + 1);
        ++executions_[row];
        ++cycles_;
        if (!halted_) pc_ = next_pc_;
        if (coprocessor_cells_ >= limits.coprocessor_cells) [[unlikely]]
            cycles_end_ = cycles_;
    }
}

void Executor::resume(const ShardStart& start) {
    for (std::size_t i = 0; i < register_count; ++i) registers_[i] = {start.registers[i], 0};
    committed_ = start.committed;
}

void Executor::begin_shard() {
    memory_.forget_times();
    for (Cell& cell : registers_) cell.time = 0;
    for (auto& rows : rows_) rows.clear();
    std::fill(executions_.begin(), executions_.end(), 0);
    coprocessor_rows_.fill(0);
    coprocessor_cells_ = 0;
    cycles_ = 0;
}

// Rows of a coprocessor chip or of REFRESH; an instruction chip has a row for each execution of its instructions.
void Executor::count(Family family, std::uint64_t rows) {
    const auto index = static_cast<std::size_t>(family);
    coprocessor_rows_[index] += rows;
    coprocessor_cells_ += rows * coprocessor_columns(family);
}

// The register before this access. One that was not accessed for too long is refreshed just before.
template <bool record>
Cell Executor::access_register(std::uint32_t number, std::uint32_t time) {
    Cell& cell = registers_[number];
    if (time - cell.time > near_max) {
        count(Family::Refresh);
        if constexpr (record)
            log(Family::Refresh,
                std::array<std::uint32_t, refresh_width>{field_order - 1 - number, cell.value, cell.time, time - 1});
        cell.time = time - 1;
    }
    const Cell before = cell;
    cell.time = time;
    return before;
}

Cell& Executor::word_at(std::uint32_t address, const char* kind) {
    const auto refuse = [&](const std::string& reason, FaultKind fault) { fail(std::string(kind) + reason, fault); };
    if (address >= address_limit) refuse(" at " + hex(address) + ", at or above 2^30", FaultKind::Unmapped);
    if (address % 4 != 0) refuse(" at misaligned address " + hex(address), FaultKind::Misaligned);
    Cell* cell = memory_.find(address);
    if (cell == nullptr) refuse(" at " + hex(address) + ", where the program has no memory", FaultKind::Unmapped);
    return *cell;
}

void Executor::log(Family family, std::span<const std::uint32_t> row) {
    auto& rows = rows_[static_cast<std::size_t>(family)];
    rows.insert(rows.end(), row.begin(), row.end());
}

void Executor::log(Family family, std::uint32_t row, std::uint32_t clk, Cell first, Cell second, Cell third) {
    log(family, std::array<std::uint32_t, cpu_width>{row, clk, first.value, first.time, second.value, second.time,
                                                     third.value, third.time});
}

// Logged accesses, in this order: rs1; rs2, the memory word of a load, or the immediate; old rd or the old memory word
// of a store.
template <bool record>
void Executor::step(const Instruction& i, std::uint32_t row, std::uint32_t clk) {
    const std::uint32_t time = 4 * clk;
    Cell b{}, c{}, old{};
    const auto emit = [&](Family family) {
        if constexpr (record) log(family, row, clk, b, c, old);
    };
    const auto read_rs1 = [&] { b = access_register<record>(i.rs1, time); };
    const auto read_rs2 = [&] { c = access_register<record>(i.rs2, time + 1); };
    const auto read_stored = [&] { c = access_register<record>(i.r, time + 1); };
    const auto write = [&](std::uint32_t value) {
        old = access_register<record>(i.r, time + 3);
        registers_[i.r].value = value;
    };
    const auto register_form = [&](auto&& function, Family family) {
        read_rs1();
        read_rs2();
        write(function(b.value, c.value));
        emit(family);
    };
    const auto immediate_form = [&](auto&& function, Family family) {
        read_rs1();
        c = {i.immediate, 0};
        write(function(b.value, c.value));
        emit(family);
    };
    // Forms whose rd is an operand as well: its access at the end reads and writes it.
    const auto register_in_place = [&](auto&& function, Family family) {
        read_rs2();
        write(function(registers_[i.r].value, c.value));
        emit(family);
    };
    const auto immediate_in_place = [&](auto&& function, Family family) {
        write(function(registers_[i.r].value, i.immediate));
        emit(family);
    };
    const auto effective_address = [&] {
        const std::uint32_t address = b.value + i.immediate;
        if (as_signed(i.immediate) > 0 && address < b.value)
            fail("access beyond 2^32: the address wraps round", FaultKind::Unmapped);
        return address;
    };
    const auto branch = [&](auto&& condition, Family family) {
        read_rs1();
        read_stored();
        if (condition(b.value, c.value)) next_pc_ = i.immediate;
        emit(family);
    };
    const auto load = [&](Family family) {
        read_rs1();
        const std::uint32_t address = effective_address();
        if (i.op == OpCode::Lh || i.op == OpCode::Lhu)
            if (address % 2 != 0)
                fail("load of a half word at misaligned address " + hex(address), FaultKind::Misaligned);
        Cell& cell = word_at(family == Family::Lw ? address : address & ~3U, "load");
        c = cell;
        cell.time = time + 2;
        write(family == Family::Lw ? c.value : extract(i.op, c.value, address));
        emit(family);
    };
    const auto store = [&](Family family) {
        read_rs1();
        read_stored();
        const std::uint32_t address = effective_address();
        if (i.op == OpCode::Sh && address % 2 != 0)
            fail("store of a half word at misaligned address " + hex(address), FaultKind::Misaligned);
        Cell& cell = word_at(family == Family::Sw ? address : address & ~3U, "store");
        old = cell;
        cell = {family == Family::Sw ? c.value : insert(i.op, old.value, address, c.value), time + 2};
        emit(family);
    };
    constexpr auto add = [](std::uint32_t x, std::uint32_t y) { return x + y; };
    constexpr auto bit_and = [](std::uint32_t x, std::uint32_t y) { return x & y; };
    constexpr auto bit_or = [](std::uint32_t x, std::uint32_t y) { return x | y; };
    constexpr auto bit_xor = [](std::uint32_t x, std::uint32_t y) { return x ^ y; };
    constexpr auto below = [](std::uint32_t x, std::uint32_t y) { return std::uint32_t{x < y}; };
    constexpr auto below_signed = [](std::uint32_t x, std::uint32_t y) {
        return std::uint32_t{as_signed(x) < as_signed(y)};
    };
    constexpr auto left = [](std::uint32_t x, std::uint32_t y) { return x << (y & 31); };
    constexpr auto right = [](std::uint32_t x, std::uint32_t y) { return x >> (y & 31); };
    constexpr auto right_signed = [](std::uint32_t x, std::uint32_t y) {
        return as_unsigned(as_signed(x) >> (y & 31));
    };
    switch (i.op) {
        case OpCode::Addi:
            return immediate_form(add, Family::Addi);
        case OpCode::AddiRw:
            return immediate_in_place(add, Family::AddiRw);
        case OpCode::Mv:
            return immediate_form(add, Family::Mv);
        case OpCode::Set:
            write(i.immediate);
            if (i.target != no_jump) next_pc_ = i.target;
            return emit(Family::Set);
        case OpCode::Add:
            return register_form(add, Family::Add);
        case OpCode::AddRw:
            return register_in_place(add, Family::AddRw);
        case OpCode::AndRw:
            return register_in_place(bit_and, Family::LogicRw);
        case OpCode::OrRw:
            return register_in_place(bit_or, Family::LogicRw);
        case OpCode::XorRw:
            return register_in_place(bit_xor, Family::LogicRw);
        case OpCode::SltuRw:
            read_rs1();
            write(below(b.value, registers_[i.r].value));
            return emit(Family::SltuRw);
        case OpCode::SlliLo:
        case OpCode::SlliHi:
            return immediate_form(left, Family::ShiftI);
        case OpCode::SrliLo:
        case OpCode::SrliHi:
            return immediate_form(right, Family::ShiftI);
        case OpCode::SlliLoRw:
        case OpCode::SlliHiRw:
            return immediate_in_place(left, Family::ShiftIRw);
        case OpCode::SrliLoRw:
        case OpCode::SrliHiRw:
            return immediate_in_place(right, Family::ShiftIRw);
        case OpCode::Sub:
            return register_form([](std::uint32_t x, std::uint32_t y) { return x - y; }, Family::Add);
        case OpCode::And:
            return register_form(bit_and, Family::Logic);
        case OpCode::Andi:
            return immediate_form(bit_and, Family::Logic);
        case OpCode::Or:
            return register_form(bit_or, Family::Logic);
        case OpCode::Ori:
            return immediate_form(bit_or, Family::Logic);
        case OpCode::Xor:
            return register_form(bit_xor, Family::Logic);
        case OpCode::Xori:
            return immediate_form(bit_xor, Family::Logic);
        case OpCode::Slt:
            return register_form(below_signed, Family::Cmp);
        case OpCode::Slti:
            return immediate_form(below_signed, Family::Cmp);
        case OpCode::Sltu:
            return register_form(below, Family::Cmp);
        case OpCode::Sltiu:
            return immediate_form(below, Family::Cmp);
        case OpCode::Sll:
            return register_form(left, Family::Shift);
        case OpCode::Slli:
            return immediate_form(left, Family::Shift);
        case OpCode::Srl:
            return register_form(right, Family::Shift);
        case OpCode::Srli:
            return immediate_form(right, Family::Shift);
        case OpCode::Sra:
            return register_form(right_signed, Family::Shift);
        case OpCode::Srai:
            return immediate_form(right_signed, Family::Shift);
        case OpCode::Beq:
            return branch([](std::uint32_t x, std::uint32_t y) { return x == y; }, Family::Beq);
        case OpCode::Bne:
            return branch([](std::uint32_t x, std::uint32_t y) { return x != y; }, Family::Beq);
        case OpCode::Blt:
            return branch([](std::uint32_t x, std::uint32_t y) { return as_signed(x) < as_signed(y); }, Family::Blt);
        case OpCode::Bge:
            return branch([](std::uint32_t x, std::uint32_t y) { return as_signed(x) >= as_signed(y); }, Family::Blt);
        case OpCode::Bltu:
            return branch([](std::uint32_t x, std::uint32_t y) { return x < y; }, Family::Bltu);
        case OpCode::Bgeu:
            return branch([](std::uint32_t x, std::uint32_t y) { return x >= y; }, Family::Bltu);
        case OpCode::Beqz:
        case OpCode::Bnez:
            read_rs1();
            if ((b.value == 0) == (i.op == OpCode::Beqz)) next_pc_ = i.immediate;
            return emit(Family::Beqz);
        case OpCode::Jalr:
        case OpCode::Jalrn:
            read_rs1();
            write(pc_ + 4);
            next_pc_ = (b.value + i.immediate) & ~1U;
            return emit(Family::Jalr);
        case OpCode::Lw:
            return load(Family::Lw);
        case OpCode::Lb:
        case OpCode::Lbu:
        case OpCode::Lh:
        case OpCode::Lhu:
            return load(Family::LoadSub);
        case OpCode::Sw:
            return store(Family::Sw);
        case OpCode::Sb:
        case OpCode::Sh:
            return store(Family::StoreSub);
        case OpCode::Mul:
        case OpCode::Mulh:
        case OpCode::Mulhsu:
        case OpCode::Mulhu:
            return register_form([&](std::uint32_t x, std::uint32_t y) { return multiply(i.op, x, y); }, Family::Mul);
        case OpCode::Div:
        case OpCode::Divu:
        case OpCode::Rem:
        case OpCode::Remu:
            return register_form([&](std::uint32_t x, std::uint32_t y) { return divide(i.op, x, y); }, Family::Div);
        case OpCode::Ecall:
            return ecall<record>(row, clk);
    }
    fail("op code without semantics");
}

// A word that a coprocessor accesses at `time`; each only once per call.
Cell& Executor::coprocessor_word(std::uint32_t address, std::uint32_t time, const char* kind) {
    Cell& cell = word_at(address, kind);
    if (cell.time == time) fail(std::string(kind) + ": the word at " + hex(address) + " is an operand twice");
    return cell;
}

std::uint32_t Executor::next_hint() {
    if (hints_read_ == hints_.size())
        fail("the guest asked for more than " + std::to_string(hints_.size()) + " hints", FaultKind::Hints);
    return hints_[hints_read_++];
}

void Executor::commit(std::uint32_t index, std::uint32_t word) {
    if (index >= output_count) fail("commit of output word " + std::to_string(index) + ", there are 16");
    if (committed_ >> index & 1) fail("output word " + std::to_string(index) + " was committed twice");
    committed_ |= 1U << index;
    outputs_[index] = word;
}

void Executor::halt(std::uint32_t code) {
    for (std::uint32_t index = 0; index < output_count; ++index)
        if ((committed_ >> index & 1) == 0) fail("HALT before output word " + std::to_string(index) + " was committed");
    exit_code_ = code;
    halted_ = true;
}

template <bool record>
void Executor::ecall(std::uint32_t row, std::uint32_t clk) {
    enum Call : std::uint32_t { Halt, HintWord, Commit, P2, P2Path, ExtDot };
    const std::uint32_t time = 4 * clk;
    const Cell a7 = access_register<record>(17, time), a0 = access_register<record>(10, time + 1),
               a1 = access_register<record>(11, time + 2), a2 = access_register<record>(12, time + 3);
    if (a7.value > Commit && (a7.value > 31 || (calls_ >> a7.value & 1) == 0))
        fail("call " + std::to_string(a7.value) + " is not part of this machine");
    std::uint32_t result = a0.value;
    switch (a7.value) {
        case Halt:
            halt(a0.value);
            break;
        case HintWord:
            result = next_hint();
            registers_[10].value = result;
            break;
        case Commit:
            commit(a0.value, a1.value);
            break;
        case P2:
            call_p2<record>(clk, a0.value, a1.value, a2.value);
            break;
        case P2Path:
            call_path<record>(clk, a0.value, a1.value, a2.value);
            break;
        case ExtDot:
            call_dot<record>(clk, a0.value, a1.value, a2.value);
            break;
        default:
            fail("call " + std::to_string(a7.value) + " is not part of this machine");
    }
    if constexpr (record)
        log(Family::Ecall, std::array<std::uint32_t, ecall_width>{row, clk, a7.value, a7.time, a0.value, a0.time,
                                                                  result, a1.value, a1.time, a2.value, a2.time});
}

template <bool record>
void Executor::call_p2(std::uint32_t clk, std::uint32_t pointer, std::uint32_t node, std::uint32_t reserved) {
    if (node > 1 || reserved != 0) fail("P2: expected a1 in {0, 1} and a2 = 0");
    std::array<std::uint32_t, p2_width> row{clk, pointer, node};
    std::array<Cell*, 16> cells{};
    PermutationState state{};
    for (std::uint32_t lane = 0; lane < 16; ++lane) {
        Cell& cell = word_at(pointer + 4 * lane, "P2");
        if (cell.value >= field_order)
            fail("P2: word " + std::to_string(lane) + " is " + hex(cell.value) + ", not below p");
        cells[lane] = &cell;
        row[3 + lane] = state[lane] = cell.value;
        row[19 + lane] = cell.time;
    }
    permute(state, constants_);
    for (std::uint32_t lane = 0; lane < 16; ++lane) {
        std::uint32_t value = state[lane];
        if (node == 1) {
            const std::uint32_t input = row[3 + lane];
            value = lane < 8 ? static_cast<std::uint32_t>((std::uint64_t{value} + input) % field_order) : input;
        }
        *cells[lane] = {value, 4 * clk + 2};
    }
    count(Family::P2);
    if constexpr (record) log(Family::P2, row);
}

// The siblings are private advice: 8 words per level, from the hints.
template <bool record>
void Executor::call_path(std::uint32_t clk, std::uint32_t pointer, std::uint32_t depth, std::uint32_t index) {
    if (depth > 30) fail("P2_PATH: expected depth <= 30, found " + std::to_string(depth));
    if (index >> depth != 0) fail("P2_PATH: index " + hex(index) + " does not fit the depth");
    std::array<std::uint32_t, path_head_width> head{clk, pointer, depth, index};
    std::array<Cell*, 16> cells{};
    for (std::uint32_t i = 0; i < 16; ++i) {
        cells[i] = &word_at(pointer + 4 * i, "P2_PATH");
        head[4 + i] = cells[i]->value;
        head[20 + i] = cells[i]->time;
        if (i < 8 && head[4 + i] >= field_order) fail("P2_PATH: leaf word " + hex(head[4 + i]) + " is not below p");
    }
    std::array<std::uint32_t, 8> current{};
    for (std::size_t i = 0; i < 8; ++i) current[i] = head[4 + i];
    for (std::uint32_t level = 0; level < depth; ++level) {
        std::array<std::uint32_t, path_width> row{clk, level, index >> level};
        const bool right = (index >> level & 1) != 0;
        PermutationState state{};
        for (std::size_t i = 0; i < 8; ++i) {
            const std::uint32_t sibling = next_hint();
            if (sibling >= field_order) fail("P2_PATH: sibling word " + hex(sibling) + " is not below p");
            state[right ? i : 8 + i] = sibling;
            state[right ? 8 + i : i] = current[i];
        }
        for (std::size_t i = 0; i < 16; ++i) row[3 + i] = state[i];
        const PermutationState input = state;
        permute(state, constants_);
        for (std::size_t i = 0; i < 8; ++i)
            current[i] = static_cast<std::uint32_t>((std::uint64_t{state[i]} + input[i]) % field_order);
        if constexpr (record) log(Family::Path, row);
    }
    for (std::size_t i = 0; i < 8; ++i) {
        cells[i]->time = 4 * clk + 2;
        *cells[8 + i] = {current[i], 4 * clk + 2};
        head[36 + i] = current[i];
    }
    count(Family::PathHead);
    count(Family::Path, depth);
    if constexpr (record) log(Family::PathHead, head);
}

// result := initial accumulator + sum of a_i b_i in the extension field; the result slot follows b.
template <bool record>
void Executor::call_dot(std::uint32_t clk, std::uint32_t pointer_a, std::uint32_t pointer_b, std::uint32_t shape) {
    const std::uint32_t length = shape >> 2, base = shape & 1, initial = shape >> 1 & 1, time = 4 * clk + 2;
    if (length >= 1U << 16) fail("EXT_DOT: expected a length below 2^16, found " + std::to_string(length));
    const std::uint32_t result_pointer = pointer_b + 20 * length;
    if (pointer_b >= address_limit || result_pointer >= address_limit) fail("EXT_DOT: b ends at or above 2^30");
    std::array<std::uint32_t, dot_head_width> head{clk, pointer_a, pointer_b, length, base, initial};
    ExtensionElement accumulator{};
    std::array<Cell*, 5> slots{};
    for (std::uint32_t j = 0; j < 5; ++j) {
        slots[j] = &coprocessor_word(result_pointer + 4 * j, time, "EXT_DOT");
        head[7 + j] = slots[j]->value;
        head[12 + j] = slots[j]->time;
        slots[j]->time = time;
        if (initial == 0) continue;
        if (slots[j]->value >= field_order) fail("EXT_DOT: word " + std::to_string(j) + " of the start is not below p");
        accumulator[j] = slots[j]->value;
    }
    const auto read = [&](std::uint32_t address, std::uint32_t& word, std::uint32_t& last) {
        Cell& cell = coprocessor_word(address, time, "EXT_DOT");
        if (cell.value >= field_order) fail("EXT_DOT: the word at " + hex(address) + " is not below p");
        word = cell.value;
        last = cell.time;
        cell.time = time;
    };
    const std::uint32_t words_of_a = base == 1 ? 1 : 5;
    for (std::uint32_t i = 0; i < length; ++i) {
        std::array<std::uint32_t, dot_width> row{clk, i, base, pointer_a, pointer_b};
        ExtensionElement a{}, b{};
        for (std::uint32_t j = 0; j < words_of_a; ++j) read(pointer_a + 4 * j, a[j], row[10 + j]);
        for (std::uint32_t j = 0; j < 5; ++j) read(pointer_b + 4 * j, b[j], row[20 + j]);
        for (std::uint32_t j = 0; j < 5; ++j) row[5 + j] = a[j], row[15 + j] = b[j], row[25 + j] = accumulator[j];
        accumulator = multiply_add(accumulator, a, b);
        pointer_a += 4 * words_of_a;
        pointer_b += 20;
        if constexpr (record) log(Family::Dot, row);
    }
    head[6] = pointer_a;
    for (std::uint32_t j = 0; j < 5; ++j) slots[j]->value = head[17 + j] = accumulator[j];
    count(Family::DotHead);
    count(Family::Dot, length);
    if constexpr (record) log(Family::DotHead, head);
}

}  // namespace blindbook::vm
