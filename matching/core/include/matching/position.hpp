// Applying a quantity to a position (rules 7): no rounding in a trade, results are booked when the position is flat.
#pragma once

#include "matching/account.hpp"
#include "matching/fixed_point.hpp"

namespace matching {

// Size, cost and wallet of a position before or after a fill.
struct Holding {
    i64 size_lots;
    i64 cost_e6;
    i64 wallet_e6;
};

// The part of `quote` that closes `size` lots when `quantity` lots (more than size, opposite sign) are applied.
[[nodiscard]] inline i64 compute_closing_quote(i64 size_lots, i64 quantity_lots, i64 quote_e6) {
    u64 share = divide(multiply_wide(magnitude(quote_e6), magnitude(size_lots)), u128{magnitude(quantity_lots)}).lo;
    return quote_e6 < 0 ? -static_cast<i64>(share) : static_cast<i64>(share);
}

// quantity and quote signed alike: a buy adds lots and pays.
[[nodiscard]] inline Holding apply_quantity(Holding before, i64 quantity_lots, i64 quote_e6) {
    Holding after = before;
    i64 size = before.size_lots;
    bool is_flip = size != 0 && (size < 0) != (quantity_lots < 0) && magnitude(quantity_lots) > magnitude(size);
    after.size_lots = size + quantity_lots;
    if (is_flip) {
        i64 closing = compute_closing_quote(size, quantity_lots, quote_e6);
        after.wallet_e6 -= before.cost_e6 + closing;
        after.cost_e6 = quote_e6 - closing;
    } else {
        after.cost_e6 += quote_e6;
        if (after.size_lots == 0) {
            after.wallet_e6 -= after.cost_e6;
            after.cost_e6 = 0;
        }
    }
    return after;
}

[[nodiscard]] inline bool does_grow(i64 before_lots, i64 after_lots) {
    bool flips = before_lots != 0 && after_lots != 0 && (before_lots < 0) != (after_lots < 0);
    return flips || magnitude(after_lots) > magnitude(before_lots);
}

[[nodiscard]] inline i64 long_part(i64 size_lots) { return size_lots > 0 ? size_lots : 0; }

// Lots that an order of this side can take off the position.
[[nodiscard]] inline u64 reducible_lots(i64 size_lots, u8 side) {
    if (side == kBuy) return size_lots < 0 ? magnitude(size_lots) : 0;
    return size_lots > 0 ? magnitude(size_lots) : 0;
}

}  // namespace matching
