"""The matching engine as the service sees it, and typed reads of its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from matching.codec import (
    AccountHeader,
    Arena,
    BookHead,
    MarketConfig,
    MarketState,
    Order,
    Position,
    Signer,
    SystemRecord,
)

SIGNERS_PER_MASTER = 8
SLOT_BITS = 21
SLOT_MASK = (1 << SLOT_BITS) - 1


class Engine(Protocol):
    """What both the native core and the readable model offer."""

    def apply(self, command: bytes) -> bytes: ...
    def state_root(self) -> bytes: ...
    def read(self, arena: int, index: int) -> bytes: ...
    def levels(self, market: int, side: int, depth: int) -> list[tuple[int, int]]: ...
    def open_orders(self, account: int) -> list[bytes]: ...
    def start_recording(self) -> None: ...
    def take_witness(self) -> Any: ...


EngineFactory = Callable[[bytes, bytes], Engine]


class StateReader:
    """Decoded records of an engine; never writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._configs: dict[int, MarketConfig] = {}

    def system(self) -> SystemRecord:
        """The system record."""
        return SystemRecord.decode(self._engine.read(Arena.SYSTEM, 0))

    def account(self, number: int) -> AccountHeader | None:
        """Header of an account, or None when it does not exist."""
        header = AccountHeader.decode(self._engine.read(Arena.ACCOUNT, number)[: AccountHeader.SIZE])
        return header if any(header.owner) else None

    def positions(self, number: int) -> list[Position]:
        """Position records of an account, ascending market."""
        data = self._engine.read(Arena.ACCOUNT, number)
        count = AccountHeader.decode(data[: AccountHeader.SIZE]).position_count
        start = AccountHeader.SIZE
        return [
            Position.decode(data[at : at + Position.SIZE])
            for at in range(start, start + count * Position.SIZE, Position.SIZE)
        ]

    def signer(self, master: int, slot: int) -> Signer:
        """A signer record; all zero when the slot was never used."""
        return Signer.decode(self._engine.read(Arena.SIGNER, master * SIGNERS_PER_MASTER + slot))

    def order(self, order_id: int) -> Order | None:
        """The open order with this id, or None."""
        order = Order.decode(self._engine.read(Arena.ORDER, order_id & SLOT_MASK))
        return order if order.order_id == order_id else None

    def open_orders(self, account: int) -> list[Order]:
        """All open orders of an account."""
        return [Order.decode(data) for data in self._engine.open_orders(account)]

    def market_config(self, market: int) -> MarketConfig:
        """Parameters of a market (cached until `forget_configs`)."""
        config = self._configs.get(market)
        if config is None:
            config = self._configs[market] = MarketConfig.decode(self._engine.read(Arena.MARKET_CONFIG, market))
        return config

    def forget_configs(self) -> None:
        """A market command was applied: read the parameters again."""
        self._configs.clear()

    def market_state(self, market: int) -> MarketState:
        """Prices, funding and open interest of a market."""
        return MarketState.decode(self._engine.read(Arena.MARKET_STATE, market))

    def book_head(self, market: int) -> BookHead:
        """Best prices of a market."""
        return BookHead.decode(self._engine.read(Arena.BOOK_HEAD, market))

    def levels(self, market: int, side: int, depth: int) -> list[tuple[int, int]]:
        """The best `depth` levels of one side as (price_ticks, lots)."""
        return self._engine.levels(market, side, depth)
