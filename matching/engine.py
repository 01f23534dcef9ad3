"""The matching core for Python callers: commands in, events out.

`Engine` wraps the C++ machine (`matching/core`). All numbers in the bytes follow rules 3..5; `matching.codec` has their
dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching import _core

if TYPE_CHECKING:
    from matching.codec import Arena

TAKER_PPM_DEFAULT = 450
MAKER_PPM_DEFAULT = 150
INSURANCE_SHARE_PPM_DEFAULT = 100_000


@dataclass(frozen=True, slots=True)
class Witness:
    """What a recording leaves for the batch proof.

    opening_root, closing_root: 32-byte state roots. state_words: little-endian u32 words, per arena the touched pages as
    they were at their first touch, then the sibling digests that open them.
    """

    opening_root: bytes
    closing_root: bytes
    state_words: bytes


class Engine:
    """A machine at its genesis: accounts 0 (insurance fund) and 1 (fee collector), no market, no open batch.

    fund_owner, fee_owner: 20-byte owner addresses of accounts 0 and 1. taker_ppm, maker_ppm: rates of fee tier 0 in
    1e-6 (maker may be negative). insurance_share_ppm: part of the fees that goes to account 0. Not thread-safe.
    """

    def __init__(
        self,
        fund_owner: bytes,
        fee_owner: bytes,
        taker_ppm: int = TAKER_PPM_DEFAULT,
        maker_ppm: int = MAKER_PPM_DEFAULT,
        insurance_share_ppm: int = INSURANCE_SHARE_PPM_DEFAULT,
    ) -> None:
        self._core = _core.Engine(fund_owner, fee_owner, taker_ppm, maker_ppm, insurance_share_ppm)

    @classmethod
    def restore(cls, snapshot: bytes) -> Engine:
        """The machine of a snapshot. Raises ValueError when the bytes are none."""
        engine = cls.__new__(cls)
        engine._core = _core.Engine.restore(snapshot)
        return engine

    def apply(self, command: bytes) -> bytes:
        """Applies one command and returns its events, concatenated; the last is CommandDone with the command's code.

        Raises CoreHalted(code), and changes nothing, for the codes that only a faulty sequencer causes (rules 4.3);
        InvariantViolation when the state contradicts itself: the engine is then of no further use.
        """
        return self._core.apply(command)

    def apply_many(self, commands: bytes) -> tuple[int, bytes]:
        """Applies concatenated commands; (how many, their events).

        Raises CoreHalted at the first halting one; those before it are applied and their events are lost.
        """
        return self._core.apply_many(commands)

    def time_unchained(self, commands: bytes) -> tuple[int, float]:
        """Applies concatenated commands without the command chain and drops their events; (how many, seconds).

        For benchmarks only: the state root is not that of the rules afterwards.
        """
        return self._core.time_unchained(commands)

    def state_root(self) -> bytes:
        """The 32-byte state root; costs hashing in proportion to the pages changed since the last call."""
        return self._core.state_root()

    def read(self, arena: Arena | int, index: int) -> bytes:
        """A record's bytes; an account is its header and used positions. Raises IndexError, ValueError."""
        return self._core.read(int(arena), index)

    def levels(self, market: int, side: int, depth: int) -> list[tuple[int, int]]:
        """Up to `depth` levels of a side (0 bids, 1 asks), best first: (price_ticks, lots)."""
        return self._core.levels(market, side, depth)

    def open_orders(self, account: int) -> list[bytes]:
        """The account's open order records of 96 bytes, newest first."""
        return self._core.open_orders(account)

    def start_recording(self) -> None:
        """From now on keeps every touched page for the batch proof; forgets an earlier recording."""
        self._core.start_recording()

    def take_witness(self) -> Witness:
        """Ends the recording and returns its witness. Raises RuntimeError when none is running."""
        return Witness(*self._core.take_witness())

    def snapshot(self) -> bytes:
        """All non-zero pages; `restore` gives the same machine."""
        return self._core.snapshot()
