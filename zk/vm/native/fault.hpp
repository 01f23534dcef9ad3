// Why an execution ends without HALT.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace blindbook::vm {

// The host turns each kind into an error of its own (zk/vm/executor.py).
enum class FaultKind : std::uint8_t { None, Fetch, Misaligned, Unmapped, Hints, Cycles, Call };

constexpr std::string_view name_of(FaultKind kind) {
    switch (kind) {
        case FaultKind::None:
            return "none";
        case FaultKind::Fetch:
            return "fetch";  // pc holds no legal instruction, or is misaligned
        case FaultKind::Misaligned:
            return "misaligned";
        case FaultKind::Unmapped:
            return "unmapped";
        case FaultKind::Hints:
            return "hints";
        case FaultKind::Cycles:
            return "cycles";
        case FaultKind::Call:
            return "call";
    }
    return "unknown";
}

class Fault : public std::runtime_error {
  public:
    Fault(FaultKind kind, const std::string& reason) : std::runtime_error(reason), kind_(kind) {}
    [[nodiscard]] FaultKind kind() const { return kind_; }

  private:
    FaultKind kind_;
};

// Ends the execution. Without a kind: an ECALL that the machine refuses.
[[noreturn]] inline void fail(const std::string& reason, FaultKind kind = FaultKind::Call) {
    throw Fault(kind, reason);
}

}  // namespace blindbook::vm
