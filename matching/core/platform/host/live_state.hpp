// Live access: the arenas as flat memory (rules 3.4). Marks the pages that change, collects events.
#pragma once

#include <stdexcept>

#include "matching/account.hpp"
#include "page_set.hpp"

namespace matching::host {

inline constexpr size_t kEventBytesMax = size_t{1} << 32;

// Thrown where the rules meet a state that they cannot have made; the command is half applied.
class StateContradiction : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

class LiveState {
  public:
    static constexpr bool kEmitsEvents = true;

    LiveState() : events_(kEventBytesMax) {
        for (Arena arena : kUsedArenas) {
            ArenaShape shape = shape_of(arena);
            u32 id = static_cast<u32>(arena);
            // At least one memory page behind a system record of 512 bytes.
            records_[id] = MappedRegion(size_t{shape.page_bytes()} << shape.tree_depth);
            dirty_[id] = PageSet(shape.tree_depth);
        }
    }

    template <class Record>
    [[nodiscard]] const Record& read(u32 index) {
        return records_[static_cast<u32>(Record::kArena)].template as<Record>()[index];
    }
    template <class Record>
    [[nodiscard]] Record& write(u32 index) {
        constexpr u32 id = static_cast<u32>(Record::kArena);
        dirty_[id].add(index >> shape_of(Record::kArena).page_log_records);
        return records_[id].template as<Record>()[index];
    }

    [[nodiscard]] u8* extend_events(u32 bytes) {
        if (event_bytes_ + bytes > kEventBytesMax) throw std::length_error("events of one call exceed their buffer");
        u8* out = events_.data() + event_bytes_;
        event_bytes_ += bytes;
        return out;
    }
    void note_withdrawal(u64, const Address&, u64) {}
    [[noreturn]] void fail() const { throw StateContradiction("the state contradicts itself"); }

    [[nodiscard]] const u8* event_data() const { return events_.data(); }
    [[nodiscard]] size_t event_bytes() const { return event_bytes_; }
    void clear_events() { event_bytes_ = 0; }

    [[nodiscard]] u8* page(Arena arena, u32 index) const {
        return records_[static_cast<u32>(arena)].data() + size_t{shape_of(arena).page_bytes()} * index;
    }
    // Hashed length of a page: an account counts only its used positions.
    [[nodiscard]] u32 page_bytes(Arena arena, u32 index) const {
        if (arena != Arena::Account) return shape_of(arena).page_bytes();
        return reinterpret_cast<const Account*>(page(arena, index))->page_bytes();
    }
    [[nodiscard]] PageSet& dirty(Arena arena) { return dirty_[static_cast<u32>(arena)]; }

  private:
    MappedRegion records_[kArenaIdMax + 1];
    PageSet dirty_[kArenaIdMax + 1];
    MappedRegion events_;
    size_t event_bytes_ = 0;
};

}  // namespace matching::host
