"""Which exchange this is: chain id and settlement contract."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from exchange.storage.layout import digest


@dataclass(frozen=True, slots=True)
class VenueId:
    """Chain id and address of the settlement contract; part of every signature, envelope and journal."""

    chain_id: int
    exchange: bytes

    def __post_init__(self) -> None:
        if not 0 < self.chain_id < 1 << 64 or len(self.exchange) != 20:
            raise ValueError("expected a chain id below 2^64 and an address of 20 bytes")

    def genesis_hash(self, fund_owner: bytes, fee_owner: bytes) -> bytes:
        """Names the genesis state in the journal: another venue's journal is refused."""
        return digest(b"blindbook/genesis/v1", struct.pack(">Q", self.chain_id), self.exchange, fund_owner, fee_owner)
