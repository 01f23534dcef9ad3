"""Refilling rate limits with a floor: no lifetime quota, and cancels have a bucket of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from exchange.errors import Refusal

ACCOUNTS_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Rate:
    """Bucket size and refill."""

    burst: int
    per_second: int


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_ms: int


class RateLimits:
    """Token buckets by (account, class); time is given by the caller, in ms."""

    def __init__(self, orders: Rate, cancels: Rate) -> None:
        self._rates = {"orders": orders, "cancels": cancels}
        self._buckets: dict[tuple[int, str], _Bucket] = {}

    def take(self, account: int, kind: str, amount: int, now_ms: int) -> None:
        """Take `amount` tokens or raise RATE_LIMITED; a refusal costs nothing."""
        rate = self._rates[kind]
        bucket = self._filled(account, kind, now_ms)
        if bucket.tokens < amount:
            missing = min(amount, rate.burst) - bucket.tokens
            wait_ms = int(missing * 1000 / rate.per_second) + 1
            raise Refusal("RATE_LIMITED", f"{kind} of this account", retryable=True, retry_after_ms=wait_ms)
        bucket.tokens -= amount

    def describe(self, account: int, now_ms: int) -> dict[str, Any]:
        """State of the account's buckets."""
        return {
            kind: {
                "tokens": int(self._filled(account, kind, now_ms).tokens),
                "burst": rate.burst,
                "per_second": rate.per_second,
            }
            for kind, rate in self._rates.items()
        }

    def _filled(self, account: int, kind: str, now_ms: int) -> _Bucket:
        rate = self._rates[kind]
        bucket = self._buckets.get((account, kind))
        if bucket is None:
            self._forget_full(now_ms)
            bucket = self._buckets[(account, kind)] = _Bucket(float(rate.burst), now_ms)
        elapsed_ms = max(0, now_ms - bucket.filled_ms)
        bucket.tokens = min(float(rate.burst), bucket.tokens + elapsed_ms * rate.per_second / 1000)
        bucket.filled_ms = max(bucket.filled_ms, now_ms)
        return bucket

    def _forget_full(self, now_ms: int) -> None:
        """A full bucket is the same as none: keep the table bounded."""
        if len(self._buckets) < 2 * ACCOUNTS_MAX:
            return
        self._buckets = {
            key: bucket
            for key, bucket in self._buckets.items()
            if bucket.tokens + (now_ms - bucket.filled_ms) * self._rates[key[1]].per_second / 1000
            < self._rates[key[1]].burst
        }
