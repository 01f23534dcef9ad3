// The arenas of the state and how their records are cut into pages (rules 3.1).
#pragma once

#include "matching/types.hpp"

namespace matching {

enum class Arena : u8 {
    Account = 1,
    VolumeRing = 2,
    Signer = 3,
    Order = 4,
    Level = 5,
    Trie = 6,
    BookHead = 7,
    AdlPlan = 9,
    MarketConfig = 10,
    MarketState = 11,
    System = 12,
};
inline constexpr u32 kArenaIdMax = 12;

struct ArenaShape {
    u32 record_bytes;
    u32 page_log_records;  // records per page = 2^this
    u32 tree_depth;        // pages = 2^this

    [[nodiscard]] constexpr u32 page_bytes() const { return record_bytes << page_log_records; }
};

[[nodiscard]] constexpr ArenaShape shape_of(Arena arena) {
    switch (arena) {
        case Arena::Account:
            return {4096, 0, 24};
        case Arena::VolumeRing:
            return {128, 0, 23};
        case Arena::Signer:
            return {512, 0, 26};
        case Arena::Order:
            return {96, 0, 21};
        case Arena::Level:
            return {32, 3, 29};
        case Arena::Trie:
            return {8, 4, 23};
        case Arena::BookHead:
            return {64, 0, 6};
        case Arena::AdlPlan:
            return {1056, 0, 7};
        case Arena::MarketConfig:
            return {256, 0, 6};
        case Arena::MarketState:
            return {128, 0, 6};
        case Arena::System:
            return {512, 0, 0};
    }
    return {0, 0, 0};
}

// Arenas that the machine uses today; the volume ring and the ADL plan stay empty.
inline constexpr Arena kUsedArenas[] = {Arena::Account,      Arena::Signer,      Arena::Order,
                                        Arena::Level,        Arena::Trie,        Arena::BookHead,
                                        Arena::MarketConfig, Arena::MarketState, Arena::System};

}  // namespace matching
