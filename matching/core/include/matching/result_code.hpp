// Result codes, removal reasons and the small enumerations of commands and events (rules 4.3, 5).
#pragma once

#include "matching/types.hpp"

namespace matching {

enum class Code : u16 {
    Ok = 0,
    Malformed = 1,
    SequenceGap = 2,
    SequenceExhausted = 3,
    BatchNotOpen = 4,
    BatchState = 5,
    TimeInvalid = 6,
    PriorityOrder = 7,
    AccountUnknown = 10,
    SignerUnknown = 11,
    SignerExpired = 12,
    SignerNotAllowed = 13,
    NonceOutOfWindow = 14,
    NonceUsed = 15,
    NonceTooOld = 16,
    AccountWorkPending = 17,
    AccountInLiquidation = 18,
    RequestExpired = 19,
    AccountsFull = 20,
    AgentInvalid = 21,
    MarketUnknown = 30,
    MarketHalted = 31,
    MarketReduceOnly = 32,
    IndexStale = 33,
    MarketWorkPending = 34,
    SideOrKindInvalid = 35,
    PriceInvalid = 36,
    PriceOutOfBand = 37,
    SizeInvalid = 38,
    NotionalTooSmall = 39,
    ExpiryInvalid = 40,
    FeeAboveMax = 41,
    ReduceOnlyIncreases = 42,
    PositionLimit = 43,
    AccountOrdersFull = 46,
    OrdersFull = 47,
    OiCap = 48,
    PositionsFull = 49,
    NotFound = 60,
    AlreadyClosed = 61,
    PostOnlyWouldCross = 71,
    NoLiquidity = 73,
    InsufficientMargin = 74,
    StoppedMargin = 75,
    StoppedOiCap = 76,
    StoppedFillLimit = 77,
    StoppedSelfTrade = 78,
    StoppedPositionLimit = 79,
    StoppedReduceOnly = 80,
    AmountInvalid = 90,
    WithdrawTooLarge = 91,
    MoneyLimit = 92,
    NotLiquidatable = 100,
    NotInLiquidation = 101,
    Cleared = 102,
    BackstopShort = 103,
    NothingDue = 107,
    AlreadyInLiquidation = 108,
    OracleQuorum = 110,
    OracleSignerOrder = 111,
    OracleReportAge = 112,
    FeeOrMarketConfig = 113,
    Filled = 120,
    Cancelled = 121,
    Expired = 122,
    DeadMan = 123,
    Watermark = 124,
    SelfTrade = 125,
    MakerMargin = 126,
    MakerReduceOnly = 127,
    MakerLimit = 128,
    IocRest = 131,
};

enum class CommandKind : u16 {
    PlaceOrders = 1,
    CancelOrders = 2,
    CancelAll = 4,
    ApproveAgent = 8,
    Withdraw = 11,
    Deposit = 20,
    BatchOpen = 30,
    ClockTick = 31,
    OracleRound = 32,
    MarketWork = 33,
    AccountWork = 34,
    ExpireOrders = 35,
    LiquidationCheck = 36,
    LiquidationStep = 37,
    InsuranceOrder = 40,
    BatchClose = 42,
    CreateMarket = 50,
    UpdateMarket = 51,
    SetMarketStatus = 52,
    SetOracleSigners = 53,
    FundInsurance = 55,
};

enum class EventKind : u16 {
    CommandDone = 1,
    OrderAccepted = 2,
    OrderRefused = 3,
    Trade = 4,
    OrderRemoved = 5,
    OrderReduced = 6,
    FundingSettled = 7,
    FundingRate = 8,
    MarkChanged = 9,
    MoneyMoved = 10,
    LiquidationState = 11,
    WorkDone = 14,
};

enum Side : u8 { kBuy = 0, kSell = 1 };
enum LegKind : u8 { kLimit = 0, kMarket = 1, kTakeLimit = 5 };
enum TimeInForce : u8 { kGtc = 0, kIoc = 1, kFok = 2, kPostOnly = 3 };
enum SelfTradeRule : u8 { kCancelMaker = 0, kCancelTaker = 1, kCancelBoth = 2, kDecrement = 3 };
enum OrderFlag : u8 { kReduceOnly = 1 };
enum SignerFlag : u32 { kSignerOwner = 1 };
enum MarketStatus : u8 { kAbsent = 0, kActive = 1, kReduceOnlyMarket = 2, kHalted = 3, kSettled = 4 };
enum MoneyReason : u32 { kMoneyDeposit = 0, kMoneyWithdraw = 1, kMoneyFees = 5, kMoneyInsurance = 6 };
enum LiquidationStepName : u16 { kEntered = 0, kCleared = 1, kMarketStep = 2, kBackstop = 3 };
enum Work : u32 { kWorkMarket = 33, kWorkAccount = 34, kWorkExpire = 35 };

}  // namespace matching
