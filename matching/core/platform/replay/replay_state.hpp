// Replaying access: serves the pages of a witness after opening them against the state root, and computes the closing
// root from what was written (rules 3.4). Runs in the batch guest and, for tests, on the host.
//
// A Platform offers hint() -> u32 (the next private word), halt(reason) which does not return, allocate(bytes) ->
// zeroed memory. Nothing that comes from a hint is believed: pages are bound by the opening root, but since that root
// is itself only compared on chain, every index is checked before it is used, so no state can make the program leave
// its memory.
#pragma once

#include "matching/account.hpp"
#include "matching/hasher.hpp"
#include "matching/market.hpp"
#include "matching/order.hpp"
#include "matching/system.hpp"
#include "multiproof.hpp"

namespace matching::replay {

enum class HaltReason : u32 {
    OpeningRoot = 1,    // the pages do not belong to the opening root
    MissingPage = 2,    // a page that the witness lacks
    PageForm = 3,       // pages out of order, or a page with an impossible field
    Command = 4,        // a command of impossible form, or one that halts the engine
    BatchForm = 5,      // not one whole batch
    Capacity = 6,       // more pages or withdrawals than the program holds
    Contradiction = 7,  // the state contradicts itself
};

inline constexpr u32 kTableLogSlots = 15;
inline constexpr u32 kPagesMax = 24'000;
inline constexpr u32 kWithdrawalsMax = 1024;
inline constexpr u32 kSmallArenaPages = 64;

struct Frame {
    u32 index;
    u32 is_written;
    u8 bytes[];
};
static_assert(sizeof(Frame) == 8);

struct ListedWithdrawal {
    u64 index;
    u64 amount_e6;
    Address owner;
    u32 zero;
};

// The opened part of one tree.
struct OpenedTree {
    u32 count = 0;
    Frame** frames = nullptr;
    Digest* leaves = nullptr;           // of the opening pages
    const Digest** siblings = nullptr;  // as consumed; null: zero
    u32 sibling_count = 0;
    Digest root = {};  // of the opening state
};

template <class Platform>
class ReplayState {
  public:
    static constexpr bool kEmitsEvents = false;

    explicit ReplayState(Platform& platform) : platform_(platform) {
        keys_ = allocate<u32>(u32{1} << kTableLogSlots);
        slots_ = allocate<Frame*>(u32{1} << kTableLogSlots);
        withdrawals_ = allocate<ListedWithdrawal>(kWithdrawalsMax);
        for (Arena arena : kUsedArenas) open_tree(arena);
        if (tree(Arena::System).count != 1) platform_.halt(HaltReason::MissingPage);
    }

    template <class Record>
    [[nodiscard]] const Record& read(u32 index) {
        return *record<Record>(find_frame<Record::kArena>(index), index);
    }
    template <class Record>
    [[nodiscard]] Record& write(u32 index) {
        Frame* frame = find_frame<Record::kArena>(index);
        frame->is_written = 1;
        return *record<Record>(frame, index);
    }
    [[nodiscard]] u8* extend_events(u32) { return nullptr; }
    void note_withdrawal(u64 index, const Address& owner, u64 amount_e6) {
        if (withdrawal_count_ == kWithdrawalsMax) platform_.halt(HaltReason::Capacity);
        withdrawals_[withdrawal_count_++] = {index, amount_e6, owner, 0};
    }
    [[noreturn]] void fail() { platform_.halt(HaltReason::Contradiction); }

    [[nodiscard]] Digest opening_root() {
        ArenaRoots roots;
        for (Arena arena : kUsedArenas) roots[arena] = tree(arena).root;
        return compute_state_root(roots, read<System>(0).books_salt);
    }
    [[nodiscard]] Digest closing_root() {
        ArenaRoots roots;
        for (Arena arena : kUsedArenas) roots[arena] = close_tree(arena);
        return compute_state_root(roots, read<System>(0).books_salt);
    }
    [[nodiscard]] const ListedWithdrawal* withdrawals() const { return withdrawals_; }
    [[nodiscard]] u32 withdrawal_count() const { return withdrawal_count_; }

  private:
    template <class T>
    [[nodiscard]] T* allocate(u32 count) {
        return static_cast<T*>(platform_.allocate(count * static_cast<u32>(sizeof(T))));
    }
    [[nodiscard]] OpenedTree& tree(Arena arena) { return trees_[static_cast<u32>(arena)]; }

    // Arenas of at most 64 pages are found by a plain array, the others by a hash table.
    [[nodiscard]] static constexpr bool is_small(Arena arena) { return shape_of(arena).tree_depth <= 6; }

    // Different for every page of every arena, never 0: only levels need more than 26 bits of index.
    [[nodiscard]] static constexpr u32 key_of(Arena arena, u32 page) {
        return arena == Arena::Level ? 0xE0000000u | page : (static_cast<u32>(arena) << 26) | page;
    }
    [[nodiscard]] static constexpr u32 slot_of_key(u32 key) { return (key * 0x9E3779B1u) >> (32 - kTableLogSlots); }

    template <class Record>
    [[nodiscard]] static Record* record(Frame* frame, u32 index) {
        constexpr u32 log_records = shape_of(Record::kArena).page_log_records;
        return reinterpret_cast<Record*>(frame->bytes) + (index & ((1u << log_records) - 1));
    }

    template <Arena kArena>
    [[nodiscard]] Frame* find_frame(u32 index) {
        constexpr ArenaShape shape = shape_of(kArena);
        u32 page = index >> shape.page_log_records;
        if constexpr (shape.tree_depth < 32) {
            if (page >> shape.tree_depth != 0) platform_.halt(HaltReason::MissingPage);
        }
        if constexpr (is_small(kArena)) {
            Frame* frame = small_[static_cast<u32>(kArena)][page];
            if (!frame) platform_.halt(HaltReason::MissingPage);
            return frame;
        } else {
            u32 key = key_of(kArena, page);
            for (u32 slot = slot_of_key(key);; slot = (slot + 1) & ((1u << kTableLogSlots) - 1)) {
                if (keys_[slot] == key) return slots_[slot];
                if (keys_[slot] == 0) platform_.halt(HaltReason::MissingPage);
            }
        }
    }

    void register_frame(Arena arena, Frame* frame) {
        if (is_small(arena)) {
            small_[static_cast<u32>(arena)][frame->index] = frame;
            return;
        }
        u32 key = key_of(arena, frame->index), slot = slot_of_key(key);
        while (keys_[slot] != 0) slot = (slot + 1) & ((1u << kTableLogSlots) - 1);
        keys_[slot] = key;
        slots_[slot] = frame;
    }

    [[nodiscard]] static u32 page_bytes(Arena arena, const Frame* frame) {
        if (arena == Arena::Account) return reinterpret_cast<const Account*>(frame->bytes)->page_bytes();
        return shape_of(arena).page_bytes();
    }

    // Fields that are used as an index or a divisor without a further check.
    [[nodiscard]] static bool is_page_possible(Arena arena, const Frame* frame) {
        switch (arena) {
            case Arena::Account: {
                auto account = reinterpret_cast<const Account*>(frame->bytes);
                return account->position_count <= kPositionsMax && account->fee_tier < 8;
            }
            case Arena::Signer:
                return reinterpret_cast<const Signer*>(frame->bytes)->count <= kNoncesMax;
            case Arena::Order: {
                auto order = reinterpret_cast<const Order*>(frame->bytes);
                return order->list <= 3 && order->side <= kSell;
            }
            case Arena::MarketConfig: {
                auto config = reinterpret_cast<const MarketConfig*>(frame->bytes);
                return config->tier_count <= kTiersMax;
            }
            case Arena::System:
                return reinterpret_cast<const System*>(frame->bytes)->market_count <= kMarketsMax;
            default:
                return true;
        }
    }

    [[nodiscard]] Frame* read_page(Arena arena) {
        u32 full_bytes = shape_of(arena).page_bytes();
        // Room for a page to grow: an account may get positions.
        Frame* frame = static_cast<Frame*>(platform_.allocate(static_cast<u32>(sizeof(Frame)) + full_bytes));
        frame->index = platform_.hint();
        if (arena == Arena::Account) {
            platform_.read_blocks(frame->bytes, 128 / 16);
            if (!is_page_possible(arena, frame)) platform_.halt(HaltReason::PageForm);
            u32 position_blocks = (page_bytes(arena, frame) - 128) / 16;
            if (position_blocks != 0) platform_.read_blocks(frame->bytes + 128, position_blocks);
        } else {
            platform_.read_blocks(frame->bytes, full_bytes / 16);  // a page is whole blocks
            if (!is_page_possible(arena, frame)) platform_.halt(HaltReason::PageForm);
        }
        return frame;
    }

    // One word says whether the digest is zero; null if so.
    [[nodiscard]] const Digest* read_sibling() {
        u32 is_present = platform_.hint();
        if (is_present == 0) return nullptr;
        if (is_present != 1) platform_.halt(HaltReason::PageForm);
        Digest* digest = allocate<Digest>(1);
        for (u32& word : digest->words) word = platform_.hint();
        return digest;
    }

    void open_tree(Arena arena) {
        OpenedTree& opened = tree(arena);
        u32 depth = shape_of(arena).tree_depth;
        opened.count = platform_.hint();
        page_count_ += opened.count;
        if (opened.count > kPagesMax || page_count_ > kPagesMax) platform_.halt(HaltReason::Capacity);
        if (opened.count == 0) {
            if (const Digest* root = read_sibling()) opened.root = *root;
            return;
        }
        opened.frames = allocate<Frame*>(opened.count);
        opened.leaves = allocate<Digest>(opened.count);
        opened.siblings = allocate<const Digest*>(opened.count * depth + 1);
        Digest* nodes = allocate<Digest>(opened.count);
        u32* indices = allocate<u32>(opened.count);
        for (u32 i = 0; i < opened.count; ++i) {
            Frame* frame = read_page(arena);
            if (frame->index >> depth != 0 || (i != 0 && frame->index <= indices[i - 1])) {
                platform_.halt(HaltReason::PageForm);
            }
            register_frame(arena, frame);
            opened.frames[i] = frame;
            indices[i] = frame->index;
            opened.leaves[i] = hash_page(arena, frame->bytes, page_bytes(arena, frame));
            nodes[i] = opened.leaves[i];
        }
        opened.root = fold_tree(nodes, indices, opened.count, depth, [&] {
            const Digest* sibling = read_sibling();
            opened.siblings[opened.sibling_count++] = sibling;
            return sibling;
        });
    }

    [[nodiscard]] Digest close_tree(Arena arena) {
        OpenedTree& opened = tree(arena);
        bool is_changed = false;
        for (u32 i = 0; i < opened.count; ++i) is_changed = is_changed || opened.frames[i]->is_written != 0;
        if (!is_changed) return opened.root;
        u32* indices = allocate<u32>(opened.count);
        for (u32 i = 0; i < opened.count; ++i) {
            Frame* frame = opened.frames[i];
            indices[i] = frame->index;
            if (frame->is_written != 0) {
                opened.leaves[i] = hash_page(arena, frame->bytes, page_bytes(arena, frame));
            }
        }
        u32 next = 0;
        return fold_tree(opened.leaves, indices, opened.count, shape_of(arena).tree_depth,
                         [&] { return opened.siblings[next++]; });
    }

    Platform& platform_;
    OpenedTree trees_[kArenaIdMax + 1] = {};
    Frame* small_[kArenaIdMax + 1][kSmallArenaPages] = {};
    u32* keys_ = nullptr;
    Frame** slots_ = nullptr;
    u32 page_count_ = 0;
    ListedWithdrawal* withdrawals_ = nullptr;
    u32 withdrawal_count_ = 0;
};

}  // namespace matching::replay
