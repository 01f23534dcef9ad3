// The pure rules as Python functions, so that the worked numbers of rules 20 can be tested one by one.
#include "arithmetic.hpp"

#include <cstring>
#include <tuple>

#include "matching/engine.hpp"

namespace nb = nanobind;

namespace matching::bindings {
namespace {

template <class Record>
Record to_record(const nb::bytes& data) {
    if (data.size() != sizeof(Record)) throw nb::value_error("a record of another length");
    Record record;
    std::memcpy(&record, data.c_str(), sizeof(Record));
    return record;
}

template <class Record>
nb::bytes to_bytes(const Record& record) {
    return nb::bytes(reinterpret_cast<const char*>(&record), sizeof(Record));
}

u64 initial_margin(const nb::bytes& config, u64 notional_e6, u8 leverage) {
    return compute_initial_margin(to_record<MarketConfig>(config), notional_e6, leverage);
}

u64 maintenance_margin(const nb::bytes& config, u64 notional_e6) {
    return compute_maintenance_margin(to_record<MarketConfig>(config), notional_e6);
}

std::tuple<i64, i64, i64> apply_to_holding(i64 size, i64 cost, i64 wallet, i64 quantity, i64 quote) {
    Holding after = apply_quantity({size, cost, wallet}, quantity, quote);
    return {after.size_lots, after.cost_e6, after.wallet_e6};
}

nb::bytes move_mark(const nb::bytes& state, const nb::bytes& config, u64 bid_fine, u64 ask_fine, u64 elapsed_ms) {
    MarketState moved = to_record<MarketState>(state);
    ImpactPrice bid{bid_fine != 0, bid_fine}, ask{ask_fine != 0, ask_fine};
    update_basis(moved, to_record<MarketConfig>(config), bid, ask, elapsed_ms);
    return to_bytes(moved);
}

std::tuple<u64, u32> zero_price(const nb::bytes& config, u32 mark_fine, i64 size, u64 position_mm, u64 equity,
                                u64 maintenance) {
    ZeroPrice zero =
        compute_zero_price(to_record<MarketConfig>(config), mark_fine, size, position_mm, equity, maintenance);
    return {zero.fine, zero.ticks};
}

u64 rest_loss(const nb::bytes& config, u32 mark_fine, u8 side, u32 price_ticks, u64 lots) {
    Leg leg{};
    leg.side = side;
    leg.price_ticks = price_ticks;
    return compute_rest_loss(to_record<MarketConfig>(config), mark_fine, leg, lots);
}

i64 funding_owed(i64 size, i64 position_index, i64 market_index) {
    Position position{};
    position.size_lots = size;
    position.funding_index = position_index;
    return compute_funding_owed(position, market_index);
}

nb::bytes record_nonce(const nb::bytes& signer, u64 nonce, u64 now_ms, u16 expected_code) {
    Signer changed = to_record<Signer>(signer);
    Code code = use_nonce(changed, nonce, now_ms);
    if (static_cast<u16>(code) != expected_code) throw nb::value_error("another result code");
    return to_bytes(changed);
}

// (native or chosen, portable) of the 128-bit operations: they must agree.
std::tuple<u64, u64, u64, u64> multiply_both(u64 a, u64 b) {
    u128 chosen = multiply_wide(a, b), portable = multiply_wide_portable(a, b);
    return {chosen.lo, chosen.hi, portable.lo, portable.hi};
}

std::tuple<u64, u64, u64, u64> divide_both(u64 lo, u64 hi, u64 divisor_lo, u64 divisor_hi) {
    u128 a{lo, hi}, divisor{divisor_lo, divisor_hi};
    u128 chosen = divide(a, divisor), portable = divide_portable(a, divisor);
    return {chosen.lo, chosen.hi, portable.lo, portable.hi};
}

std::tuple<u64, u64> divide_by_short(u64 lo, u64 hi, u32 divisor) {
    u128 quotient = divide_short_portable({lo, hi}, divisor);
    return {quotient.lo, quotient.hi};
}

}  // namespace

void bind_arithmetic(nb::module_& module) {
    module.def("position_value", &position_value_floor);
    module.def("notional", &notional_ceil);
    module.def("initial_margin", &initial_margin);
    module.def("maintenance_margin", &maintenance_margin);
    module.def("worst_lots", nb::overload_cast<i64, u64, u64>(&compute_worst_lots));
    module.def("taker_fee", &compute_taker_fee);
    module.def("maker_fee", &compute_maker_fee);
    module.def("apply_quantity", &apply_to_holding);
    module.def("move_mark", &move_mark);
    module.def("clamp_step", [](u32 index, u32 price, u32 step, u64 elapsed) {
        return clamp_step(index, price, step, elapsed).price_fine;
    });
    module.def("lower_median", [](std::vector<u32> values) {
        return compute_lower_median(values.data(), static_cast<u32>(values.size()));
    });
    module.def("premium", &compute_premium_ppb);
    module.def("hour_rate", [](const nb::bytes& config, i64 premium_sum) {
        return compute_hour_rate(to_record<MarketConfig>(config), premium_sum);
    });
    module.def("minute_step", &compute_minute_step);
    module.def("funding_owed", &funding_owed);
    module.def("rest_loss", &rest_loss);
    module.def("zero_price", &zero_price);
    module.def("chunk_lots", [](const nb::bytes& config, u32 mark_fine, u64 size) {
        return compute_chunk_lots(to_record<MarketConfig>(config), mark_fine, size);
    });
    module.def("order_id", &order_id_of);
    module.def("use_nonce", &record_nonce);
    module.def("multiply_both", &multiply_both);
    module.def("divide_both", &divide_both);
    module.def("divide_by_short", &divide_by_short);
}

}  // namespace matching::bindings
