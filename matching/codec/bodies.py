"""Command bodies (rules 4.1) and their legs and items (rules 4.2, 4.4).

A body holds its fields in the order of the text, without gaps, zero-padded to a multiple of 8 bytes.
"""

# ruff: noqa: RUF009  (array and nested return dataclass fields)
from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import ClassVar, Self

from matching.codec.codes import CommandKind
from matching.codec.layout import Structure, array, i64, nested, raw, u8, u16, u32, u64
from matching.codec.records import FeeTier
from matching.errors import CodecError, CodecReason

ITEMS_MAX = 64  # legs, cancels, modifies per command
REPORTS_MAX = 16  # oracle signers
SLOTS_MAX = 16  # slots named by ExpireOrders
PLAN_ENTRIES_MAX = 64


@dataclass(slots=True)
class CommandBody(Structure):
    """Base of command bodies."""

    KIND: ClassVar[CommandKind]

    @classmethod
    def _check_enum(cls, name: str, value: int, allowed: int) -> None:
        if value > allowed:
            raise CodecError(CodecReason.ENUM, f"{cls.__name__}.{name}: expected at most {allowed}, found {value}")


@dataclass(slots=True)
class ListBody(CommandBody):
    """Base of bodies that are `count u32, zero u32, items`; subclasses hold the items in their only field."""

    ITEM: ClassVar[type[Structure]]
    COUNT_MIN: ClassVar[int] = 1
    COUNT_MAX: ClassVar[int] = ITEMS_MAX

    def _items(self) -> list[Structure]:
        raise NotImplementedError

    def encode(self) -> bytes:
        items = self._items()
        self._check_count(len(items))
        return struct.pack("<II", len(items), 0) + b"".join(item.encode() for item in items)

    @classmethod
    def _check_count(cls, count: int) -> None:
        if not cls.COUNT_MIN <= count <= cls.COUNT_MAX:
            raise CodecError(
                CodecReason.COUNT, f"{cls.__name__}: expected {cls.COUNT_MIN}..{cls.COUNT_MAX} items, found {count}"
            )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < 8:
            raise CodecError(CodecReason.LENGTH, f"{cls.__name__}: expected at least 8 bytes, found {len(data)}")
        count, zero = struct.unpack_from("<II", data)
        cls._check_count(count)
        if len(data) != 8 + count * cls.ITEM.SIZE:
            raise CodecError(
                CodecReason.LENGTH,
                f"{cls.__name__}: expected {8 + count * cls.ITEM.SIZE} bytes, found {len(data)}",
            )
        if zero:
            raise CodecError(CodecReason.PADDING, f"{cls.__name__}: a reserved byte is not zero")
        items = [cls.ITEM.decode(data[i : i + cls.ITEM.SIZE]) for i in range(8, len(data), cls.ITEM.SIZE)]
        return cls(items)  # type: ignore[call-arg]


@dataclass(slots=True)
class Leg(Structure):
    """One order of a request (rules 4.2). Side and combinations are judged by the engine (35 and on)."""

    SIZE: ClassVar[int] = 56
    market: int = u16(0)
    side: int = u8(2)
    kind: int = u8(3)
    tif: int = u8(4)
    stp: int = u8(5)
    flags: int = u8(6)
    price_ticks: int = u32(8)
    trigger_ticks: int = u32(12)
    size_lots: int = u64(16)
    expiry_ms: int = u64(24)
    client_id: bytes = raw(32, 16)
    fee_max_ppm: int = u16(48)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        value = super(Leg, cls).decode(data)
        for name, allowed in (("kind", 5), ("tif", 3), ("stp", 3), ("flags", 1)):
            if getattr(value, name) > allowed:
                found = getattr(value, name)
                raise CodecError(CodecReason.ENUM, f"Leg.{name}: expected at most {allowed}, found {found}")
        return value


@dataclass(slots=True)
class _OrderName(Structure):
    """How a cancel or modify names an order: by id (`id` as a little-endian integer) or by client id."""

    market: int = u16(0)
    by_client: int = u8(2)
    hint: int = u32(4)
    id: bytes = raw(8, 16)

    @property
    def order_id(self) -> int:
        return int.from_bytes(self.id, "little")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        value = super(_OrderName, cls).decode(data)
        if value.by_client > 1:
            raise CodecError(CodecReason.ENUM, f"{cls.__name__}.by_client: expected at most 1, found {value.by_client}")
        return value


@dataclass(slots=True)
class CancelItem(_OrderName):
    """One cancel of a bulk cancel."""

    SIZE: ClassVar[int] = 24

    @classmethod
    def by_order_id(cls, market: int, order_id: int) -> CancelItem:
        return cls(market, 0, 0, order_id.to_bytes(16, "little"))

    @classmethod
    def by_client_id(cls, market: int, client_id: bytes, hint: int = 0) -> CancelItem:
        return cls(market, 1, hint, client_id)


@dataclass(slots=True)
class ModifyItem(_OrderName):
    """One modification: the order and the leg that replaces it."""

    SIZE: ClassVar[int] = 80
    leg: list[Leg] = nested(24, Leg, 1)


@dataclass(slots=True)
class PlaceOrders(ListBody):
    """Places 1..64 orders, one after another."""

    KIND: ClassVar[CommandKind] = CommandKind.PLACE_ORDERS
    ITEM: ClassVar[type[Structure]] = Leg
    legs: list[Leg] = field(default_factory=list)

    def _items(self) -> list[Structure]:
        return list(self.legs)


@dataclass(slots=True)
class CancelOrders(ListBody):
    """Cancels 1..64 orders."""

    KIND: ClassVar[CommandKind] = CommandKind.CANCEL_ORDERS
    ITEM: ClassVar[type[Structure]] = CancelItem
    items: list[CancelItem] = field(default_factory=list)

    def _items(self) -> list[Structure]:
        return list(self.items)


@dataclass(slots=True)
class ModifyOrders(ListBody):
    """Changes 1..64 orders (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.MODIFY_ORDERS
    ITEM: ClassVar[type[Structure]] = ModifyItem
    items: list[ModifyItem] = field(default_factory=list)

    def _items(self) -> list[Structure]:
        return list(self.items)


@dataclass(slots=True)
class CancelAll(CommandBody):
    """Cancels every order of the account, or those of one market."""

    KIND: ClassVar[CommandKind] = CommandKind.CANCEL_ALL
    SIZE: ClassVar[int] = 8
    market: int = u16(0)


@dataclass(slots=True)
class ScheduleCancel(CommandBody):
    """Sets the dead-man time, 0 clears it (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.SCHEDULE_CANCEL
    SIZE: ClassVar[int] = 8
    time_ms: int = u64(0)


@dataclass(slots=True)
class SetLeverage(CommandBody):
    """Sets leverage and margin mode of a position (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.SET_LEVERAGE
    SIZE: ClassVar[int] = 8
    market: int = u16(0)
    leverage: int = u8(2)
    isolated: int = u8(3)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        value = super(SetLeverage, cls).decode(data)
        cls._check_enum("isolated", value.isolated, 1)
        return value


@dataclass(slots=True)
class AdjustIsolatedMargin(CommandBody):
    """Moves money between collateral and an isolated position (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.ADJUST_ISOLATED_MARGIN
    SIZE: ClassVar[int] = 16
    market: int = u16(0)
    amount_e6: int = i64(8)


@dataclass(slots=True)
class ApproveAgent(CommandBody):
    """Gives a key the right to trade; expiry 0 revokes."""

    KIND: ClassVar[CommandKind] = CommandKind.APPROVE_AGENT
    SIZE: ClassVar[int] = 32
    slot: int = u8(0)
    flags: int = u8(1)
    address: bytes = raw(4, 20)
    expiry_ms: int = u64(24)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        value = super(ApproveAgent, cls).decode(data)
        if value.flags not in (0, 2):
            raise CodecError(CodecReason.ENUM, f"ApproveAgent.flags: expected 0 or 2, found {value.flags}")
        return value


@dataclass(slots=True)
class CreateSubAccount(CommandBody):
    """Opens a further account of the same master (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.CREATE_SUB_ACCOUNT
    SIZE: ClassVar[int] = 16
    salt: bytes = raw(0, 16)


@dataclass(slots=True)
class Transfer(CommandBody):
    """Moves money between accounts of one master (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.TRANSFER
    SIZE: ClassVar[int] = 16
    to: int = u32(0)
    amount_e6: int = u64(8)


@dataclass(slots=True)
class Withdraw(CommandBody):
    """Takes money out to the owner on L1."""

    KIND: ClassVar[CommandKind] = CommandKind.WITHDRAW
    SIZE: ClassVar[int] = 8
    amount_e6: int = u64(0)


@dataclass(slots=True)
class Deposit(CommandBody):
    """L1 request: money of an owner for an account."""

    KIND: ClassVar[CommandKind] = CommandKind.DEPOSIT
    SIZE: ClassVar[int] = 88
    l1_index: int = u64(0)
    owner: bytes = raw(8, 20)
    account: int = u32(28)
    amount_e6: int = u64(32)
    salt: bytes = raw(40, 16)
    view_key: bytes = raw(56, 32)


@dataclass(slots=True)
class ForcedWithdraw(CommandBody):
    """L1 request: withdraw all free money (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.FORCED_WITHDRAW
    SIZE: ClassVar[int] = 32
    l1_index: int = u64(0)
    owner: bytes = raw(8, 20)
    account: int = u32(28)


@dataclass(slots=True)
class ForcedClose(CommandBody):
    """L1 request: close a position (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.FORCED_CLOSE
    SIZE: ClassVar[int] = 40
    l1_index: int = u64(0)
    owner: bytes = raw(8, 20)
    account: int = u32(28)
    market: int = u16(32)


@dataclass(slots=True)
class BatchOpen(CommandBody):
    """Opens the next batch and moves time."""

    KIND: ClassVar[CommandKind] = CommandKind.BATCH_OPEN
    SIZE: ClassVar[int] = 48
    batch_no: int = u64(0)
    time_ms: int = u64(8)
    books_salt: bytes = raw(16, 32)


@dataclass(slots=True)
class ClockTick(CommandBody):
    """Moves engine time forward."""

    KIND: ClassVar[CommandKind] = CommandKind.CLOCK_TICK
    SIZE: ClassVar[int] = 8
    time_ms: int = u64(0)


@dataclass(slots=True)
class OracleReport(Structure):
    """Prices of all markets by one oracle signer; price 0 = no quote."""

    SIZE: ClassVar[int] = 264
    signer: int = u8(0)
    time_ms: int = u64(8)
    price_fine: list[int] = array(16, "I", 62)


@dataclass(slots=True)
class OracleRound(ListBody):
    """Reports of at least k oracle signers."""

    KIND: ClassVar[CommandKind] = CommandKind.ORACLE_ROUND
    ITEM: ClassVar[type[Structure]] = OracleReport
    COUNT_MIN: ClassVar[int] = 0
    COUNT_MAX: ClassVar[int] = REPORTS_MAX
    reports: list[OracleReport] = field(default_factory=list)

    def _items(self) -> list[Structure]:
        return list(self.reports)


@dataclass(slots=True)
class MarketWork(CommandBody):
    """Does the due minute and hour work of a market."""

    KIND: ClassVar[CommandKind] = CommandKind.MARKET_WORK
    SIZE: ClassVar[int] = 8
    market: int = u16(0)


@dataclass(slots=True)
class AccountWork(CommandBody):
    """Removes dead orders of an account."""

    KIND: ClassVar[CommandKind] = CommandKind.ACCOUNT_WORK
    SIZE: ClassVar[int] = 8
    account: int = u32(0)


@dataclass(slots=True)
class ExpireOrders(CommandBody):
    """Removes named expired orders: `count u32, slots u32[1..16]`."""

    KIND: ClassVar[CommandKind] = CommandKind.EXPIRE_ORDERS
    slots: list[int] = field(default_factory=list)

    @staticmethod
    def _check_count(count: int) -> None:
        if not 1 <= count <= SLOTS_MAX:
            raise CodecError(CodecReason.COUNT, f"ExpireOrders: expected 1..{SLOTS_MAX} slots, found {count}")

    def encode(self) -> bytes:
        self._check_count(len(self.slots))
        try:
            data = struct.pack(f"<I{len(self.slots)}I", len(self.slots), *self.slots)
        except struct.error as error:
            raise CodecError(CodecReason.RANGE, f"ExpireOrders: {error}") from error
        return data + bytes(-len(data) % 8)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < 8 or len(data) % 4:
            raise CodecError(CodecReason.LENGTH, f"ExpireOrders: {len(data)} bytes")
        count, *slots = struct.unpack(f"<{len(data) // 4}I", data)
        cls._check_count(count)
        if len(data) != (4 + 4 * count + 7) // 8 * 8:
            raise CodecError(CodecReason.LENGTH, f"ExpireOrders: {len(data)} bytes for {count} slots")
        if any(slots[count:]):
            raise CodecError(CodecReason.PADDING, "ExpireOrders: a reserved byte is not zero")
        return cls(list(slots[:count]))


@dataclass(slots=True)
class LiquidationCheck(CommandBody):
    """Flags a scope that is under its maintenance margin."""

    KIND: ClassVar[CommandKind] = CommandKind.LIQUIDATION_CHECK
    SIZE: ClassVar[int] = 8
    account: int = u32(0)
    scope: int = u16(4)


@dataclass(slots=True)
class LiquidationStep(CommandBody):
    """Works on a flagged scope."""

    KIND: ClassVar[CommandKind] = CommandKind.LIQUIDATION_STEP
    SIZE: ClassVar[int] = 8
    account: int = u32(0)
    scope: int = u16(4)


@dataclass(slots=True)
class AdlPlanEntry(Structure):
    """One ranked counterparty."""

    SIZE: ClassVar[int] = 16
    key: int = u64(0)
    account: int = u32(8)


@dataclass(slots=True)
class AdlPlan(CommandBody):
    """Ranking of one side of a market (later): `market u16, side u8, count u8, entries`."""

    KIND: ClassVar[CommandKind] = CommandKind.ADL_PLAN
    market: int = 0
    side: int = 0
    entries: list[AdlPlanEntry] = field(default_factory=list)

    def encode(self) -> bytes:
        if len(self.entries) > PLAN_ENTRIES_MAX:
            raise CodecError(CodecReason.COUNT, f"AdlPlan: {len(self.entries)} entries")
        data = struct.pack("<HBB", self.market, self.side, len(self.entries))
        data += b"".join(entry.encode() for entry in self.entries)
        return data + bytes(4)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < 8:
            raise CodecError(CodecReason.LENGTH, f"AdlPlan: {len(data)} bytes")
        market, side, count = struct.unpack_from("<HBB", data)
        if count > PLAN_ENTRIES_MAX:
            raise CodecError(CodecReason.COUNT, f"AdlPlan: {count} entries")
        if len(data) != 8 + 16 * count:
            raise CodecError(CodecReason.LENGTH, f"AdlPlan: {len(data)} bytes for {count} entries")
        cls._check_enum("side", side, 1)
        if any(data[-4:]):
            raise CodecError(CodecReason.PADDING, "AdlPlan: a reserved byte is not zero")
        return cls(market, side, [AdlPlanEntry.decode(data[4 + 16 * i : 20 + 16 * i]) for i in range(count)])


@dataclass(slots=True)
class AdlStep(CommandBody):
    """Closes a bankrupt position against ranked counterparties (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.ADL_STEP
    SIZE: ClassVar[int] = 8
    account: int = u32(0)
    scope: int = u16(4)
    market: int = u16(6)


@dataclass(slots=True)
class InsuranceOrder(CommandBody):
    """One order of the insurance fund, reduce-only whatever its flags say."""

    KIND: ClassVar[CommandKind] = CommandKind.INSURANCE_ORDER
    SIZE: ClassVar[int] = 56
    leg: list[Leg] = nested(0, Leg, 1)


@dataclass(slots=True)
class SettlePosition(CommandBody):
    """Pays out a position of a settled market (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.SETTLE_POSITION
    SIZE: ClassVar[int] = 8
    account: int = u32(0)
    market: int = u16(4)


@dataclass(slots=True)
class BatchClose(CommandBody):
    """Closes the batch; no body."""

    KIND: ClassVar[CommandKind] = CommandKind.BATCH_CLOSE
    SIZE: ClassVar[int] = 0


@dataclass(slots=True)
class CreateMarket(CommandBody):
    """L1 request: a new market; the image is a MarketConfig, judged by the engine (113)."""

    KIND: ClassVar[CommandKind] = CommandKind.CREATE_MARKET
    SIZE: ClassVar[int] = 272
    l1_index: int = u64(0)
    market: int = u16(8)
    image: bytes = raw(16, 256)


@dataclass(slots=True)
class UpdateMarket(CommandBody):
    """L1 request: new parameters of a market."""

    KIND: ClassVar[CommandKind] = CommandKind.UPDATE_MARKET
    SIZE: ClassVar[int] = 272
    l1_index: int = u64(0)
    market: int = u16(8)
    image: bytes = raw(16, 256)


@dataclass(slots=True)
class SetMarketStatus(CommandBody):
    """L1 request: opens, restricts or halts a market."""

    KIND: ClassVar[CommandKind] = CommandKind.SET_MARKET_STATUS
    SIZE: ClassVar[int] = 16
    l1_index: int = u64(0)
    market: int = u16(8)
    status: int = u8(10)
    settle_fine: int = u32(12)


@dataclass(slots=True)
class OracleSigner(Structure):
    """Address of one oracle signer."""

    SIZE: ClassVar[int] = 24
    address: bytes = raw(0, 20)


@dataclass(slots=True)
class SetOracleSigners(CommandBody):
    """L1 request: the k-of-n set of oracle signers: `l1_index u64, k u8, n u8, set_no u16, zero 4B, n signers`."""

    KIND: ClassVar[CommandKind] = CommandKind.SET_ORACLE_SIGNERS
    l1_index: int = 0
    k: int = 0
    set_no: int = 0
    signers: list[OracleSigner] = field(default_factory=list)

    @property
    def n(self) -> int:
        return len(self.signers)

    def encode(self) -> bytes:
        try:
            head = struct.pack("<QBBH4x", self.l1_index, self.k, self.n, self.set_no)
        except struct.error as error:
            raise CodecError(CodecReason.RANGE, f"SetOracleSigners: {error}") from error
        return head + b"".join(signer.encode() for signer in self.signers)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < 16:
            raise CodecError(CodecReason.LENGTH, f"SetOracleSigners: {len(data)} bytes")
        l1_index, k, n, set_no, zero = struct.unpack_from("<QBBHI", data)
        if len(data) != 16 + OracleSigner.SIZE * n:
            raise CodecError(CodecReason.LENGTH, f"SetOracleSigners: {len(data)} bytes for {n} signers")
        if zero:
            raise CodecError(CodecReason.PADDING, "SetOracleSigners: a reserved byte is not zero")
        return cls(l1_index, k, set_no, [OracleSigner.decode(data[i : i + 24]) for i in range(16, len(data), 24)])


@dataclass(slots=True)
class SetFeeTiers(CommandBody):
    """L1 request: fee tiers (later)."""

    KIND: ClassVar[CommandKind] = CommandKind.SET_FEE_TIERS
    SIZE: ClassVar[int] = 144
    l1_index: int = u64(0)
    tier_count: int = u8(8)
    insurance_share_ppm: int = u32(12)
    tiers: list[FeeTier] = nested(16, FeeTier, 8)


@dataclass(slots=True)
class FundInsurance(CommandBody):
    """L1 request: money for the insurance fund."""

    KIND: ClassVar[CommandKind] = CommandKind.FUND_INSURANCE
    SIZE: ClassVar[int] = 16
    l1_index: int = u64(0)
    amount_e6: int = u64(8)


COMMAND_BODIES: dict[CommandKind, type[CommandBody]] = {
    body.KIND: body
    for body in (
        PlaceOrders,
        CancelOrders,
        ModifyOrders,
        CancelAll,
        ScheduleCancel,
        SetLeverage,
        AdjustIsolatedMargin,
        ApproveAgent,
        CreateSubAccount,
        Transfer,
        Withdraw,
        Deposit,
        ForcedWithdraw,
        ForcedClose,
        BatchOpen,
        ClockTick,
        OracleRound,
        MarketWork,
        AccountWork,
        ExpireOrders,
        LiquidationCheck,
        LiquidationStep,
        AdlPlan,
        AdlStep,
        InsuranceOrder,
        SettlePosition,
        BatchClose,
        CreateMarket,
        UpdateMarket,
        SetMarketStatus,
        SetOracleSigners,
        SetFeeTiers,
        FundInsurance,
    )
}
