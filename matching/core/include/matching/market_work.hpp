// MarketWork: the hour's rate and fee split, then the minute's funding (rules 11, 13, 14).
#pragma once

#include "matching/funding.hpp"

namespace matching {

template <class Access>
void credit_collateral(Context<Access>& context, u32 account_id, i64 amount_e6, MoneyReason reason) {
    if (amount_e6 == 0) return;
    Account& account = context.state.template write<Account>(account_id);
    account.collateral_e6 += amount_e6;
    context.emit(MoneyMoved{account_id, reason, amount_e6, account.collateral_e6});
}

// The fund's share first, the rest to the fee collector.
template <class Access>
void split_fees(Context<Access>& context, MarketState& state) {
    i64 fees = state.fees_e6;
    i64 share = static_cast<i64>(ppm_floor(static_cast<u64>(fees), context.system.insurance_share_ppm));
    state.fees_e6 = 0;
    credit_collateral(context, kFundAccount, share, kMoneyInsurance);
    credit_collateral(context, kFeeAccount, fees - share, kMoneyFees);
}

template <class Access>
void work_hour(Context<Access>& context, MarketState& state, const MarketConfig& config) {
    state.last_rate_ppb = state.index_fine == 0 ? 0 : compute_hour_rate(config, state.premium_sum_ppb);
    state.premium_sum_ppb = 0;
    state.funded_hour = static_cast<u32>(divide_u64(context.now_ms, kMsPerHour));
    split_fees(context, state);
}

template <class Access>
Code market_work(Context<Access>& context) {
    u16 market = context.command.template body_as<MarketBody>().market;
    if (market >= context.system.market_count) return Code::MarketUnknown;
    if (!has_debt(context.state.template read<MarketState>(market), context.now_ms)) return Code::NothingDue;
    const MarketConfig& config = context.state.template read<MarketConfig>(market);
    MarketState& state = context.state.template write<MarketState>(market);
    u32 done = 0;
    if (is_hour_due(state, context.now_ms)) {
        work_hour(context, state, config);
        done += 1;
    }
    if (is_minute_due(state, context.now_ms)) {
        work_minute(context, market, state, config);
        done += 1;
    }
    context.emit(WorkDone{kWorkMarket, done, 0, 0});
    return Code::Ok;
}

}  // namespace matching
