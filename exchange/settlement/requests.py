"""Requests of the priority queue: their bytes, their prefix hashes, and a feed that delivers them once they are final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exchange.errors import SettlementFault
from exchange.settlement.header import keccak256

if TYPE_CHECKING:
    from exchange.settlement.chain import Chain

EMPTY_PREFIX = bytes(32)


class QueueInconsistent(SettlementFault):
    """Events of the queue do not hash to its prefixes, or one is missing: the node lies or lags."""


@dataclass(frozen=True, slots=True)
class Request:
    """One entry of the queue. Addresses are 20 bytes (owner zero where there is none), `timestamp` in seconds,
    `body` as the guest hashes it: big-endian where the contract made it, the engine's own bytes for kinds 50 and 53."""

    request_id: int
    kind: int
    owner: bytes
    sender: bytes
    timestamp: int
    body: bytes
    prefix_hash: bytes
    block_number: int

    def prefix_after(self, before: bytes) -> bytes:
        """Prefix hash with this request appended to the prefix `before` (design decision 21)."""
        head = before + self.kind.to_bytes(1, "big") + self.sender + self.timestamp.to_bytes(8, "big")
        return keccak256(head + self.body)


class RequestFeed:
    """Delivers requests in order, each exactly once, as soon as their block is final, from `next_id` on.

    Requests before `next_id` are read too: a prefix hash is checked from the first request.
    """

    def __init__(self, chain: Chain, next_id: int = 0) -> None:
        self._chain = chain
        self._next_id = next_id
        self._seen = 0
        self._prefix = EMPTY_PREFIX
        self._next_block = chain.first_block

    @property
    def next_id(self) -> int:
        """Number of the request that comes next."""
        return max(self._next_id, self._seen)

    async def poll(self) -> list[Request]:
        """What became final since the last call; raises QueueInconsistent or ChainUnavailable."""
        final = await self._chain.final_block()
        if final < self._next_block:
            return []
        delivered = []
        for request in await self._chain.requests(self._next_block, final):
            if request.request_id != self._seen:
                raise QueueInconsistent(f"priority queue: expected request {self._seen}, found {request.request_id}")
            self._prefix = request.prefix_after(self._prefix)
            if request.prefix_hash != self._prefix:
                raise QueueInconsistent(f"priority queue: request {self._seen} does not hash to its prefix")
            self._seen += 1
            if request.request_id >= self._next_id:
                delivered.append(request)
        self._next_block = final + 1
        return delivered
