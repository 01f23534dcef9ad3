"""Reads: JSON values of accounts, orders and markets as PROTOCOL.md 5 and 6 show them."""

from __future__ import annotations

from typing import Any

from exchange.sequencer.engine import SIGNERS_PER_MASTER, StateReader
from exchange.sequencer.margin import compute_margin, compute_value_e6
from exchange.sequencer.projector import SIDE_NAMES, order_keys
from matching.codec import Order, Position

DEPTH = 50


def view_account(reader: StateReader, account: int) -> dict[str, Any]:
    """State of an account; the caller has checked that the reader may see it and that it exists."""
    header = reader.account(account)
    if header is None:
        raise LookupError(f"account {account} does not exist")
    positions = reader.positions(account)
    margin = compute_margin(reader, header, positions)
    return {
        "account": account,
        "owner": "0x" + header.owner.hex(),
        "collateral_e6": header.collateral_e6,
        "equity_e6": margin.equity_e6,
        "initial_margin_e6": margin.initial_e6,
        "maintenance_margin_e6": margin.maintenance_e6,
        "in_liquidation": header.liq_since_ms != 0,
        "fee_tier": header.fee_tier,
        "orders_count": header.orders_count,
        "positions": [_view_position(reader, position) for position in positions],
        "signers": _view_signers(reader, header.master),
    }


def _view_position(reader: StateReader, position: Position) -> dict[str, Any]:
    config, state = reader.market_config(position.market), reader.market_state(position.market)
    return {
        "market": position.market,
        "size_lots": position.size_lots,
        "cost_e6": position.cost_e6,
        "value_e6": compute_value_e6(config, state, position.size_lots),
        "leverage": position.leverage,
        "open_buy_lots": position.open_buy_lots,
        "open_sell_lots": position.open_sell_lots,
        "open_count": position.open_count,
    }


def _view_signers(reader: StateReader, master: int) -> list[dict[str, Any]]:
    signers = [(slot, reader.signer(master, slot)) for slot in range(SIGNERS_PER_MASTER)]
    return [
        {"slot": slot, "address": "0x" + s.address.hex(), "expiry_ms": s.expiry_ms, "nonces": s.count}
        for slot, s in signers
        if any(s.address)
    ]


def view_order(order: Order) -> dict[str, Any]:
    """One open order."""
    return {
        **order_keys(order.order_id),
        "client_id": "0x" + order.client_id.hex(),
        "market": order.market,
        "side": SIDE_NAMES[order.side],
        "price_ticks": order.price_ticks,
        "remaining_lots": order.remaining_lots,
        "original_lots": order.original_lots,
        "expiry_ms": order.expiry_ms,
        "flags": order.flags,
    }


def view_orders(reader: StateReader, account: int) -> list[dict[str, Any]]:
    """All open orders of an account."""
    return [view_order(order) for order in reader.open_orders(account)]


def view_market(reader: StateReader, market: int) -> dict[str, Any]:
    """Parameters of a market for `/v1/meta`."""
    config, state = reader.market_config(market), reader.market_state(market)
    tier = reader.system().fee_tiers[0]
    names = (
        "lot_tick_value_e6",
        "price_ticks_max",
        "order_lots_max",
        "position_lots_max",
        "oi_lots_max",
        "order_notional_min_e6",
        "leverage_max",
        "band_ppm",
        "passive_band_ppm",
        "index_age_max_ms",
    )
    return {
        "market": market,
        "symbol": config.symbol.rstrip(b"\0").decode("ascii", "replace"),
        "status": state.status,
        "taker_ppm": tier.taker_ppm,
        "maker_ppm": tier.maker_ppm,
        **{name: getattr(config, name) for name in names},
    }


def view_context(reader: StateReader, market: int) -> dict[str, Any]:
    """Prices, funding and open interest of a market for the `ctx` channel."""
    state = reader.market_state(market)
    return {
        "index_fine": state.index_fine,
        "mark_fine": state.mark_fine,
        "index_time_ms": state.index_time_ms,
        "funding_rate_ppb": state.last_rate_ppb,
        "funding_index": state.funding_index,
        "oi_lots": state.oi_lots,
        "last_trade_ticks": reader.book_head(market).last_trade_ticks,
        "status": state.status,
    }


def view_depth(reader: StateReader, market: int) -> tuple[dict[int, int], dict[int, int]]:
    """The 50 best prices of both sides, price -> lots."""
    return dict(reader.levels(market, 0, DEPTH)), dict(reader.levels(market, 1, DEPTH))
