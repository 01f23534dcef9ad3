"""The soundness calculator: judges a row of parameters for the counts of a verifying key (proof system, sections 10 and 11).

Written apart from `zk.machine.schedule`, which proposes the rows, and in decimal arithmetic of 60 digits instead of floats.
All results are bits: -log2 of an error probability.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from zk.field.koalabear import P
from zk.machine.params import SECURITY_BITS, WhirParameters

DIGITS = 60
MESSAGE_DEGREE = 16  # of the LogUp numerator per leaf: message length <= 15, plus one
_TWO = Decimal(2)


@dataclass(frozen=True, slots=True)
class ProtocolCounts:
    """What the error terms outside WHIR depend on."""

    log_leaves: int
    constraints: int
    columns: int
    log_height_max: int


@dataclass(frozen=True, slots=True)
class BoundaryCounts:
    """What the errors of the cross-shard argument depend on: shards of the run, height and number of boundary columns, global leaves of
    one proof (log2) and of all together."""

    shards: int
    log_height_max: int
    columns: int
    log_global_leaves: int
    global_leaves_max: int


@dataclass(frozen=True, slots=True)
class SoundnessReport:
    """Bits of every term by name, of each query and fold term, and of the sum of all errors."""

    terms: dict[str, float]
    queries: tuple[float, ...]
    folds: tuple[float, ...]
    out_of_domain: tuple[float, ...]
    total: float

    @property
    def is_sound(self) -> bool:
        """Whether each term and the sum reach the security level."""
        singles = (*self.terms.values(), *self.queries, *self.folds, *self.out_of_domain)
        return min(*singles, self.total) >= SECURITY_BITS


def judge(row: WhirParameters, counts: ProtocolCounts) -> SoundnessReport:
    """The soundness of the whole protocol with this row."""
    with localcontext() as context:
        context.prec = DIGITS
        field = Decimal(P) ** 5
        outer = _outer_errors(counts, field)
        queries: list[Decimal] = []
        folds: list[Decimal] = []
        samples: list[Decimal] = []
        combinations: list[Decimal] = []
        variables = row.log_size
        for number in range(row.round_count):
            code = _Code(row.log_inv_rates[number], row.johnson[number])
            samples.append(code.list_size**2 * _TWO**variables / 2 / field)
            folds += [code.fold_error(variables - 1) / field] * row.folds[number]  # conservative: of its first fold
            if number:  # claims on this oracle: its out-of-domain sample and the queries to the one before
                combinations.append(code.list_size * (row.queries[number - 1] + 2) / field)
            queries.append(code.agreement ** row.queries[number] / _TWO**row.grinding_bits)
            variables -= row.folds[number]
        inner = {"combination": sum(combinations), "final": Decimal(2 * variables) / field}
        errors = {**outer, **{name: Decimal(error) for name, error in inner.items()}}
        everything = [*errors.values(), *queries, *folds, *samples]
        return SoundnessReport(
            terms={name: _bits(error) for name, error in errors.items() if error},
            queries=_all_bits(queries),
            folds=_all_bits(folds),
            out_of_domain=_all_bits(samples),
            total=_bits(sum(everything, Decimal(0))),
        )


def judge_boundary(row: WhirParameters, counts: BoundaryCounts) -> dict[str, float]:
    """What the boundary adds to the errors of single proofs (section 15), in bits, with this row for every record.

    "records": two vectors of the list around the boundary columns of some shard agree at the point of its record. "global": a false
    sum of the global fractions, given all records. "tree" and "claims": the global tree and the linear claims of one shard.

    A run is accepted only if all its proofs are. Where its statement is false, some proof is false or one of the first two errors
    occurred, and a cheater gains nothing from a second false proof; so the errors of single proofs do not add up over the shards.
    """
    with localcontext() as context:
        context.prec = DIGITS
        field = Decimal(P) ** 5
        code = _Code(row.log_inv_rates[0], row.johnson[0])
        layers = counts.log_global_leaves
        errors = {
            "records": counts.shards * code.list_size**2 * (counts.log_height_max + counts.columns) / 2 / field,
            "global": Decimal(2 * counts.global_leaves_max) * MESSAGE_DEGREE / field,
            "tree": Decimal(layers * layers + layers) / field,
            "claims": Decimal(2 * counts.log_height_max + 2) / field,
        }
        return {name: _bits(error) for name, error in errors.items()}


class _Code:
    """A Reed-Solomon code at distance delta = 1 - agreement, agreement = sqrt(rho) (1 + 1 / 2m)."""

    def __init__(self, log_inv_rate: int, multiplicity: int) -> None:
        if multiplicity < 3:
            raise ValueError(f"Johnson multiplicity: expected at least 3, found {multiplicity}")
        self._m = Decimal(multiplicity)
        self._rho = 1 / _TWO**log_inv_rate
        self._root = self._rho.sqrt()
        self.agreement = self._root * (2 * self._m + 1) / (2 * self._m)
        self.list_size = (self._m + Decimal("0.5")) / self._root

    def fold_error(self, log_dimension: int) -> Decimal:
        """|E| times the error of one fold to 2^log_dimension coefficients: list term and exceptional points of a line."""
        half = self._m + Decimal("0.5")
        length = _TWO**log_dimension / self._rho
        curve = 2 * half**5 + 3 * half * (1 - self.agreement) * self._rho
        return 3 * self.list_size + curve * length / (3 * self._rho * self._root) + half / self._root


def _outer_errors(counts: ProtocolCounts, field: Decimal) -> dict[str, Decimal]:
    layers = counts.log_leaves
    return {
        "logup": _TWO ** (layers + 1) * MESSAGE_DEGREE / field,
        "gkr": Decimal(layers * layers + layers) / field,
        "zerocheck": Decimal(counts.constraints + 2 + 4 * counts.log_height_max) / field,
        "stacking": Decimal(counts.columns + 2) / field,
    }


def _bits(error: Decimal) -> float:
    return float(-error.ln() / _TWO.ln())


def _all_bits(errors: Iterable[Decimal]) -> tuple[float, ...]:
    return tuple(_bits(error) for error in errors)
