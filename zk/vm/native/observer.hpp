// Somebody who watches an execution, instruction by instruction.
#pragma once

#include <cstdint>

#include "instruction.hpp"

namespace blindbook::vm {

class Executor;

class Observer {
  public:
    Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    virtual ~Observer() = default;

    // Before the instruction of ROM row `row` at `pc` runs. All rows that the executor has logged are of earlier
    // instructions; the observer may take them away.
    virtual void before(Executor& executor, const Instruction& instruction, std::uint32_t row, std::uint32_t pc) = 0;
};

}  // namespace blindbook::vm
