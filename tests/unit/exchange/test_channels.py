"""Channels: numbers without holes, resuming within what is kept, snapshots otherwise, and books that fold back."""

from __future__ import annotations

import random

import pytest

from exchange.errors import Refusal
from exchange.ws.channels import CRC_EVERY, BookChannel, Channel, Frame, Hub


def hub() -> Hub:
    made = Hub(epoch=3)
    made.add_market(0)
    made.as_of, made.time_ms = 42, 99
    return made


def subscribe(
    target: Hub, name: str, after: int | None = None, epoch: int | None = None
) -> tuple[bool, int, list[Frame], list[Frame]]:
    live: list[Frame] = []
    resumed, n, frames = target.subscribe(1, lambda _, frame: live.append(frame), name, after, epoch)
    return resumed, n, frames, live


def test_book_deltas_fold_to_the_true_book_and_carry_checksums() -> None:
    seed = 5
    print("seed", seed)
    rng = random.Random(seed)
    book, shown = BookChannel(0), {"bids": {}, "asks": {}}  # type: ignore[var-annotated]
    mirror = BookChannel(0)
    frames: list[Frame] = []
    book.channel.subscribers[1] = lambda _, frame: frames.append(frame)
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for _ in range(3 * CRC_EVERY):
        side, base = (bids, 1_000) if rng.random() < 0.5 else (asks, 2_000)
        price = base + rng.randrange(60)
        if rng.random() < 0.3:
            side.pop(price, None)
        else:
            side[price] = rng.randrange(1, 10**12)
        book.update(dict(bids), dict(asks), {"as_of": 1})
        for frame in frames:
            for key in ("bids", "asks"):
                for level, lots in frame[key]:
                    shown[key][level] = lots
                    if not lots:
                        del shown[key][level]
            if "crc32" in frame:
                mirror.update(dict(shown["bids"]), dict(shown["asks"]), {})
                assert mirror.checksum() == frame["crc32"]
        frames.clear()
        assert shown == {"bids": bids, "asks": asks}
    assert book.channel.n >= 2 * CRC_EVERY


def test_unchanged_book_publishes_nothing() -> None:
    book = BookChannel(0)
    book.update({1: 2}, {}, {})
    book.update({1: 2}, {}, {})
    assert book.channel.n == 1


def test_channel_forgets_only_what_is_beyond_its_depth() -> None:
    channel = Channel("x", kept=3, is_per_epoch=False)
    for _ in range(5):
        channel.publish({})
    assert [frame["n"] for frame in channel.missed(2) or []] == [3, 4, 5]
    assert channel.missed(5) == []
    assert channel.missed(1) is None
    assert channel.missed(6) is None


def test_subscribing_gives_a_snapshot_then_live_frames() -> None:
    target = hub()
    target.publish_trade(0, 7, 1, {"price_ticks": 5, "lots": 6, "taker_side": "buy"})
    resumed, n, frames, live = subscribe(target, "trades.0")
    assert (resumed, n) == (False, 1)
    assert frames[0]["t"] == "snap"
    assert frames[0]["trades"][0]["lots"] == 6
    target.publish_trade(0, 8, 1, {"price_ticks": 5, "lots": 1, "taker_side": "sell"})
    assert [frame["n"] for frame in live] == [2]
    target.unsubscribe(1, "trades.0")
    target.unsubscribe(1, "trades.0")
    target.publish_trade(0, 9, 1, {"price_ticks": 5, "lots": 1, "taker_side": "sell"})
    assert len(live) == 1


def test_resuming_within_depth_gives_the_missed_frames_and_no_snapshot() -> None:
    target = hub()
    for lots in range(1, 4):
        target.publish_account(9, lots, 1, {"event": "money", "amount_e6": lots})
    resumed, n, frames, _ = subscribe(target, "account.9", after=1)
    assert (resumed, n) == (True, 3)
    assert [frame["n"] for frame in frames] == [2, 3]


def test_resuming_a_per_epoch_channel_needs_its_epoch() -> None:
    target = hub()
    target.publish_depth(0, {1: 1}, {})
    for epoch in (None, 2):
        resumed, _, frames, _ = subscribe(target, "book.0", after=1, epoch=epoch)
        assert not resumed
        assert [(frame["t"], frame.get("reason")) for frame in frames] == [("gap", "epoch"), ("snap", None)]
    assert subscribe(target, "book.0", after=1, epoch=3)[0]


def test_resuming_from_the_future_or_beyond_retention_says_why() -> None:
    target = hub()
    target.account(9).kept = 1
    for number in range(3):
        target.publish_account(9, number, 1, {"event": "x"})
    assert subscribe(target, "account.9", after=10)[2][0]["reason"] == "epoch"
    assert subscribe(target, "account.9", after=0)[2][0]["reason"] == "retention"


@pytest.mark.parametrize(
    "name", ["book.1", "book.00", "book.", "trades.x", "ctx.-1", "nothing", "", "book.٣", "account."]
)
def test_unknown_channels_are_refused(name: str) -> None:
    with pytest.raises(Refusal, match="UNKNOWN_CHANNEL"):
        subscribe(hub(), name)


def test_context_is_published_only_when_it_changes() -> None:
    target = hub()
    target.publish_context(0, {"mark_fine": 5})
    target.publish_context(0, {"mark_fine": 5})
    target.publish_context(0, {"mark_fine": 6})
    _, n, frames, _ = subscribe(target, "ctx.0")
    assert n == 2
    assert (frames[0]["t"], frames[0]["mark_fine"]) == ("snap", 6)
