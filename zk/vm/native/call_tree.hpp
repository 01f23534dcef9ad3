// Where an execution spends its cycles and rows, by call path.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "instruction.hpp"
#include "observer.hpp"

namespace blindbook::vm {

// One call path. A context is what the host wants to tell apart inside of a call: a function, or one that was inlined
// there.
struct CallNode {
    std::uint32_t parent;
    std::uint32_t context;
    std::uint64_t calls = 0;
    std::uint64_t cycles = 0;                                // without those of calls and inlined functions
    std::array<std::uint64_t, family_shapes.size()> rows{};  // logged rows by chip family, likewise
};

// A call that has not returned.
struct CallFrame {
    std::uint32_t parent;  // node that called
    std::uint32_t node;    // node that runs, or that runs again after the calls above
    std::uint32_t site;    // pc of the call
    std::uint32_t return_address;
};

// Follows calls (a link in ra or t0), returns (a jump by ra or t0 to the return address of a pending call) and
// everything else that leads to another context (tail calls, inlined functions). A program that jumps otherwise gets a
// wrong tree, but every cycle and row is counted once. Above depth_max pending calls and nodes_max paths, calls count
// as part of their caller.
class CallTree final : public Observer {
  public:
    static constexpr std::uint32_t root = 0;  // parent of the first context; has no cycles of its own
    static constexpr std::size_t depth_max = 4096;
    static constexpr std::size_t nodes_max = 1U << 18;

    // contexts: one for each ROM row.
    explicit CallTree(std::vector<std::uint32_t> contexts) : contexts_(std::move(contexts)) {
        nodes_.push_back({root, no_context});
        frames_.push_back({root, root, 0, 0});
    }

    void before(Executor& executor, const Instruction& instruction, std::uint32_t row, std::uint32_t pc) override;

    // Counts the rows that are logged to the running context. To be called after the run, too.
    void drain(Executor& executor);

    [[nodiscard]] const std::vector<CallNode>& nodes() const { return nodes_; }
    // Pending calls, outermost first; the first entry is the program itself and has no call.
    [[nodiscard]] const std::vector<CallFrame>& frames() const { return frames_; }
    // The last instruction was a call; it is no frame yet.
    [[nodiscard]] bool is_calling() const { return jump_ == Jump::Call; }
    // The last instruction that was fetched; 0 if none was.
    [[nodiscard]] std::uint32_t last_pc() const { return last_pc_; }

  private:
    static constexpr std::uint32_t no_context = 0xffffffff;
    static constexpr std::uint32_t steps_between_drains = 1U << 16;  // bounds the memory of logged rows

    enum class Jump : std::uint8_t { None, Call, Return };

    // The frame and context for the instruction at `pc`, reached by `jump_`.
    void arrive(std::uint32_t pc, std::uint32_t context);
    void push(std::uint32_t context);
    [[nodiscard]] bool pop_to(std::uint32_t return_address);
    [[nodiscard]] static Jump jump_of(const Instruction& instruction);
    [[nodiscard]] std::uint32_t child(std::uint32_t parent, std::uint32_t context);

    std::vector<std::uint32_t> contexts_;
    std::vector<CallNode> nodes_;
    std::vector<CallFrame> frames_;
    std::unordered_map<std::uint64_t, std::uint32_t> children_;  // parent and context to node
    std::uint32_t current_ = root;                               // node of the running context
    std::uint32_t steps_ = 0;                                    // since the last drain
    std::uint32_t last_pc_ = 0;
    Jump jump_ = Jump::None;  // what the last instruction was
};

}  // namespace blindbook::vm
