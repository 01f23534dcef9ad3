#include "memory.hpp"

namespace blindbook::vm {

Memory::Memory(std::span<const std::uint32_t> image_addresses, std::span<const std::uint32_t> image_values,
               std::uint32_t zero_base)
    : zero_base_(zero_base), pages_(address_limit >> page_bits) {
    for (std::size_t i = 0; i < image_addresses.size(); ++i) {
        const std::uint32_t address = image_addresses[i];
        auto& page = pages_[address >> page_bits];
        if (!page) page = make_page(address);
        page[(address & (page_bytes - 1)) >> 2] = {image_values[i], 0};
    }
}

Memory::Page Memory::make_page(std::uint32_t address) const {
    Page page = std::make_unique<Cell[]>(page_words);
    const std::uint32_t base = address & ~(page_bytes - 1);
    for (std::uint32_t i = 0; i < page_words && base + 4 * i < zero_base_; ++i) page[i].time = unmapped;
    return page;
}

void Memory::forget_times() {
    for (const std::uint32_t address : touched_)
        pages_[address >> page_bits][(address & (page_bytes - 1)) >> 2].time = 0;
    touched_.clear();
}

Cell Memory::peek(std::uint32_t address) const {
    const auto& page = pages_[address >> page_bits];
    return page ? page[(address & (page_bytes - 1)) >> 2] : Cell{0, address < zero_base_ ? unmapped : 0};
}

}  // namespace blindbook::vm
