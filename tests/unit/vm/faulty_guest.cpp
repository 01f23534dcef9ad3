// Does what its first hint asks for: something that has no proof. Tests find the lines by their marks.
#include <vector>

#include "blindbook_guest.hpp"

namespace tally {

[[gnu::noinline]] std::uint32_t read_word(const std::uint8_t* bytes, std::uint32_t offset) {
    return *reinterpret_cast<const std::uint32_t*>(bytes + offset);  // misaligned
}

struct Table {
    std::vector<std::uint8_t> bytes;

    std::uint32_t sum() const {
        std::uint32_t result = 0;
        for (std::uint32_t i = 0; i < 4; ++i) result += read_word(bytes.data(), i);  // each word
        return result;
    }
};

}  // namespace tally

int main() {
    const tally::Table table{std::vector<std::uint8_t>(64, 1)};
    const std::uint32_t kind = guest::hint();
    const auto jump = [](std::uint32_t address)
                          __attribute__((always_inline)) { reinterpret_cast<void (*)()>(address)(); };
    if (kind == 0) guest::commit(0, table.sum());                                           // sum
    if (kind == 1) asm volatile("csrr t0, mcycle");                                         // csr
    if (kind == 2) jump(0x123454);                                                          // jump outside
    if (kind == 3) jump(0x1002);                                                            // jump misaligned
    if (kind == 4) guest::commit(0, *reinterpret_cast<volatile const std::uint32_t*>(16));  // unmapped
    if (kind == 5)
        for (;;) asm volatile("");                   // endless
    if (kind == 6) guest::commit(0, guest::hint());  // hint
    if (kind == 7) guest::call(guest::Call{9});      // call
    return 0;
}
