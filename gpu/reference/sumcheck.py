"""The sumcheck provers: GKR layers, zerocheck, weighted sum (proof system, sections 7 to 9). All bind the highest variable first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpu.device import ChipColumns, ExtValue, FractionTree, LayerProver, Tensor, WeightedSumProver, ZerocheckProver
from gpu.program import ChipProgram
from gpu.reference import field
from gpu.reference.field import U64, P
from gpu.reference.interpreter import evaluate_base, evaluate_extension


def _halves(table: U64) -> tuple[U64, U64]:
    half = table.shape[-1] // 2
    return table[..., :half], table[..., half:]


def _at(low: U64, high: U64, x: int) -> U64:
    """(1 - x) low + x high for a small integer x."""
    return field.add(low, field.scale(field.sub(high, low), x))


def _ratio(numerator: U64, denominator: int) -> U64:
    return field.scale(numerator, pow(denominator, -1, P))


class ReferenceLayerProver(LayerProver):
    """Sum over y of eq(point, y) ((p0 + c q0) q1 + p1 q0), where 0 and 1 are the halves of the layer."""

    def __init__(self, p: U64, q: U64, point: Sequence[ExtValue], combination: ExtValue) -> None:
        self._tables = [*_halves(p), *_halves(q)]
        self._point = list(point)
        self._combination = field.ext(combination)

    def round(self) -> tuple[ExtValue, ExtValue]:
        self._point.pop()
        weights = field.eq_table(self._point)
        sides = [_halves(table) for table in self._tables]
        h0, h1, h2 = (
            field.ext_sum(field.ext_mul(weights, self._summand([_at(*s, x) for s in sides]))) for x in range(3)
        )
        e = _ratio(field.add(field.sub(h2, field.add(h1, h1)), h0), 2)
        return field.value(field.sub(h1, h0)), field.value(e)

    def bind(self, challenge: ExtValue) -> None:
        self._tables = [field.interpolate(*_halves(table), challenge) for table in self._tables]

    def claims(self) -> tuple[ExtValue, ExtValue, ExtValue, ExtValue]:
        p0, p1, q0, q1 = (field.value(table) for table in self._tables)
        return p0, p1, q0, q1

    def _summand(self, tables: Sequence[U64]) -> U64:
        p0, p1, q0, q1 = tables
        left = field.ext_mul(field.add(p0, field.ext_mul(self._combination, q0)), q1)
        return field.add(left, field.ext_mul(p1, q0))


class ReferenceFractionTree(FractionTree):
    """All layers of the tree, root first."""

    def __init__(self, p: U64, q: U64) -> None:
        self._layers = [(p, q)]
        while p.shape[1] > 1:
            (p0, p1), (q0, q1) = _halves(p), _halves(q)
            p, q = field.add(field.ext_mul(p0, q1), field.ext_mul(p1, q0)), field.ext_mul(q0, q1)
            self._layers.insert(0, (p, q))

    def root(self) -> tuple[ExtValue, ExtValue]:
        p, q = self._layers[0]
        return field.value(p), field.value(q)

    def layer(
        self, index: int, point: Sequence[ExtValue], combination: ExtValue, claim: ExtValue | None = None
    ) -> LayerProver:
        del claim  # follows from the tables
        return ReferenceLayerProver(*self._layers[index], point, combination)


def fraction_leaves(chips: Sequence[ChipColumns], alpha: ExtValue, beta: ExtValue, log_leaves: int) -> tuple[U64, U64]:
    """(p, q) of the leaves, each (5, 2^log_leaves), in the order of section 6.5; unused leaves are (0, 1)."""
    p = np.zeros((5, 1 << log_leaves), dtype=np.uint64)
    q = np.zeros((5, 1 << log_leaves), dtype=np.uint64)
    q[0] = 1
    offset = 0
    for chip in chips:
        program, size = chip.chip.program, 1 << chip.log_height
        values = evaluate_base(program, all_columns(chip))
        for interaction in program.interactions:
            fingerprint = _fingerprint(
                interaction.bus, [field.embed(values[m]) for m in interaction.message], alpha, beta
            )
            p[0, offset : offset + size] = values[interaction.multiplicity]
            q[:, offset : offset + size] = fingerprint
            offset += size
    return p, q


def all_columns(chip: ChipColumns) -> list[U64]:
    """Main, preprocessed and virtual columns of a chip."""
    return [column for part in (chip.main, chip.preprocessed, chip.virtual) if part is not None for column in part]


def _fingerprint(bus: int, message: Sequence[U64], alpha: ExtValue, beta: ExtValue) -> U64:
    """alpha + bus + sum over j >= 1 of beta^j message_j."""
    weights = field.ext_powers(beta, len(message) + 1)
    start = field.add(field.ext(alpha), field.ext((bus, 0, 0, 0, 0)))
    result = np.zeros_like(message[0]) + start
    for j, entry in enumerate(message, start=1):
        result = field.add(result, field.ext_mul(entry, weights[:, j : j + 1]))
    return result


class _ChipTable:
    """Columns of one chip during the zerocheck, folded from the top, and its polynomial G."""

    def __init__(
        self, chip: ChipColumns, interaction_weights: Sequence[ExtValue], constraint_weights: Sequence[ExtValue]
    ) -> None:
        self.program: ChipProgram = chip.chip.program
        self.log_height = chip.log_height
        self.columns = [field.embed(column) for column in all_columns(chip)]
        self._interaction_weights = interaction_weights
        self._constraint_weights = constraint_weights

    def combined(self, columns: Sequence[U64], combination: ExtValue, alpha: ExtValue, beta: ExtValue) -> U64:
        """G on rows given by `columns`."""
        values = evaluate_extension(self.program, columns)
        result = np.zeros_like(columns[0])
        for weight, interaction in zip(self._interaction_weights, self.program.interactions, strict=True):
            fingerprint = _fingerprint(interaction.bus, [values[m] for m in interaction.message], alpha, beta)
            term = field.add(values[interaction.multiplicity], field.ext_mul(field.ext(combination), fingerprint))
            result = field.add(result, field.ext_mul(field.ext(weight), term))
        for weight, constraint in zip(self._constraint_weights, self.program.constraints, strict=True):
            result = field.add(result, field.ext_mul(field.ext(weight), values[constraint]))
        return result


class ReferenceZerocheckProver(ZerocheckProver):
    """Evaluates each G at 0, 1, 2, 3 of the bound variable and weighs rows by eq of the lower coordinates."""

    def __init__(
        self,
        chips: Sequence[ChipColumns],
        point: Sequence[ExtValue],
        combination: ExtValue,
        alpha: ExtValue,
        beta: ExtValue,
        interaction_weights: Sequence[Sequence[ExtValue]],
        constraint_weights: Sequence[Sequence[ExtValue]],
    ) -> None:
        self._tables = [
            _ChipTable(chip, mine, constraints)
            for chip, mine, constraints in zip(chips, interaction_weights, constraint_weights, strict=True)
        ]
        self._point = list(point)
        self._challenges = (combination, alpha, beta)

    def round(self) -> tuple[ExtValue, ExtValue, ExtValue]:
        self._point.pop()
        variable = len(self._point)
        weights = field.eq_table(self._point)
        h = [np.zeros(5, dtype=np.uint64) for _ in range(4)]
        for table in self._tables:
            if table.log_height <= variable:
                continue  # constant in this variable
            sides = [_halves(column) for column in table.columns]
            for x in range(4):
                rows = table.combined([_at(*side, x) for side in sides], *self._challenges)
                h[x] = field.add(h[x], field.ext_sum(field.ext_mul(weights, rows)))
        second = field.add(field.sub(h[2], field.add(h[1], h[1])), h[0])
        third = field.sub(field.sub(field.add(h[3], field.scale(h[1], 3)), field.scale(h[2], 3)), h[0])
        e3 = _ratio(third, 6)
        e2 = field.sub(_ratio(second, 2), field.scale(e3, 3))
        return field.value(field.sub(h[1], h[0])), field.value(e2), field.value(e3)

    def bind(self, challenge: ExtValue) -> None:
        variable = len(self._point)
        for table in self._tables:
            if table.log_height > variable:
                table.columns = [field.interpolate(*_halves(column), challenge) for column in table.columns]

    def column_evaluations(self) -> list[list[ExtValue]]:
        return [[field.value(column) for column in table.columns] for table in self._tables]


class ReferenceWeightedSumProver(WeightedSumProver):
    """Plain sumcheck over f times w, both held in full."""

    def __init__(self, f: U64, w: U64) -> None:
        self._f, self._w = f, w

    def round(self) -> tuple[ExtValue, ExtValue]:
        (f0, f1), (w0, w1) = _halves(self._f), _halves(self._w)
        c0 = field.ext_sum(field.ext_mul(f0, w0))
        c2 = field.ext_sum(field.ext_mul(field.sub(f1, f0), field.sub(w1, w0)))
        return field.value(c0), field.value(c2)

    def bind(self, challenge: ExtValue) -> None:
        self._f = field.interpolate(*_halves(self._f), challenge)
        self._w = field.interpolate(*_halves(self._w), challenge)

    def values(self) -> Tensor:
        return self._f

    def add_univariate(self, terms: Sequence[tuple[ExtValue, ExtValue]]) -> None:
        for coefficient, point in terms:
            powers = field.ext_powers(point, self._w.shape[1])
            self._w = field.add(self._w, field.ext_mul(powers, field.ext(coefficient)))
