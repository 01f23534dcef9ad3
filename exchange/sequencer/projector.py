"""From the engine's events to what may leave: each account's own half, anonymous trades, results of a request.

Internal events name both sides of a trade; nothing here puts one account's number, order, fee or size into another's event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from exchange.sequencer.engine import SLOT_BITS
from matching.codec import (
    SIGNED_KINDS,
    Adl,
    ApproveAgent,
    CancelOrders,
    Command,
    CommandDone,
    CommandKind,
    Event,
    FundingSettled,
    LiquidationEventStep,
    LiquidationState,
    MoneyMoved,
    MoneyReason,
    OrderAccepted,
    OrderReduced,
    OrderRefused,
    OrderRemoved,
    PlaceOrders,
    ResultCode,
    Side,
    Trade,
)

SIDE_NAMES = ("buy", "sell")


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What later events of an order do not repeat."""

    account: int
    market: int
    side: int
    expiry_ms: int
    client_id: bytes


@dataclass(slots=True)
class Projection:
    """What one command means to the outside."""

    seq: int
    time_ms: int
    code: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    trades: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    placed: list[int] = field(default_factory=list)  # ids of orders that now rest
    ended: list[int] = field(default_factory=list)  # ids of accepted orders that do not rest
    holders: set[int] = field(default_factory=set)  # accounts whose position may have changed
    liquidations: list[tuple[int, int, int]] = field(default_factory=list)  # account, scope, step


def code_name(code: int) -> str:
    """Name of a result code; numbers the table does not know are shown as such."""
    try:
        return ResultCode(code).name
    except ValueError:
        return f"CODE_{code}"


def order_keys(order_id: int) -> dict[str, Any]:
    """How an order is named outside: the counter, and the full id as text."""
    return {"oid": order_id >> SLOT_BITS, "order_id": str(order_id)}


class Projector:
    """Keeps the facts of open orders; everything else is a function of command and events."""

    def __init__(self) -> None:
        self._orders: dict[int, OrderFacts] = {}
        self._by_client_id: dict[tuple[int, int, bytes], int] = {}

    def project(self, command: Command, events: Iterable[Event]) -> Projection:
        """Project all events of one command, in order."""
        events = list(events)
        last = events[-1]
        projection = Projection(command.seq, last.time_ms, last.code, _blank_results(command, last))
        # A taker's fills come before its OrderAccepted: learn the ids first.
        for event in events:
            if isinstance(event.body, OrderAccepted):
                self._learn(command, event.body)
        for event in events:
            self._project_event(command, event, projection)
        self._end_takers(projection)
        self._project_command(command, last, projection)
        return projection

    def facts(self, order_id: int) -> OrderFacts | None:
        """What is known of an open order."""
        return self._orders.get(order_id)

    def find_client_id(self, account: int, market: int, client_id: bytes) -> int | None:
        """Id of the newest open order of the account with this client id."""
        return self._by_client_id.get((account, market, client_id))

    def _learn(self, command: Command, body: OrderAccepted) -> None:
        leg = _leg(command, body.leg_index)
        facts = OrderFacts(body.account, leg.market, leg.side, leg.expiry_ms, leg.client_id)
        self._orders[body.order_id] = facts
        if any(facts.client_id):
            self._by_client_id[(facts.account, facts.market, facts.client_id)] = body.order_id

    def _forget(self, order_id: int) -> OrderFacts | None:
        facts = self._orders.pop(order_id, None)
        if facts is not None:
            key = (facts.account, facts.market, facts.client_id)
            if self._by_client_id.get(key) == order_id:
                del self._by_client_id[key]
        return facts

    def _project_event(self, command: Command, event: Event, out: Projection) -> None:
        body = event.body
        if isinstance(body, OrderAccepted):
            self._accepted(command, event.code, body, out)
        elif isinstance(body, OrderRefused):
            self._refused(command, event.code, body, out)
        elif isinstance(body, Trade):
            self._trade(body, out)
        elif isinstance(body, OrderRemoved):
            self._removed(command, body, out)
        elif isinstance(body, OrderReduced):
            facts = self._orders.get(body.order_id)
            if facts is not None:
                fields = {"event": "reduced", **order_keys(body.order_id), "remaining": body.remaining_lots}
                out.accounts.append((facts.account, fields))
        elif isinstance(body, FundingSettled):
            fields = {"event": "funding", "market": body.market, "owed_e6": body.owed_e6, "index": body.index}
            out.accounts.append((body.account, fields))
        elif isinstance(body, MoneyMoved):
            out.accounts.append((body.account, _money(body)))
        elif isinstance(body, LiquidationState):
            self._liquidation(body, out)
        elif isinstance(body, Adl):
            out.holders.update((body.bankrupt, body.counterparty))

    def _accepted(self, command: Command, code: int, body: OrderAccepted, out: Projection) -> None:
        leg = _leg(command, body.leg_index)
        keys = {
            **order_keys(body.order_id),
            "filled": body.filled_lots,
            "resting": body.resting_lots,
            "client_id": "0x" + body.client_id.hex(),
        }
        out.results[body.leg_index] = {"code": code_name(code), **keys}
        fields = {
            "event": "placed",
            "market": leg.market,
            "side": SIDE_NAMES[leg.side],
            "price_ticks": leg.price_ticks,
            "lots": leg.size_lots,
            "flags": leg.flags,
            **keys,
        }
        out.accounts.append((body.account, fields))
        if body.resting_lots:
            out.placed.append(body.order_id)
        else:
            out.ended.append(body.order_id)

    def _end_takers(self, out: Projection) -> None:
        """The engine reports no removal of a taker without remainder; outside every order has one terminal event."""
        for order_id in out.ended:
            facts = self._forget(order_id)
            if facts is None:
                continue
            filled = sum(
                fields["lots"]
                for account, fields in out.accounts
                if account == facts.account and fields["event"] == "fill" and fields["order_id"] == str(order_id)
            )
            fields = {"event": "removed", **order_keys(order_id), "reason": "FILLED", "remaining": 0, "filled": filled}
            out.accounts.append((facts.account, {**fields, "market": facts.market}))

    def _refused(self, command: Command, code: int, body: OrderRefused, out: Projection) -> None:
        result: dict[str, Any] = {"code": code_name(code)}
        if body.band_price_ticks:
            result["nearest_ticks"] = body.band_price_ticks
        if body.leg_index < len(out.results):
            out.results[body.leg_index] = result
        if isinstance(command.body, PlaceOrders):
            market = _leg(command, body.leg_index).market
            fields = {"event": "rejected", "market": market, "client_id": "0x" + body.client_id.hex(), **result}
            out.accounts.append((body.account, fields))

    def _trade(self, body: Trade, out: Projection) -> None:
        side = body.taker_side
        common = {"event": "fill", "market": body.market, "price_ticks": body.price_ticks, "lots": body.lots}
        maker = {
            **common,
            **order_keys(body.maker_id),
            "side": SIDE_NAMES[side ^ 1],
            "fee_e6": body.maker_fee_e6,
            "maker": True,
            "position_lots": body.maker_size_after,
        }
        taker = {
            **common,
            **order_keys(body.taker_id),
            "side": SIDE_NAMES[side],
            "fee_e6": body.taker_fee_e6,
            "maker": False,
            "position_lots": body.taker_size_after,
        }
        out.accounts.append((body.taker, taker))
        out.accounts.append((body.maker, maker))
        public = {"price_ticks": body.price_ticks, "lots": body.lots, "taker_side": Side(side).name.lower()}
        out.trades.append((body.market, public))
        out.holders.update((body.maker, body.taker))

    def _removed(self, command: Command, body: OrderRemoved, out: Projection) -> None:
        facts = self._forget(body.order_id)
        fields: dict[str, Any] = {
            "event": "removed",
            **order_keys(body.order_id),
            "reason": code_name(body.reason),
            "remaining": body.remaining_lots,
            "filled": body.filled_lots,
        }
        if facts is not None:
            fields["market"] = facts.market
        out.accounts.append((body.account, fields))
        if isinstance(command.body, CancelOrders):
            open_item = next((i for i, result in enumerate(out.results) if not result), None)
            if open_item is not None:
                out.results[open_item] = {
                    "code": "OK",
                    **order_keys(body.order_id),
                    "remaining": body.remaining_lots,
                }

    def _liquidation(self, body: LiquidationState, out: Projection) -> None:
        step = LiquidationEventStep(body.step).name.lower()
        fields = {
            "event": "liquidation",
            "scope": body.scope,
            "step": step,
            "equity_e6": body.equity_e6,
            "maintenance_e6": body.maintenance_e6,
        }
        out.accounts.append((body.account, fields))
        out.liquidations.append((body.account, body.scope, body.step))
        out.holders.update((0, body.account))

    def _project_command(self, command: Command, last: Event, out: Projection) -> None:
        if command.kind not in SIGNED_KINDS:
            return
        if isinstance(command.body, ApproveAgent) and last.code == 0:
            fields = {"event": "agent", "slot": command.body.slot, "expiry_ms": command.body.expiry_ms}
            out.accounts.append((command.account, fields))
        fields = {
            "event": "command",
            "kind": int(command.kind),
            "nonce": command.nonce,
            "slot": command.signer_slot,
            "seq": command.seq,
            "code": code_name(last.code),
        }
        out.accounts.append((command.account, fields))


def _leg(command: Command, index: int) -> Any:
    if isinstance(command.body, PlaceOrders):
        return command.body.legs[index]
    if command.kind is CommandKind.INSURANCE_ORDER:
        return command.body.leg[0]  # type: ignore[attr-defined]
    raise ValueError(f"{command.kind.name} has no legs")


def _blank_results(command: Command, last: Event) -> list[dict[str, Any]]:
    refused_whole = 0 < last.code < ResultCode.MARKET_UNKNOWN
    if refused_whole or not isinstance(last.body, CommandDone):
        return []
    if isinstance(command.body, PlaceOrders):
        return [{} for _ in command.body.legs]
    if isinstance(command.body, CancelOrders):
        return [{} for _ in command.body.items]
    return []


def _money(body: MoneyMoved) -> dict[str, Any]:
    return {
        "event": "money",
        "reason": MoneyReason(body.reason).name.lower(),
        "amount_e6": body.amount_e6,
        "collateral_e6": body.collateral_after_e6,
    }
