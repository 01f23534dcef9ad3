"""Rate limits refill, never go below their floor, and cost nothing when they refuse."""

from __future__ import annotations

import pytest

from exchange.auth.buckets import Rate, RateLimits
from exchange.errors import Refusal


def limits() -> RateLimits:
    return RateLimits(Rate(10, 5), Rate(100, 50))


def test_burst_then_refusal_then_refill() -> None:
    buckets = limits()
    buckets.take(1, "orders", 10, 0)
    with pytest.raises(Refusal) as refused:
        buckets.take(1, "orders", 1, 0)
    assert refused.value.retryable
    wait_ms = refused.value.extra["retry_after_ms"]
    with pytest.raises(Refusal):
        buckets.take(1, "orders", 1, wait_ms - 2)
    buckets.take(1, "orders", 1, wait_ms)


def test_a_refusal_costs_nothing() -> None:
    buckets = limits()
    buckets.take(1, "orders", 5, 0)
    with pytest.raises(Refusal):
        buckets.take(1, "orders", 6, 0)
    buckets.take(1, "orders", 5, 0)


def test_cancels_have_their_own_bucket_and_accounts_do_not_share() -> None:
    buckets = limits()
    buckets.take(1, "orders", 10, 0)
    buckets.take(1, "cancels", 100, 0)
    buckets.take(2, "orders", 10, 0)
    assert buckets.describe(1, 0)["orders"] == {"tokens": 0, "burst": 10, "per_second": 5}


def test_clock_going_backwards_mints_nothing() -> None:
    buckets = limits()
    buckets.take(1, "orders", 10, 10_000)
    with pytest.raises(Refusal):
        buckets.take(1, "orders", 1, 0)
    with pytest.raises(Refusal):
        buckets.take(1, "orders", 1, 10_000)


def test_bucket_never_holds_more_than_its_burst() -> None:
    buckets = limits()
    assert buckets.describe(1, 0)["orders"]["tokens"] == 10
    assert buckets.describe(1, 10**9)["orders"]["tokens"] == 10
