"""The core with a way to set records: a snapshot is changed and restored."""

from __future__ import annotations

import struct
from typing import Any, TypeVar

import pytest

from matching.codec import AccountHeader, Arena, MarketConfig, MarketState
from matching.engine import Engine
from tests.spec.venue import FEE_OWNER, FUND_OWNER

Record = TypeVar("Record", AccountHeader, MarketState, MarketConfig)

MAGIC_BYTES = 8
ROOT_BYTES = 32
PAGE_HEAD = struct.Struct("<IIII")  # arena, index, length, zero


def restore_pages(magic: bytes, pages: bytes) -> Engine:
    """The engine of these pages; their root is taken from the refusal of a wrong one."""
    with pytest.raises(ValueError, match="damaged") as refused:
        Engine.restore(magic + bytes(ROOT_BYTES) + pages)
    return Engine.restore(magic + bytes.fromhex(str(refused.value)[-64:]) + pages)


class EditableEngine:
    """An engine whose records tests may change between commands; keeps the commands that it applied."""

    def __init__(self, **parameters: int) -> None:
        self.engine = Engine(FUND_OWNER, FEE_OWNER, **parameters)
        self.commands: list[bytes] = []

    def apply(self, command: bytes) -> bytes:
        events = self.engine.apply(command)
        self.commands.append(command)
        return events

    def state_root(self) -> bytes:
        return self.engine.state_root()

    def read(self, arena: Arena, index: int) -> bytes:
        return self.engine.read(arena, index)

    def account(self, number: int) -> AccountHeader:
        return AccountHeader.decode(self.read(Arena.ACCOUNT, number)[:128])

    def edit(self, arena: Arena, index: int, kind: type[Record], **changes: Any) -> None:
        """Sets fields of the record that starts the page `index` of the arena."""
        snapshot = self.engine.snapshot()
        parts: list[bytes] = []
        position, found = MAGIC_BYTES + ROOT_BYTES, False
        while position < len(snapshot):
            page_arena, page_index, length, _ = PAGE_HEAD.unpack_from(snapshot, position)
            start = position + PAGE_HEAD.size
            page = snapshot[start : start + length]
            if (page_arena, page_index) == (arena, index):
                record = kind.decode(page[: kind.SIZE])
                for name, value in changes.items():
                    setattr(record, name, value)
                page = record.encode() + page[kind.SIZE :]
                if isinstance(record, AccountHeader):
                    page = page[: 128 + 64 * record.position_count]
                found = True
            parts += [PAGE_HEAD.pack(page_arena, page_index, len(page), 0), page]
            position = start + length
        assert found, f"no page {index} in arena {arena}"
        self.engine = restore_pages(snapshot[:MAGIC_BYTES], b"".join(parts))

    def move_collateral(self, giver: int, taker: int, amount: int) -> None:
        """Takes money of one account to another, as no command does."""
        for number, change in ((giver, -amount), (taker, amount)):
            collateral = self.account(number).collateral_e6 + change
            self.edit(Arena.ACCOUNT, number, AccountHeader, collateral_e6=collateral)
