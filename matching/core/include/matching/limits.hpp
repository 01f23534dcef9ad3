// Bounds and capacities (rules 2 and 18).
#pragma once

#include "matching/types.hpp"

namespace matching {

inline constexpr u32 kMarketsMax = 62;
inline constexpr u32 kPositionsMax = 62;
inline constexpr u32 kMastersMax = 1u << 23;
inline constexpr u32 kAccountsMax = 1u << 24;
inline constexpr u32 kOrdersMax = 1u << 21;
inline constexpr u32 kSlotBits = 21;
inline constexpr u32 kOrdersPerAccountMax = 1000;
inline constexpr u32 kFreeOrdersMax = 128;
inline constexpr u32 kSignersPerMaster = 8;
inline constexpr u32 kNoncesMax = 56;
inline constexpr u32 kOracleSignersMax = 16;
inline constexpr u32 kLegsMax = 64;
inline constexpr u32 kExpiriesMax = 16;
inline constexpr u32 kTiersMax = 4;
inline constexpr u32 kImpactLevelsMax = 64;
inline constexpr u32 kCommandBytesMax = 8192;  // above every well-formed command; longer bytes halt (1)

inline constexpr u32 kMatchStepsMax = 4096;
inline constexpr u32 kLiquidationStepsMax = 256;
inline constexpr u32 kAccountWorkMax = 64;
inline constexpr u32 kAccountVisitsMax = 1000;
inline constexpr u64 kBatchCommandsMax = 65536;
inline constexpr u64 kBatchTimeMaxMs = 30'000;

inline constexpr u64 kMsPerMinute = 60'000;
inline constexpr u64 kMsPerHour = 3'600'000;
inline constexpr u64 kMsPerDay = 86'400'000;
inline constexpr u64 kTimeMax = u64{1} << 48;
inline constexpr u64 kSequenceMax = u64{1} << 43;
inline constexpr u64 kOwnerExpiry = kTimeMax - 1;
inline constexpr u64 kNoncePastMs = 172'800'000;
inline constexpr u64 kNonceFutureMs = 86'400'000;
inline constexpr u64 kOrderLifeMaxMs = 90 * kMsPerDay;
inline constexpr u64 kAgentLifeMaxMs = 180 * kMsPerDay;
inline constexpr u64 kOracleReportAgeMs = 5'000;
inline constexpr u64 kLiquidationMarketMs = 60'000;

inline constexpr u32 kPriceTicksLimit = 1u << 24;
inline constexpr i64 kMoneyMax = i64{1} << 57;
inline constexpr u64 kDepositsTotalMax = u64{1} << 56;
inline constexpr u64 kNotionalMax = u64{1} << 56;
inline constexpr u64 kSizeValueMax = u64{1} << 32;  // K * position_lots_max
inline constexpr u64 kOpenInterestMax = u64{1} << 36;
inline constexpr i64 kFundingIndexMax = i64{1} << 62;
inline constexpr u32 kFundingRateMaxPpb = 40'000'000;
inline constexpr i64 kPremiumMaxPpb = 100'000'000;
inline constexpr u64 kImpactNotionalMax = u64{1} << 48;
inline constexpr u32 kPpm = 1'000'000;
inline constexpr u64 kFreeOrderHold_e6 = 1'000'000;

// Account 0 is the insurance fund, account 1 the fee collector.
inline constexpr u32 kFundAccount = 0;
inline constexpr u32 kFeeAccount = 1;
inline constexpr u8 kNoWatermark = 0xFE;
inline constexpr u8 kAllMarkets = 0xFF;
inline constexpr u16 kCrossScope = 0xFFFF;

}  // namespace matching
