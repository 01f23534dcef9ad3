"""The base field KoalaBear on Python integers."""

from __future__ import annotations

P = 2**31 - 2**24 + 1
TWO_ADICITY = 24
GENERATOR = 0x6AC49F88  # of the subgroup of order 2^24


def inverse(value: int) -> int:
    """1 / value; raises ZeroDivisionError for 0 mod p."""
    if value % P == 0:
        raise ZeroDivisionError("0 has no inverse in the field")
    return pow(value, -1, P)


def root_of_unity(log_order: int) -> int:
    """g_k, generator of the subgroup of order 2^k, k <= 24."""
    if not 0 <= log_order <= TWO_ADICITY:
        raise ValueError(f"subgroup of order 2^k: expected k in 0..{TWO_ADICITY}, found {log_order}")
    return pow(GENERATOR, 1 << (TWO_ADICITY - log_order), P)
