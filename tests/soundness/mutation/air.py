"""Mutants of the AIR: every constraint and every bus interaction of every chip, judged in process.

A constraint or lookup that is deleted must let a false row in that it alone refused. All other changes must do the same or refuse
the honest trace: its rows, or the balance of a bus, in which the multiplicities of the tables are those of the trace generator.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from tests.soundness.columns.subject import shard_witness, shard_witnesses, shard_world
from tests.soundness.mutation.outcome import Kill, Mutant, Outcome
from tests.soundness.shards.test_needed_boundary_rules import FALSE_ROWS, SHARD
from tests.soundness.vm.obstacles import (
    U64,
    Block,
    LookupTable,
    Obstacles,
    SoleRows,
    evaluate_expression,
    find_obstacles,
    lookup_tables,
    lookups_of,
)
from tests.soundness.vm.test_needed_constraints import EXEMPT, obstacles
from tests.soundness.vm.witness import Witness, build_witness, full_witness, witness_for
from tests.unit.vm.assembler import random_program
from zk.air.check import ChipEvaluation, _sum_by_tuple, virtual_column
from zk.air.chip import Chip, Constraint, Interaction
from zk.air.expression import Expr, P

SHARD_CHIPS = ("BOUNDARY", "GIMG", "GZERO")  # only the machines of a run of several shards have them
PUBLIC, PUBLIC_SHARD, PUBLIC_MEMORY = "public values", "public values of a shard", "public value of the memory"
DELETED, NEGATED, SIGN = "deleted", "plus one", "inner sign changed"
# Surviving mutants, and why they change nothing.
REVIEWED: dict[Mutant, str] = {
    **{Mutant(chip, rule, DELETED): reason for chip, rules in EXEMPT.items() for rule, reason in rules.items()},
    Mutant(
        "SHIFT", "immediate high limb", SIGN
    ): "equivalent: y = 0 in every shift of ROM, so y - c1 = 0 is y + c1 = 0",
    Mutant(
        "LOADSUB", "half words are 2-aligned", SIGN
    ): "equivalent: at most one of lh and lhu is 1, and the product with p0 is 0 whatever the sign",
    **{
        Mutant(
            "DIV", f"result limb {i}", SIGN
        ): "equivalent: one of the two gates is 0, and the other term is 0 whatever its sign"
        for i in range(2)
    },
    Mutant(
        "GIMG", "interaction 0, R16", DELETED
    ): "implied: GLOBAL alone refuses another shard number; the lookup gives the chip a place in the tree of its own proof",
    **{
        Mutant("DOT", f"a base element has no coefficient {i}", SIGN): "equivalent: for limbs below 2^16, "
        "lo - 2^16 hi = 0 mod p only where both are 0, as for the sum"
        for i in range(1, 5)
    },
}
Contribution = tuple[U64, U64]  # messages (rows, entries), multiplicities (rows)


def chip_names() -> list[str]:
    """The chips of the machine, in its order, then those that only runs of several shards have."""
    return [*(chip.name for chip in full_witness().machine.chips), *SHARD_CHIPS]


@cache
def honest_witness(name: str) -> Witness:
    """A witness in which the chip has rows."""
    if name not in SHARD_CHIPS:
        return witness_for(name)
    return next(witness for witness in shard_witnesses() if name in witness.traces)


@cache
def air_outcomes(name: str) -> list[Outcome]:
    """All mutants of one chip."""
    witness = honest_witness(name)
    chip = witness.chip(name)
    found = _obstacles(chip)
    trial = HonestTrial(witness, chip)
    outcomes = list(trial.constraint_outcomes(found))
    for number, interaction in enumerate(chip.interactions):
        outcomes += trial.interaction_outcomes(number, interaction, found.lookups.get(number))
    return [*outcomes, *trial.global_outcomes()]


def _obstacles(chip: Chip) -> Obstacles:
    """What false rows of the chip show; chips whose selectors the verifying key fixes have none."""
    if chip.name in SHARD_CHIPS:
        return _shard_obstacles(chip)
    if not any(selector in chip.main for selector in chip.selectors):
        return Obstacles({}, {})
    found = obstacles(chip.name)
    return Obstacles(found.constraints, {**found.lookups, **_fetches(chip.name)})


def _shard_obstacles(chip: Chip) -> Obstacles:
    """From the written false rows of the boundary chips."""
    blocks = []
    for name, rule, row in FALSE_ROWS:
        if name == chip.name:
            columns = [*(row.get(column, 0) for column in chip.main), *([SHARD] if "SHARD" in chip.virtual else [])]
            blocks.append(Block(f"written for {rule}", np.array([columns], np.uint64).T, None))
    return find_obstacles(chip, _program_tables(), blocks, without=()) if blocks else Obstacles({}, {})


def public_outcomes() -> list[Outcome]:
    """Mutants of the verifier's own bus terms: the buses of the honest trace do not balance any more."""
    last = shard_world().plan.shards[-1].number  # the shard that halts
    witnesses = {PUBLIC: full_witness(), PUBLIC_SHARD: shard_witness(last), PUBLIC_MEMORY: shard_witness(0)}
    return [outcome for place, witness in witnesses.items() for outcome in _terms_of(place, witness)]


def _terms_of(place: str, witness: Witness) -> list[Outcome]:
    outcomes = []
    for number, term in enumerate(witness.machine.public_terms(witness.public_values)):
        message, multiplicity = _term(term.message, term.multiplicity)
        changed = [
            (DELETED, (message, 0 * multiplicity)),
            ("multiplicity negated", _term(term.message, -term.multiplicity)),
        ]
        for entry in range(len(term.message)):
            raised = [value + (i == entry) for i, value in enumerate(term.message)]
            changed.append((f"entry {entry} plus one", _term(raised, term.multiplicity)))
        rule = f"term {number}, {term.bus.name}"
        outcomes += [
            Outcome(Mutant(place, rule, change), *_imbalance((message, multiplicity), after))
            for change, after in changed
        ]
    return outcomes


def _term(message: Sequence[int], multiplicity: int) -> Contribution:
    return np.array([message], np.uint64) % P, np.array([multiplicity % P], np.uint64)


class HonestTrial:
    """Mutants of one chip against the honest trace."""

    def __init__(self, witness: Witness, chip: Chip) -> None:
        self.chip = chip
        main, preprocessed = witness.traces[chip.name], witness.preprocessed.get(chip.name)
        evaluation = ChipEvaluation(chip, main, preprocessed, witness.shard)
        self._program, self._values = evaluation.program, evaluation.values
        self._global = evaluation.global_interactions()
        log_height = main.shape[1].bit_length() - 1
        virtual = [virtual_column(kind, log_height, witness.shard) for kind in chip.virtual]
        fixed = [] if preprocessed is None else [*preprocessed]
        self._columns = np.array([*main, *fixed, *virtual], np.uint64)

    def constraint_outcomes(self, found: Obstacles) -> Iterator[Outcome]:
        """Deleted, plus one, and with the outermost sum turned into a difference or the other way round."""
        for number, constraint in enumerate(self.chip.constraints):
            sole = found.constraints.get(number)
            yield self._without(constraint.name, sole)
            yield self._replaced(constraint, NEGATED, constraint.expr + 1, sole)
            changed = _with_other_sign(constraint.expr)
            if changed is not None:
                yield self._replaced(constraint, SIGN, changed, sole)

    def interaction_outcomes(self, number: int, interaction: Interaction, sole: SoleRows | None) -> Iterator[Outcome]:
        """Deleted, and the changes of `_bus_changes`."""
        lowered = self._program.interactions[number]
        message = np.stack([self._values[entry] for entry in lowered.message], axis=1)
        multiplicity = self._values[lowered.multiplicity]
        before, rule = (message, multiplicity), f"interaction {number}, {interaction.bus.name}"
        if number in lookups_of(self.chip, without=()):
            yield self._without(rule, sole)
        else:
            yield self._unused(rule, before)
        yield from self._bus_changes(rule, before)

    def global_outcomes(self) -> Iterator[Outcome]:
        """The same of the interactions across shards."""
        for number, (interaction, multiplicity, message) in enumerate(self._global):
            rule = f"global interaction {number}, {interaction.bus.name}"
            yield self._unused(rule, (message, multiplicity))
            yield from self._bus_changes(rule, (message, multiplicity))

    def _unused(self, rule: str, before: Contribution) -> Outcome:
        message, multiplicity = before
        return Outcome(Mutant(self.chip.name, rule, DELETED), *_imbalance(before, (message, 0 * multiplicity)))

    def _bus_changes(self, rule: str, before: Contribution) -> Iterator[Outcome]:
        """With the negated multiplicity, and with each entry raised by one."""
        message, multiplicity = before
        negated = (message, (P - multiplicity) % P)
        yield Outcome(Mutant(self.chip.name, rule, "multiplicity negated"), *_imbalance(before, negated))
        for entry in range(message.shape[1]):
            raised = message.copy()
            raised[:, entry] = (raised[:, entry] + 1) % P
            mutant = Mutant(self.chip.name, rule, f"entry {entry} plus one")
            yield Outcome(mutant, *_imbalance(before, (raised, multiplicity)))

    def _without(self, rule: str, sole: SoleRows | None) -> Outcome:
        mutant = Mutant(self.chip.name, rule, DELETED)
        return Outcome(mutant, Kill.ACCEPTED, f"row: {sole.labels[0]}") if sole else Outcome(mutant)

    def _replaced(self, constraint: Constraint, change: str, expr: Expr, sole: SoleRows | None) -> Outcome:
        mutant = Mutant(self.chip.name, constraint.name, change)
        if evaluate_expression(expr, self._columns).any():
            return Outcome(mutant, Kill.HONEST, "honest rows")
        accepted = [] if sole is None else np.flatnonzero(evaluate_expression(expr, sole.rows) == 0).tolist()
        return (
            Outcome(mutant, Kill.ACCEPTED, f"row: {sole.labels[accepted[0]]}") if sole and accepted else Outcome(mutant)
        )


def _imbalance(before: Contribution, after: Contribution) -> tuple[Kill, str] | tuple[()]:
    """Whether a bus that balanced with the first contribution does not balance with the second one."""
    (messages, multiplicities), (others, counts) = before, after
    parts = [(messages, (P - multiplicities) % P, ""), (others, counts, "")]
    _, sums, _ = _sum_by_tuple([(m[c != 0], c[c != 0], name) for m, c, name in parts])
    return (Kill.HONEST, "balance of the bus") if sums.any() else ()


def _with_other_sign(expr: Expr) -> Expr | None:
    """The expression with its outermost + turned into - or the other way round; None where it has neither."""
    if expr.left is None or expr.right is None:
        return None
    if expr.op == "add":
        return expr.left - expr.right
    if expr.op == "sub":
        return expr.left + expr.right
    left, right = _with_other_sign(expr.left), _with_other_sign(expr.right)
    if right is not None:
        return expr.left * right
    return left * expr.right if left is not None else None


@cache
def _other_witness() -> Witness:
    return build_witness(random_program(random.Random(27), 400))


@cache
def _program_tables() -> dict[int, LookupTable]:
    witness = full_witness()
    return lookup_tables(witness.machine, witness.preprocessed, witness.traces)


def _fetches(name: str) -> dict[int, SoleRows]:
    """PROG lookups that alone refuse honest rows of another program."""
    other, chip = _other_witness(), full_witness().chip(name)
    if "PROG" not in {chip.interactions[number].bus.name for number in lookups_of(chip, without=())}:
        return {}
    rows = other.traces[name][:, other.real_rows(name)].astype(np.uint64)
    block = Block("instruction of another program", rows, None)
    found = find_obstacles(chip, _program_tables(), [block], without=()).lookups
    return {number: sole for number, sole in found.items() if chip.interactions[number].bus.name == "PROG"}


def all_outcomes() -> list[Outcome]:
    """All chips of all machines, then the verifier's own terms."""
    return [*(outcome for name in chip_names() for outcome in air_outcomes(name)), *public_outcomes()]
