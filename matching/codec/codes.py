"""Numbers that appear in bytes: command kinds, event kinds, result codes and the enumerations of a leg (rules 4 and 5)."""

from __future__ import annotations

from enum import IntEnum


class CommandKind(IntEnum):
    """Kinds of commands (rules 4.1). 1..11 are signed by a user, 20..22 and 50..55 come from the L1 queue."""

    PLACE_ORDERS = 1
    CANCEL_ORDERS = 2
    MODIFY_ORDERS = 3
    CANCEL_ALL = 4
    SCHEDULE_CANCEL = 5
    SET_LEVERAGE = 6
    ADJUST_ISOLATED_MARGIN = 7
    APPROVE_AGENT = 8
    CREATE_SUB_ACCOUNT = 9
    TRANSFER = 10
    WITHDRAW = 11
    DEPOSIT = 20
    FORCED_WITHDRAW = 21
    FORCED_CLOSE = 22
    BATCH_OPEN = 30
    CLOCK_TICK = 31
    ORACLE_ROUND = 32
    MARKET_WORK = 33
    ACCOUNT_WORK = 34
    EXPIRE_ORDERS = 35
    LIQUIDATION_CHECK = 36
    LIQUIDATION_STEP = 37
    ADL_PLAN = 38
    ADL_STEP = 39
    INSURANCE_ORDER = 40
    SETTLE_POSITION = 41
    BATCH_CLOSE = 42
    CREATE_MARKET = 50
    UPDATE_MARKET = 51
    SET_MARKET_STATUS = 52
    SET_ORACLE_SIGNERS = 53
    SET_FEE_TIERS = 54
    FUND_INSURANCE = 55


SIGNED_KINDS = frozenset({*(CommandKind(kind) for kind in range(1, 12)), CommandKind.INSURANCE_ORDER})
L1_KINDS = frozenset(kind for kind in CommandKind if 20 <= kind <= 22 or kind >= 50)
# What the engine executes today; the others are refused with MALFORMED and keep their numbers.
RELEASED_KINDS = frozenset(
    CommandKind(kind) for kind in (1, 2, 4, 8, 11, 20, 30, 31, 32, 33, 34, 35, 36, 37, 40, 42, 50, 51, 52, 53, 55)
)


class EventKind(IntEnum):
    """Kinds of events (rules 5)."""

    COMMAND_DONE = 1
    ORDER_ACCEPTED = 2
    ORDER_REFUSED = 3
    TRADE = 4
    ORDER_REMOVED = 5
    ORDER_REDUCED = 6
    FUNDING_SETTLED = 7
    FUNDING_RATE = 8
    MARK_CHANGED = 9
    MONEY_MOVED = 10
    LIQUIDATION_STATE = 11
    ADL = 12
    TRIGGER_FIRED = 13
    WORK_DONE = 14


class ResultCode(IntEnum):
    """Result codes (rules 4.3) and removal reasons (rules 5)."""

    OK = 0
    MALFORMED = 1
    SEQUENCE_GAP = 2
    SEQUENCE_EXHAUSTED = 3
    BATCH_NOT_OPEN = 4
    BATCH_STATE = 5
    TIME_INVALID = 6
    PRIORITY_ORDER = 7
    ACCOUNT_UNKNOWN = 10
    SIGNER_UNKNOWN = 11
    SIGNER_EXPIRED = 12
    SIGNER_NOT_ALLOWED = 13
    NONCE_OUT_OF_WINDOW = 14
    NONCE_USED = 15
    NONCE_TOO_OLD = 16
    ACCOUNT_WORK_PENDING = 17
    ACCOUNT_IN_LIQUIDATION = 18
    REQUEST_EXPIRED = 19
    ACCOUNTS_FULL = 20
    AGENT_INVALID = 21
    MARKET_UNKNOWN = 30
    MARKET_HALTED = 31
    MARKET_REDUCE_ONLY = 32
    INDEX_STALE = 33
    MARKET_WORK_PENDING = 34
    SIDE_OR_KIND_INVALID = 35
    PRICE_INVALID = 36
    PRICE_OUT_OF_BAND = 37
    SIZE_INVALID = 38
    NOTIONAL_TOO_SMALL = 39
    EXPIRY_INVALID = 40
    FEE_ABOVE_MAX = 41
    REDUCE_ONLY_INCREASES = 42
    POSITION_LIMIT = 43
    ACCOUNT_ORDERS_FULL = 46
    ORDERS_FULL = 47
    OI_CAP = 48
    POSITIONS_FULL = 49
    NOT_FOUND = 60
    ALREADY_CLOSED = 61
    MODIFY_MISMATCH = 62
    TRIGGER_ALREADY_MET = 70
    POST_ONLY_WOULD_CROSS = 71
    FOK_NOT_FILLABLE = 72
    NO_LIQUIDITY = 73
    INSUFFICIENT_MARGIN = 74
    STOPPED_MARGIN = 75
    STOPPED_OI_CAP = 76
    STOPPED_FILL_LIMIT = 77
    STOPPED_SELF_TRADE = 78
    STOPPED_POSITION_LIMIT = 79
    STOPPED_REDUCE_ONLY = 80
    AMOUNT_INVALID = 90
    WITHDRAW_TOO_LARGE = 91
    MONEY_LIMIT = 92
    POSITION_OPEN = 93
    LEVERAGE_INVALID = 94
    NOT_LIQUIDATABLE = 100
    NOT_IN_LIQUIDATION = 101
    CLEARED = 102
    BACKSTOP_SHORT = 103
    NOT_BANKRUPT = 104
    PLAN_MISSING = 105
    PLAN_EXHAUSTED = 106
    NOTHING_DUE = 107
    ALREADY_IN_LIQUIDATION = 108
    ORACLE_QUORUM = 110
    ORACLE_SIGNER_ORDER = 111
    ORACLE_REPORT_AGE = 112
    FEE_OR_MARKET_CONFIG = 113
    NOT_SETTLED = 114
    FILLED = 120
    CANCELLED = 121
    EXPIRED = 122
    DEAD_MAN = 123
    WATERMARK = 124
    SELF_TRADE = 125
    MAKER_MARGIN = 126
    MAKER_REDUCE_ONLY = 127
    MAKER_LIMIT = 128
    LIQUIDATED = 129
    MARKET_SETTLED = 130
    IOC_REST = 131


class Side(IntEnum):
    """Side of an order."""

    BUY = 0
    SELL = 1


class OrderKind(IntEnum):
    """Kind of a leg (rules 4.2); 2..5 are triggers."""

    LIMIT = 0
    MARKET = 1
    STOP_MARKET = 2
    STOP_LIMIT = 3
    TAKE_MARKET = 4
    TAKE_LIMIT = 5


class TimeInForce(IntEnum):
    """Time in force of a leg (rules 4.2); an expiry makes GTC a GTT."""

    GTC = 0
    IOC = 1
    FOK = 2
    POST_ONLY = 3


class SelfTradePrevention(IntEnum):
    """What happens when taker and maker have the same master account (rules 8.3 b)."""

    CANCEL_MAKER = 0
    CANCEL_TAKER = 1
    CANCEL_BOTH = 2
    DECREMENT = 3


class MarketStatus(IntEnum):
    """Status of a market (rules 3.3)."""

    ABSENT = 0
    ACTIVE = 1
    REDUCE_ONLY = 2
    HALTED = 3
    SETTLED = 4


class MoneyReason(IntEnum):
    """Reason field of MoneyMoved (rules 5)."""

    DEPOSIT = 0
    WITHDRAW = 1
    TRANSFER = 2
    ISOLATED = 3
    SETTLE = 4
    FEES = 5
    INSURANCE = 6


class LiquidationEventStep(IntEnum):
    """Step field of LiquidationState (rules 5)."""

    ENTERED = 0
    CLEARED = 1
    MARKET = 2
    BACKSTOP = 3
    ADL = 4


class Arena(IntEnum):
    """Arenas of the state (rules 3.1)."""

    ACCOUNT = 1
    VOLUME_RING = 2
    SIGNER = 3
    ORDER = 4
    LEVEL = 5
    TRIE = 6
    BOOK_HEAD = 7
    ADL_PLAN = 9
    MARKET_CONFIG = 10
    MARKET_STATE = 11
    SYSTEM = 12


SCOPE_CROSS = 0xFFFF  # liquidation scope: collateral plus all cross positions
MARKET_ALL = 0xFFFF  # CancelAll of every market
CANCEL_MARKET_ALL = 0xFF  # account header: the watermark covers every market
CANCEL_MARKET_NONE = 0xFE  # account header: no watermark
FLAG_REDUCE_ONLY = 1  # leg and order flags
SIGNER_OWNER = 1  # signer flags
SIGNER_COMPATIBLE = 2
