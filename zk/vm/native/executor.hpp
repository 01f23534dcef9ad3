// RV32IM with access times, hints, outputs and coprocessor calls (proof system, sections 20 and 21).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "fault.hpp"
#include "instruction.hpp"
#include "memory.hpp"
#include "observer.hpp"
#include "poseidon2.hpp"

namespace blindbook::vm {

constexpr std::uint32_t register_count = 33;  // 32: sink for writes to x0
constexpr std::uint32_t output_count = 16;
constexpr std::uint32_t recorded_cycles_max = (1U << 22) - 1;  // clk_end <= 2^22
constexpr std::uint32_t cycles_max = (1U << 29) - 1;           // ts = 4 clk + 3 fits a word
constexpr std::uint32_t near_max = 1U << 16;  // how far back an instruction's register access may reach

// A program as columns of its ROM and its image.
struct Program {
    std::span<const std::uint32_t> pc, op, r, rs1, x, y;
    std::span<const std::uint32_t> image_addresses, image_values;
    std::uint32_t zero_base;
    std::uint32_t entry;
};

struct Limits {
    std::uint32_t cycles;
    bool record;          // keep the rows that trace generation needs
    std::uint32_t calls;  // bit n: coprocessor call n is part of the machine
    bool pause = false;   // at the limit, stop without a fault: the end of a shard
    std::uint64_t coprocessor_cells = std::numeric_limits<std::uint64_t>::max();  // pause after a call that reaches it
};

// State in which a shard starts, beside pc and memory.
struct ShardStart {
    std::span<const std::uint32_t> registers;  // [register_count]
    std::uint32_t committed;                   // bit i: output word i was committed before
};

class Executor {
  public:
    Executor(const Program& program, const Poseidon2Constants& constants);
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    // Runs to HALT, to a fault, or with `pause` to the limit. After a pause: begin_shard, then run again with the same
    // hints.
    void run(std::span<const std::uint32_t> hints, const Limits& limits);

    // Puts the executor into the state in which a shard starts; before the first run.
    void resume(const ShardStart& start);

    // Starts the next shard where the last one paused: times, counts and cycles begin anew.
    void begin_shard();

    // The same with rows logged, and the observer called before every instruction. Call once, in place of `run`.
    void run_observed(std::span<const std::uint32_t> hints, const Limits& limits, Observer& observer);

    [[nodiscard]] const std::string& fault() const { return fault_; }
    [[nodiscard]] FaultKind fault_kind() const { return fault_kind_; }
    [[nodiscard]] std::uint32_t pc() const { return pc_; }
    [[nodiscard]] std::uint32_t cycles() const { return cycles_; }
    [[nodiscard]] std::uint32_t exit_code() const { return exit_code_; }
    [[nodiscard]] bool halted() const { return halted_; }
    [[nodiscard]] std::uint32_t committed() const { return committed_; }
    // Rows of coprocessor chips and of REFRESH in this shard, by family.
    [[nodiscard]] const std::array<std::uint64_t, family_shapes.size()>& coprocessor_rows() const {
        return coprocessor_rows_;
    }
    [[nodiscard]] std::size_t hints_read() const { return hints_read_; }
    [[nodiscard]] const std::array<std::uint32_t, output_count>& outputs() const { return outputs_; }
    [[nodiscard]] const std::vector<std::uint32_t>& executions() const { return executions_; }
    [[nodiscard]] const std::array<Cell, register_count>& registers() const { return registers_; }
    [[nodiscard]] const Memory& memory() const { return memory_; }
    [[nodiscard]] std::vector<std::uint32_t>& rows(std::size_t family) { return rows_[family]; }

  private:
    enum class Mode : std::uint8_t { Plain, Recorded, Observed };

    template <Mode mode>
    void run_in(std::span<const std::uint32_t> hints, const Limits& limits, Observer* observer);
    template <Mode mode>
    void loop(const Limits& limits, Observer* observer);
    template <bool record>
    void step(const Instruction& instruction, std::uint32_t row, std::uint32_t clk);
    template <bool record>
    void ecall(std::uint32_t row, std::uint32_t clk);
    template <bool record>
    void call_p2(std::uint32_t clk, std::uint32_t pointer, std::uint32_t node, std::uint32_t reserved);
    template <bool record>
    void call_path(std::uint32_t clk, std::uint32_t pointer, std::uint32_t depth, std::uint32_t index);

    template <bool record>
    void call_dot(std::uint32_t clk, std::uint32_t pointer_a, std::uint32_t pointer_b, std::uint32_t shape);

    template <bool record>
    [[nodiscard]] Cell access_register(std::uint32_t number, std::uint32_t time);
    [[nodiscard]] Cell& word_at(std::uint32_t address, const char* kind);
    [[nodiscard]] Cell& coprocessor_word(std::uint32_t address, std::uint32_t time, const char* kind);
    [[nodiscard]] std::uint32_t next_hint();
    void commit(std::uint32_t index, std::uint32_t word);
    void halt(std::uint32_t code);
    void count(Family family, std::uint64_t rows = 1);
    void log(Family family, std::span<const std::uint32_t> row);
    void log(Family family, std::uint32_t row, std::uint32_t clk, Cell first, Cell second, Cell third);

    std::vector<Instruction> code_;
    std::vector<std::uint32_t> row_of_pc_;  // ROM row of (pc - text_base) / 4, or no_row
    std::uint32_t text_base_;
    Memory memory_;
    const Poseidon2Constants constants_;
    std::array<Cell, register_count> registers_{};
    std::array<std::vector<std::uint32_t>, family_shapes.size()> rows_;
    std::vector<std::uint32_t> executions_;  // per ROM row
    std::span<const std::uint32_t> hints_;
    std::size_t hints_read_ = 0;
    std::array<std::uint32_t, output_count> outputs_{};
    std::uint32_t committed_ = 0;
    std::uint32_t calls_ = 0;
    std::uint32_t pc_;
    std::uint32_t next_pc_ = 0;
    std::uint32_t cycles_ = 0;
    std::uint32_t cycles_end_ = 0;  // where the run stops
    std::uint64_t coprocessor_cells_ = 0;
    std::array<std::uint64_t, family_shapes.size()> coprocessor_rows_{};
    std::uint32_t exit_code_ = 0;
    bool halted_ = false;
    std::string fault_;
    FaultKind fault_kind_ = FaultKind::None;
};

}  // namespace blindbook::vm
