"""Two rows that satisfy a chip with the same inputs and different outputs: found by solver, checked in the field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from zk.air.check import evaluate
from zk.air.chip import Bus, Chip
from zk.air.expression import P
from zk.chips.buses import PROG
from zk.determinism.contracts import CONTRACTS, is_table_row
from zk.determinism.pair import Pair
from zk.determinism.polynomial import Polynomial, variables_of
from zk.determinism.proof import ChipProof
from zk.determinism.question import Copy
from zk.determinism.row import Clause
from zk.determinism.translation import lookup_rule

SEARCH_LIMIT = 100_000

Assignment = dict[str, int]  # column -> canonical value


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Two rows of a chip with one output that differs, when the rules in `without` are left out.

    `agreeing` are the columns that have one value in both: the prover's choices, preprocessed and virtual ones.
    """

    chip: Chip
    without: frozenset[str]
    output: str
    rows: tuple[Assignment, Assignment]
    agreeing: tuple[str, ...] = ()


def find_counterexample(chip: Chip, calls: frozenset[int], without: frozenset[str]) -> Counterexample | None:
    """A checked counterexample to "inputs determine outputs" without these rules; None where the search finds none."""
    proof = ChipProof(chip, calls, without)
    chip = proof.chip
    for pair in _pairs(proof):
        pair.propagate()
        for name, form in pair.open_outputs():
            found = _solve(pair, form)
            if found is not None:
                agreeing = tuple(proof.agreeing_columns(pair.row))
                example = Counterexample(chip, without, name, found, agreeing)
                if not check_counterexample(example):
                    return example
    return None


def _pairs(proof: ChipProof) -> Iterator[Pair]:
    """Pairs of rows in every case, split and with the operands of the statement's example."""
    for case in proof.cases():
        row = proof.row({**case, **proof.statement.example})
        for values in proof.split_values(row) if row.feasible else ():
            part = proof.row(
                {**case, **proof.statement.example, **dict(zip(proof.statement.splits, values, strict=True))}
            )
            if part.feasible:
                yield proof.pair(part)


def _solve(pair: Pair, form: Polynomial) -> tuple[Assignment, Assignment] | None:
    """A model in which the form differs; factors of products that could be any residue are sought among 0 and 1."""
    row = pair.row
    factors = {number for clause in row.clauses for number in _factors(clause) if row.ranges[number] == (0, P - 1)}
    narrowed = replace(row, ranges={**row.ranges, **dict.fromkeys(factors, (0, 1))})
    question, copies = replace(pair, row=narrowed).question(narrowed.clauses, SEARCH_LIMIT)
    question.add(question.differs_from_zero((1, form, copies[0]), (P - 1, form, copies[1])))
    for message in row.received:  # equal keys get equal values
        keys = CONTRACTS[message.bus.number].keys
        differ = [
            question.differs_from_zero((1, message.entries[at], copies[0]), (P - 1, message.entries[at], copies[1]))
            for at in keys
        ]
        for at, entry in enumerate(message.entries):
            if at not in keys:
                question.add(
                    question.any_of([*differ, question.vanishes((1, entry, copies[0]), (P - 1, entry, copies[1]))])
                )
    for copy in copies:  # every column gets a value
        for number in range(len(row.chip.column_names)):
            if number not in row.fixed:
                question.monomial(copy, (number,))
    if question.check() != "sat":
        return None
    first, second = (_assignment(copy, question.values(copy)) for copy in copies)
    return first, second


def _factors(clause: Clause) -> set[int]:
    monomials = (monomial for literal in clause.literals for monomial in literal.polynomial if len(monomial) > 1)
    return {number for monomial in monomials for number in monomial}


def _assignment(copy: Copy, values: dict[int, int]) -> Assignment:
    """Values of all columns; witnesses are chosen so that their constraint holds."""
    row = copy.row
    known = {number: values[number] for number in range(len(row.chip.column_names)) if number not in row.fixed}
    known |= row.fixed
    for equation in row.witness_equations:
        _complete(equation, row.witnesses, known)
    return {name: known[number] for number, name in enumerate(row.chip.column_names)}


def _complete(equation: Polynomial, witnesses: set[int], known: dict[int, int]) -> None:
    """Chooses the witnesses of sum_i L_i v_i + rest = 0: all 0, but for one whose L_i is not."""
    chosen = sorted(variables_of(equation) & witnesses)
    known.update(dict.fromkeys(chosen, 0))
    for number in chosen:
        rest = _value(equation, known)
        factor = (_value(equation, {**known, number: 1}) - rest) % P
        if rest and factor:
            known[number] = -rest * pow(factor, -1, P) % P


def _value(polynomial: Polynomial, known: dict[int, int]) -> int:
    total = 0
    for monomial, coefficient in polynomial.items():
        for number in monomial:
            coefficient = coefficient * known[number] % P
        total += coefficient
    return total % P


def check_counterexample(example: Counterexample) -> list[str]:
    """What is wrong with a counterexample, by exact evaluation in the field; empty where it is one."""
    chip, program = example.chip, example.chip.lower()
    table = np.array([[row[name] for row in example.rows] for name in chip.column_names], np.uint64)
    values = evaluate(program, list(table))
    wrong = [
        f"constraint {constraint.name!r} fails"
        for constraint, node in zip(chip.constraints, program.constraints, strict=True)
        if constraint.name not in example.without and values[node].any()
    ]
    first, second = example.rows
    wrong += [
        f"column {name} must agree, found {first[name]} and {second[name]}"
        for name in example.agreeing
        if first[name] != second[name]
    ]
    changed = False
    for position, interaction in enumerate(program.interactions):
        multiplicity = values[interaction.multiplicity].tolist()
        rows = list(zip(*(values[node].tolist() for node in interaction.message), strict=True))
        if multiplicity[0] != multiplicity[1]:
            wrong.append(f"interaction {position}: multiplicities {multiplicity} differ")
        elif multiplicity[0] and lookup_rule(chip, position) not in example.without:
            bus = chip.interactions[position].bus
            wrong += [f"interaction {position}: {reason}" for reason in _wrong_messages(bus, multiplicity[0], rows)]
            changed |= _is_output_changed(bus, multiplicity[0], rows)
    return wrong if changed else [*wrong, "no output differs"]


def _wrong_messages(bus: Bus, multiplicity: int, rows: list[tuple[int, ...]]) -> list[str]:
    """Lookups must be answered, received values must be in range, and equal keys must get equal values."""
    if bus.kind == "lookup":
        wrong = [f"{bus.name} has no row {row}" for row in rows if not is_table_row(bus, row)]
    elif multiplicity == 1:
        return []
    else:
        received = CONTRACTS[bus.number].received
        wrong = [
            f"{bus.name} never holds {row}" for row in rows for at, r in received.items() if not r.contains(row[at])
        ]
    keys = (0,) if bus == PROG else () if bus.kind == "lookup" else CONTRACTS[bus.number].keys
    is_input = bus == PROG or bus.kind == "permutation"
    if is_input and [rows[0][at] for at in keys] == [rows[1][at] for at in keys] and rows[0] != rows[1]:
        wrong.append(f"{bus.name} gives {rows[0]} and {rows[1]} for the same keys")
    return wrong


def _is_output_changed(bus: Bus, multiplicity: int, rows: list[tuple[int, ...]]) -> bool:
    if bus.kind == "lookup":
        return bus == PROG and rows[0][0] != rows[1][0]
    compared = range(len(rows[0])) if multiplicity == 1 else CONTRACTS[bus.number].keys
    return any(rows[0][at] != rows[1][at] for at in compared)
