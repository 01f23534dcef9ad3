"""Derives the WHIR rows of `zk.machine.params` (proof system, sections 9.5 and 10): `python -m zk.machine.schedule`.

`zk.machine.soundness` is a second implementation of the formulas, which judges the rows; this one only proposes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, sqrt

from zk.field.koalabear import P

FIELD_SIZE = float(P) ** 5
TERM_BITS = 106  # of each fold and out-of-domain term
FOLD = 4
LOG_INV_RATE_MAX = 10
DOMAIN_LOG_MAX = 24
JOHNSON_MAX = 100
TEST_SIZE_MAX = 16


@dataclass(frozen=True, slots=True)
class SetFormula:
    """What distinguishes the parameter sets: rate, s_0 by k_0 = 5 or more, bound of the final size, grinding."""

    log_inv_rate: int
    shift: int
    shift_small: int
    final_max: int
    grinding_bits: int


FORMULAS = {
    "APP": SetFormula(1, 5, 4, 6, 20),
    "REC": SetFormula(2, 4, 4, 6, 20),
    "ROOT": SetFormula(4, 3, 3, 5, 22),
    "APP_K": SetFormula(1, 5, 4, 6, 20),
    "APP_TEST": SetFormula(1, 5, 4, 6, 4),
    "ROOT_TEST": SetFormula(4, 3, 3, 5, 4),
}


@dataclass(frozen=True, slots=True)
class Row:
    """WHIR parameters of one (set, n, k_0)."""

    folds: tuple[int, ...]
    log_inv_rates: tuple[int, ...]
    johnson: tuple[int, ...]
    queries: tuple[int, ...]


def derive(set_name: str, n: int, first_fold: int) -> Row | None:
    """The row, or None where a domain exceeds 2^24 or no multiplicity m >= 3 reaches the bits."""
    formula = FORMULAS[set_name]
    folds, left = [first_fold], n - first_fold
    while left > formula.final_max:
        folds.append(FOLD)
        left -= FOLD
    rates = [formula.log_inv_rate]
    for i in range(1, len(folds)):
        shift = formula.shift_small if first_fold == 5 else formula.shift
        raised = rates[0] + first_fold - shift if i == 1 else rates[-1] + 3
        rates.append(min(LOG_INV_RATE_MAX, raised))
    johnson, queries, size = [], [], n
    for fold, rate in zip(folds, rates, strict=True):
        if size - fold + rate > DOMAIN_LOG_MAX:
            return None
        best = _fewest_queries(size, rate, log2(2 * len(folds)), formula.grinding_bits)
        if best is None:
            return None
        queries.append(best[0])
        johnson.append(best[1])
        size -= fold
    return Row(tuple(folds), tuple(rates), tuple(johnson), tuple(queries))


def _fewest_queries(size: int, log_inv_rate: int, share: float, grinding_bits: int) -> tuple[int, int] | None:
    rho = 2.0**-log_inv_rate
    candidates = []
    for m in range(3, JOHNSON_MAX):
        half = m + 0.5
        agreement = sqrt(rho) * (1 + 1 / (2 * m))
        list_size = half / sqrt(rho)
        line = (2 * half**5 + 3 * half * (1 - agreement) * rho) * 2 ** (size - 1) / rho / (3 * rho**1.5) + list_size
        fold_bits = -log2((3 * list_size + line) / FIELD_SIZE)
        sample_bits = -log2(list_size**2 * 2**size / (2 * FIELD_SIZE))
        if min(fold_bits, sample_bits) >= TERM_BITS:
            candidates.append((ceil((100 + share - grinding_bits) / -log2(agreement)), m))
    return min(candidates, default=None)


def main() -> None:
    """Prints the table: set, n, k_0, folds, rates, multiplicities, queries."""
    for set_name in FORMULAS:
        for first_fold, smallest, largest in ((5, 9, 21), (6, 10, 24), (7, 23, 28), (8, 26, 28)):
            for n in range(smallest, min(largest, TEST_SIZE_MAX if set_name.endswith("_TEST") else largest) + 1):
                row = derive(set_name, n, first_fold)
                if row is not None:
                    lists = (row.folds, row.log_inv_rates, row.johnson, row.queries)
                    print(set_name, n, *(",".join(map(str, numbers)) for numbers in lists))


if __name__ == "__main__":
    main()
