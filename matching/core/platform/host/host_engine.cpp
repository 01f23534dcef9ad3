#include "host_engine.hpp"

#include <cstring>
#include <stdexcept>

namespace matching::host {
namespace {

constexpr char kSnapshotMagic[8] = {'b', 'b', 's', 'n', 'a', 'p', '0', '1'};

struct SnapshotPage {
    u32 arena;
    u32 index;
    u32 length;
    u32 zero;
};

std::string to_hex(const Digest& digest) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (size_t i = 0; i < sizeof(digest); ++i) {
        u8 byte = reinterpret_cast<const u8*>(&digest)[i];
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

}  // namespace

HostEngine::HostEngine(const GenesisTerms& terms) { create_genesis(live_, terms); }

HostEngine::HostEngine(const std::string& snapshot) {
    auto refuse = [](const char* why) { throw std::invalid_argument(std::string("snapshot: ") + why); };
    if (snapshot.size() < sizeof(kSnapshotMagic) ||
        std::memcmp(snapshot.data(), kSnapshotMagic, sizeof(kSnapshotMagic)) != 0) {
        refuse("not one of this format");
    }
    Digest expected;
    if (snapshot.size() - sizeof(kSnapshotMagic) < sizeof(expected)) refuse("cut off");
    std::memcpy(&expected, snapshot.data() + sizeof(kSnapshotMagic), sizeof(expected));
    for (size_t at = sizeof(kSnapshotMagic) + sizeof(expected); at < snapshot.size();) {
        SnapshotPage page;
        if (snapshot.size() - at < sizeof(page)) refuse("cut off");
        std::memcpy(&page, snapshot.data() + at, sizeof(page));
        at += sizeof(page);
        bool is_used = false;
        for (Arena arena : kUsedArenas) is_used = is_used || static_cast<u32>(arena) == page.arena;
        if (!is_used) refuse("unknown arena");
        ArenaShape shape = shape_of(static_cast<Arena>(page.arena));
        if (page.index >> shape.tree_depth != 0 || page.length > shape.page_bytes() ||
            page.length > snapshot.size() - at) {
            refuse("page out of range");
        }
        std::memcpy(live_.page(static_cast<Arena>(page.arena), page.index), snapshot.data() + at, page.length);
        bool is_whole = live_.page_bytes(static_cast<Arena>(page.arena), page.index) == page.length;
        if (page.zero != 0 || !is_whole) refuse("page of another length");
        live_.dirty(static_cast<Arena>(page.arena)).add(page.index);
        at += page.length;
    }
    Digest found = state_root();
    if (!(found == expected)) refuse(("damaged: its pages have the root " + to_hex(found)).c_str());
}

template <bool kWithChain>
Result HostEngine::run(const Command& command) {
    if (is_recording_) {
        RecordingState recording(live_, recorder_);
        return apply_command<kWithChain>(recording, command);
    }
    return apply_command<kWithChain>(live_, command);
}

Result HostEngine::apply(const u8* bytes, size_t size) {
    if (size > UINT32_MAX) return {Code::Malformed, true};
    if (reinterpret_cast<uintptr_t>(bytes) % kAlignment != 0) {
        aligned_.resize((size + 7) / 8);
        std::memcpy(aligned_.data(), bytes, size);
        bytes = reinterpret_cast<const u8*>(aligned_.data());
    }
    Command command{};
    if (!parse_command(bytes, static_cast<u32>(size), command)) return {Code::Malformed, true};
    return run<true>(command);
}

Result HostEngine::apply_unchained(const u8* bytes, u32 size) {
    Command command{};
    if (!parse_command(bytes, size, command)) return {Code::Malformed, true};
    return run<false>(command);
}

std::vector<PriceLevel> HostEngine::levels(u16 market, u8 list, u32 depth) {
    std::vector<PriceLevel> levels;
    if (market >= kMarketsMax || list > 3) return levels;
    u32 side_no = side_number(market, list), price = live_.read<BookHead>(market).best[list];
    while (price != 0 && levels.size() < depth) {
        levels.push_back({price, live_.read<Level>(level_index(side_no, price)).lots});
        price = next_worse_price(live_, side_no, price, prefers_high(list));
    }
    return levels;
}

std::vector<Order> HostEngine::open_orders(u32 account) {
    std::vector<Order> orders;
    if (account >= kAccountsMax) return orders;
    for (u32 link = live_.read<Account>(account).orders_head; link != 0;) {
        const Order& order = live_.read<Order>(link - 1);
        orders.push_back(order);
        link = order.account_next;
    }
    return orders;
}

void HostEngine::start_recording() {
    opening_root_ = state_root();
    recorder_.start();
    trees_.start_journal();
    is_recording_ = true;
}

Witness HostEngine::take_witness() {
    if (!is_recording_) throw std::logic_error("no recording is running");
    Witness witness;
    witness.opening_root = opening_root_;
    witness.closing_root = state_root();
    trees_.rewind();
    witness.words = recorder_.encode_witness(trees_);
    trees_.replay();
    trees_.stop_journal();
    is_recording_ = false;
    return witness;
}

std::string HostEngine::snapshot() {
    Digest root = state_root();  // every written page is known afterwards
    std::string out(kSnapshotMagic, sizeof(kSnapshotMagic));
    out.append(reinterpret_cast<const char*>(&root), sizeof(root));
    for (Arena arena : kUsedArenas) {
        PageSet& known = trees_.known_pages(arena);
        known.sort();
        for (u32 index : known) {
            SnapshotPage page{static_cast<u32>(arena), index, live_.page_bytes(arena, index), 0};
            const u8* bytes = live_.page(arena, index);
            if (hash_page(arena, bytes, page.length).is_zero()) continue;
            out.append(reinterpret_cast<const char*>(&page), sizeof(page));
            out.append(reinterpret_cast<const char*>(bytes), page.length);
        }
    }
    return out;
}

}  // namespace matching::host
