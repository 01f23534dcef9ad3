// The prices at which a market takes orders (rules 4.4: 36, 37).
#pragma once

#include "matching/market.hpp"

namespace matching {

// Lowest and highest price in ticks that an order of one side may have.
struct PriceRange {
    u32 low_ticks;
    u32 high_ticks;
};

[[nodiscard]] inline u32 ticks_floor(u64 fine) { return static_cast<u32>(fine >> 8); }
[[nodiscard]] inline u32 ticks_ceil(u64 fine) { return static_cast<u32>((fine + 255) >> 8); }

[[nodiscard]] inline PriceRange compute_price_range(const MarketConfig& config, u32 mark_fine, u8 side) {
    u64 aggressive = ppm_floor(mark_fine, config.band_ppm), passive = ppm_floor(mark_fine, config.passive_band_ppm);
    u64 below = side == kBuy ? passive : aggressive, above = side == kBuy ? aggressive : passive;
    return {ticks_ceil(mark_fine - below), ticks_floor(mark_fine + above)};
}

[[nodiscard]] inline u32 nearest_in_range(const MarketConfig& config, PriceRange range, u32 price_ticks) {
    u32 low = clamp<u32>(range.low_ticks, 1, config.price_ticks_max);
    u32 high = clamp<u32>(range.high_ticks, 1, config.price_ticks_max);
    return clamp(price_ticks, low, max(low, high));
}

}  // namespace matching
