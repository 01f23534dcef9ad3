// A set of page numbers of one arena: a bitmap to test, a list to walk.
#pragma once

#include <algorithm>

#include "mapped_region.hpp"

namespace matching::host {

class PageSet {
  public:
    PageSet() = default;
    explicit PageSet(u32 page_log_count)
        : bits_(std::max<size_t>((size_t{1} << page_log_count) / 8, 8)), list_((size_t{1} << page_log_count) * 4) {}

    // True when the page was not in the set.
    bool add(u32 page) {
        u64& word = bits_.as<u64>()[page >> 6];
        u64 bit = u64{1} << (page & 63);
        if ((word & bit) != 0) return false;
        word |= bit;
        list_.as<u32>()[count_++] = page;
        return true;
    }
    [[nodiscard]] bool contains(u32 page) const { return (bits_.as<u64>()[page >> 6] >> (page & 63) & 1) != 0; }

    void clear() {
        for (u32 page : *this) bits_.as<u64>()[page >> 6] = 0;
        count_ = 0;
    }
    void sort() { std::sort(begin(), end()); }

    [[nodiscard]] u32* begin() const { return list_.as<u32>(); }
    [[nodiscard]] u32* end() const { return list_.as<u32>() + count_; }
    [[nodiscard]] size_t size() const { return count_; }

  private:
    MappedRegion bits_;
    MappedRegion list_;
    size_t count_ = 0;
};

}  // namespace matching::host
