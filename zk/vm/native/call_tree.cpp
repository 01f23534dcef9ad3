#include "call_tree.hpp"

#include "executor.hpp"

namespace blindbook::vm {
namespace {

constexpr std::uint32_t sink = 32;  // rd of an instruction that keeps no result

bool is_link(std::uint32_t number) {
    return number == 1 || number == 5;
}  // ra, t0: the convention of the RISC-V manual

}  // namespace

void CallTree::before(Executor& executor, const Instruction& instruction, std::uint32_t row, std::uint32_t pc) {
    const std::uint32_t context = contexts_[row];
    if (jump_ != Jump::None || context != nodes_[current_].context || steps_ == steps_between_drains) {
        drain(executor);
        arrive(pc, context);
    }
    ++nodes_[current_].cycles;
    ++steps_;
    last_pc_ = pc;
    jump_ = jump_of(instruction);
}

CallTree::Jump CallTree::jump_of(const Instruction& instruction) {
    const bool by_register = instruction.op == OpCode::Jalr || instruction.op == OpCode::Jalrn;
    if (!by_register && (instruction.op != OpCode::Set || instruction.target == no_jump)) return Jump::None;
    if (is_link(instruction.r)) return Jump::Call;
    return by_register && instruction.r == sink && is_link(instruction.rs1) ? Jump::Return : Jump::None;
}

void CallTree::arrive(std::uint32_t pc, std::uint32_t context) {
    if (jump_ == Jump::Call)
        push(context);
    else if (jump_ == Jump::Return && pop_to(pc))
        current_ = frames_.back().node;
    if (nodes_[current_].context == context) return;
    current_ = frames_.back().node = child(frames_.back().parent, context);
}

void CallTree::push(std::uint32_t context) {
    if (frames_.size() > depth_max) return;
    const std::uint32_t node = child(current_, context);
    ++nodes_[node].calls;
    frames_.push_back({current_, node, last_pc_, last_pc_ + 4});
    current_ = node;
}

bool CallTree::pop_to(std::uint32_t return_address) {
    for (std::size_t depth = frames_.size(); depth-- > 1;) {
        if (frames_[depth].return_address != return_address) continue;
        frames_.resize(depth);
        return true;
    }
    return false;
}

std::uint32_t CallTree::child(std::uint32_t parent, std::uint32_t context) {
    const std::uint64_t key = std::uint64_t{parent} << 32 | context;
    if (const auto found = children_.find(key); found != children_.end()) return found->second;
    if (nodes_.size() == nodes_max) return parent;
    const auto node = static_cast<std::uint32_t>(nodes_.size());
    children_.emplace(key, node);
    nodes_.push_back({parent, context});
    return node;
}

void CallTree::drain(Executor& executor) {
    CallNode& node = nodes_[current_];
    for (std::size_t family = 0; family < family_shapes.size(); ++family) {
        auto& rows = executor.rows(family);
        node.rows[family] += rows.size() / family_shapes[family].width;
        rows.clear();
    }
    steps_ = 0;
}

}  // namespace blindbook::vm
