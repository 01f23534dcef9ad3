// Guest memory: words with the time of their last access.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace blindbook::vm {

constexpr std::uint32_t address_limit = 1U << 30;

// A word and the timestamp of its last access; 0: never accessed.
struct Cell {
    std::uint32_t value;
    std::uint32_t time;
};
static_assert(sizeof(Cell) == 8);

// Words below 2^30 in pages made on first use. Words below zero_base exist only where the image has them.
class Memory {
  public:
    static constexpr std::uint32_t unmapped = 0xffffffff;

    Memory(std::span<const std::uint32_t> image_addresses, std::span<const std::uint32_t> image_values,
           std::uint32_t zero_base);

    // The word at a 4-aligned address below 2^30, or nullptr if it does not exist. Notes its first access.
    [[nodiscard]] Cell* find(std::uint32_t address) {
        auto& page = pages_[address >> page_bits];
        if (!page) [[unlikely]]
            page = make_page(address);
        Cell& cell = page[(address & (page_bytes - 1)) >> 2];
        if (cell.time - 1 >= unmapped - 1) [[unlikely]] {
            if (cell.time == unmapped) return nullptr;
            touched_.push_back(address);
        }
        return &cell;
    }

    // Makes every word as if never accessed; values stay.
    void forget_times();

    // Addresses of all words that were accessed, in order of first access.
    [[nodiscard]] const std::vector<std::uint32_t>& touched() const { return touched_; }

    // The word as it is now, for reading results; not an access.
    [[nodiscard]] Cell peek(std::uint32_t address) const;

  private:
    static constexpr std::uint32_t page_bits = 14;  // 16 KiB of guest memory
    static constexpr std::uint32_t page_bytes = 1U << page_bits;
    static constexpr std::uint32_t page_words = page_bytes / 4;
    using Page = std::unique_ptr<Cell[]>;

    [[nodiscard]] Page make_page(std::uint32_t address) const;

    std::uint32_t zero_base_;
    std::vector<Page> pages_;
    std::vector<std::uint32_t> touched_;
};

}  // namespace blindbook::vm
