"""Several columns of a row changed together, so that constraints and bus forms keep their values: pairs and chains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tests.soundness.columns.draw import Draw
from tests.soundness.columns.field import PRIME, U64, Mask, roots
from tests.soundness.columns.judge import ColumnJudge
from tests.soundness.columns.perturbations import HALF, Effort, Perturbation
from zk.air.expression import P

_STEPS = (1, -1, 1 << 16, -(1 << 16), HALF, -HALF)
_CHAIN_LENGTH = 4


@dataclass(frozen=True, slots=True)
class Relation:
    """A node whose value changes are to keep: a constraint (0), or a form that travels on a bus."""

    node: int
    columns: tuple[int, ...]


def relations(judge: ColumnJudge) -> list[Relation]:
    """All constraints and bus forms of at least two main columns, each node once."""
    nodes = [*judge.program.constraints]
    nodes += [node for i in judge.program.interactions for node in (i.multiplicity, *i.message)]
    found = []
    for node in dict.fromkeys(nodes):
        columns = np.flatnonzero(judge.depends[node, : len(judge.main)])
        if len(columns) >= 2:
            found.append(Relation(node, tuple(columns.tolist())))
    return found


def paired_changes(judge: ColumnJudge, effort: Effort) -> Iterator[Perturbation]:
    """One column moved and a second one solved so that a relation of both keeps its value."""
    draw = Draw(judge.chip.name, "pairs")
    pairs = []
    for relation in relations(judge):
        for first in relation.columns:
            pairs += [(relation, first, second) for second in relation.columns if second != first]
    chosen = draw.order(len(pairs))[: effort.nodes // len(judge.program.nodes)]
    for at in np.sort(chosen).tolist():
        relation, first, second = pairs[at]
        values = _moved(judge, first, draw)
        solutions, exists = _solve(judge, relation, {first: values}, second)
        both = np.concatenate([values] * len(solutions))
        tried = np.concatenate(list(exists)) & (both != judge.main[first])
        yield Perturbation(first, {first: both, second: np.concatenate(list(solutions))}, tried)


def chained_changes(judge: ColumnJudge, effort: Effort) -> Iterator[Perturbation]:
    """One column moved; then a broken relation is repaired by another column, up to four times: a cheater who follows the damage."""
    draw, known = Draw(judge.chip.name, "chains"), relations(judge)
    count = effort.nodes // (2 * _CHAIN_LENGTH * len(judge.program.nodes))
    for number in range(max(count, 1) if known else 0):
        first = draw.choice(draw.choice(known).columns)
        changes = {first: _moved(judge, first, draw)}
        for _ in range(_CHAIN_LENGTH):
            broken = [r for r in _broken(judge, known, changes) if set(r.columns) - set(changes)]
            if not broken:
                break
            relation = draw.choice(broken)
            second = draw.choice([column for column in relation.columns if column not in changes])
            solutions, exists = _solve(judge, relation, changes, second)
            root = number % len(solutions)
            changes[second] = np.where(exists[root], solutions[root], judge.main[second])
        if len(changes) > 1:
            yield Perturbation(first, changes, changes[first] != judge.main[first])


def _moved(judge: ColumnJudge, column: int, draw: Draw) -> U64:
    old = judge.main[column]
    moved = [(old + np.uint64(step % P)) % PRIME for step in _STEPS]
    return np.stack([*moved, (PRIME + np.uint64(1) - old) % PRIME, draw.elements(len(old))])


def _broken(judge: ColumnJudge, known: Sequence[Relation], changes: dict[int, U64]) -> list[Relation]:
    """Relations that do not hold any more on some changed row."""
    values = judge.affected_values(changes)
    return [r for r in known if r.node in values and (values[r.node] != judge.base[r.node]).any()]


def _solve(judge: ColumnJudge, relation: Relation, changes: dict[int, U64], second: int) -> tuple[U64, Mask]:
    """Values of the second column that give the relation its old value, and which exist, each with a first axis of one or two roots."""
    target, old = judge.base[relation.node], judge.main[second]
    at = [
        (judge.node_values(relation.node, {**changes, second: np.full_like(old, x)}) + PRIME - target) % PRIME
        for x in range(4)
    ]
    c0, c1, c2, is_quadratic = _interpolate(at)
    solutions, exists = roots(*np.broadcast_arrays(c0, c1, c2))
    return solutions, exists & is_quadratic


def _interpolate(at: Sequence[U64]) -> tuple[U64, U64, U64, Mask]:
    """Coefficients of the polynomial of degree <= 2 through (0, at[0]), (1, at[1]), (2, at[2]); whether (3, at[3]) is on it."""
    two, half = np.uint64(2), np.uint64(pow(2, -1, P))
    second = (at[2] + at[0] + two * (PRIME - at[1])) % PRIME
    c2 = second * half % PRIME
    c1 = (at[1] + (PRIME - at[0]) + (PRIME - c2)) % PRIME
    third = (at[0] + np.uint64(3) * c1 + np.uint64(9) * c2) % PRIME
    return at[0], c1, c2, third == at[3]
