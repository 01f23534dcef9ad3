"""Answers to unsigned reads; the connection has already checked who may ask (PROTOCOL.md 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exchange.errors import Refusal
from exchange.sequencer.views import view_account, view_order, view_orders
from exchange.sequencer.writer import Writer, wall_ms
from exchange.ws.frames import Request

Frame = dict[str, Any]
EVENTS_LIMIT = 100


class Reads:
    """Read operations over writer, channels and settlement records; called at durable points only."""

    def __init__(
        self,
        writer: Writer,
        view_withdrawals: Callable[[int, bytes], list[Frame]],
        describe_limits: Callable[[int, int], Frame],
    ) -> None:
        self._writer = writer
        self._view_withdrawals = view_withdrawals
        self._describe_limits = describe_limits
        self._operations: dict[str, Callable[[Request], Frame]] = {
            "state": lambda request: view_account(self._reader, _account(request)),
            "orders": lambda request: {"orders": view_orders(self._reader, _account(request))},
            "order": self._order,
            "events": self._events,
            "withdrawals": self._withdrawals,
            "limits": lambda request: self._describe_limits(_account(request), wall_ms()),
            "batch": self._batch,
            "book": lambda request: self._writer.hub.depth(request.market or 0),
        }

    @property
    def _reader(self) -> Any:
        return self._writer.sequencer.reader

    def reply(self, request: Request) -> Frame:
        """The reply frame of a read, without decoration. Raises Refusal."""
        data = self._operations[request.op](request)
        return {"t": "reply", "id": request.id, "op": request.op, "data": data, **self._writer.hub.decoration()}

    def account_snapshot(self, account: int) -> Frame:
        """Account part of a private snapshot."""
        return {"account": view_account(self._reader, account), "orders": view_orders(self._reader, account)}

    def _order(self, request: Request) -> Frame:
        account = _account(request)
        for order in self._reader.open_orders(account):
            is_match = (
                str(order.order_id) == request.order_id
                if request.order_id is not None
                else "0x" + order.client_id.hex() == request.client_id
            )
            if is_match:
                return view_order(order)
        return {"status": "unknown"}

    def _events(self, request: Request) -> Frame:
        channel = self._writer.hub.account(_account(request))
        after, limit = request.after or 0, request.limit or EVENTS_LIMIT
        missed = channel.missed(after)
        events = [frame for frame in channel.frames if frame["n"] > after] if missed is None else missed
        page = events[:limit]
        following = page[-1]["n"] if page else after
        return {"events": page, "next": following, "complete": missed is not None and len(page) == len(events)}

    def _withdrawals(self, request: Request) -> Frame:
        account = _account(request)
        header = self._reader.account(account)
        if header is None:
            raise Refusal("FORBIDDEN", "not logged in for this account")
        return {"withdrawals": self._view_withdrawals(account, header.owner)}

    def _batch(self, request: Request) -> Frame:
        record = self._writer.hub.batch_record(request.number or 0)
        if record is None:
            raise Refusal("UNKNOWN_BATCH", f"batch {request.number} is not known")
        return {"batch": record}


def _account(request: Request) -> int:
    assert request.account is not None  # checked by the connection
    return request.account
