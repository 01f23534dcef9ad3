// Recording access: live, and keeps every page as it was at its first touch (rules 3.4).
#pragma once

#include <vector>

#include "state_tree.hpp"

namespace matching::host {

struct TouchedPage {
    u32 index;
    u32 length;
    size_t offset;  // of its old bytes
};

class Recorder {
  public:
    Recorder() {
        for (Arena arena : kUsedArenas) touched_[static_cast<u32>(arena)] = PageSet(shape_of(arena).tree_depth);
    }

    void start();
    void touch(const LiveState& live, Arena arena, u32 page) {
        if (touched_[static_cast<u32>(arena)].add(page)) keep(live, arena, page);
    }

    // The pages of the arena in rising order.
    [[nodiscard]] std::vector<TouchedPage> pages(Arena arena) const;
    [[nodiscard]] const u8* old_bytes(const TouchedPage& page) const { return bytes_.data() + page.offset; }

    // Hint words for the guest: per arena the touched pages, then the siblings that open them.
    // The trees must be those of the opening state.
    [[nodiscard]] std::vector<u32> encode_witness(const StateTree& trees) const;

  private:
    void keep(const LiveState& live, Arena arena, u32 page);

    PageSet touched_[kArenaIdMax + 1];
    std::vector<TouchedPage> pages_[kArenaIdMax + 1];
    std::vector<u8> bytes_;
};

class RecordingState {
  public:
    static constexpr bool kEmitsEvents = true;

    RecordingState(LiveState& live, Recorder& recorder) : live_(live), recorder_(recorder) {}

    template <class Record>
    [[nodiscard]] const Record& read(u32 index) {
        recorder_.touch(live_, Record::kArena, index >> shape_of(Record::kArena).page_log_records);
        return live_.read<Record>(index);
    }
    template <class Record>
    [[nodiscard]] Record& write(u32 index) {
        recorder_.touch(live_, Record::kArena, index >> shape_of(Record::kArena).page_log_records);
        return live_.write<Record>(index);
    }
    [[nodiscard]] u8* extend_events(u32 bytes) { return live_.extend_events(bytes); }
    void note_withdrawal(u64, const Address&, u64) {}
    [[noreturn]] void fail() const { live_.fail(); }

  private:
    LiveState& live_;
    Recorder& recorder_;
};

}  // namespace matching::host
