"""A question about one or two rows in linear integer arithmetic, for cvc5.

Every residue is an integer in its range; a form that vanishes mod p equals q p for an integer q between the bounds that
the ranges leave. Products of variables are integers of their own with the bounds of the product; a product with a bit
is exact. So the question has at least the solutions of the row: `unsat` is a proof, `sat` need not be a counterexample.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cvc5
from cvc5 import Kind

from zk.air.expression import P
from zk.chips.buses import LOGIC
from zk.determinism.polynomial import (
    Interval,
    Monomial,
    Polynomial,
    balanced,
    constant_value,
    monomial_interval,
    sum_interval,
)
from zk.determinism.row import Clause, Literal, Row
from zk.vm.isa import OpCode

Answer = typing.Literal["unsat", "sat", "unknown"]
_SHARED_TERMS = 6  # longer sums of shared terms become one residue

Term = typing.Any  # cvc5.Term; the package has no types


@dataclass(frozen=True, slots=True)
class Copy:
    """A row of the question: the variables in `shared` have the same value as in the first row."""

    row: Row
    number: int
    shared: frozenset[int] = frozenset()


Part = tuple[int, Polynomial, Copy]  # factor, polynomial, the row it is evaluated on


class Question:
    """Assertions over rows, and the solver's answer.

    `limit` counts the solver's steps, not seconds, so that the answer does not depend on the load of the computer: a
    question about an instruction chip takes 2,000 to 50,000.
    """

    def __init__(self, limit: int, logic: str = "QF_UFLIA") -> None:
        self.terms = cvc5.TermManager()
        self._solver = cvc5.Solver(self.terms)
        self._solver.setOption("rlimit-per", str(limit))
        self._solver.setOption("produce-models", "true")
        self._solver.setLogic(logic)
        self._integer = self.terms.getIntegerSort()
        self._monomials: dict[tuple[int, Monomial], Term] = {}
        self._residues: dict[tuple[tuple[Monomial, int], ...], Term] = {}
        self._fresh = 0
        self._and = self.terms.mkConst(self.terms.mkFunctionSort([self._integer] * 2, self._integer), "and")

    # Terms

    def number(self, value: int) -> Term:
        """An integer."""
        return self.terms.mkInteger(str(value))

    def fresh(self, name: str, low: int, high: int) -> Term:
        """A new integer in [low, high]."""
        self._fresh += 1
        result = self.terms.mkConst(self._integer, f"{name}_{self._fresh}")
        self.add(self.at_most(self.number(low), result))
        self.add(self.at_most(result, self.number(high)))
        return result

    def at_most(self, left: Term, right: Term) -> Term:
        """left <= right."""
        return self.terms.mkTerm(Kind.LEQ, left, right)

    def equal(self, left: Term, right: Term) -> Term:
        """left = right."""
        return self.terms.mkTerm(Kind.EQUAL, left, right)

    def is_multiple(self, value: Term, step: int) -> Term:
        """The integer is a multiple of the constant."""
        rest = self.terms.mkTerm(Kind.INTS_MODULUS, value, self.number(step))
        return self.equal(rest, self.number(0))

    def negation(self, formula: Term) -> Term:
        """not formula."""
        return self.terms.mkTerm(Kind.NOT, formula)

    def any_of(self, formulas: Sequence[Term]) -> Term:
        """At least one of the formulas."""
        if not formulas:
            return self.terms.mkFalse()
        return formulas[0] if len(formulas) == 1 else self.terms.mkTerm(Kind.OR, *formulas)

    def sum_of(self, parts: Iterable[tuple[int, Term]], offset: int = 0) -> Term:
        """offset + sum of factor * term."""
        summands = [self.number(offset)]
        summands += [t if f == 1 else self.terms.mkTerm(Kind.MULT, self.number(f), t) for f, t in parts]
        return summands[0] if len(summands) == 1 else self.terms.mkTerm(Kind.ADD, *summands)

    def bitwise_and(self, x: Term, y: Term) -> Term:
        """The AND of two bytes: a function, of which these bounds are asserted: x + y - 255 <= x & y <= x, y."""
        result = self.terms.mkTerm(Kind.APPLY_UF, self._and, x, y)
        for bound in (x, y):
            self.add(self.at_most(result, bound))
        self.add(self.at_most(self.sum_of([(1, x), (1, y)], -255), result))
        return result

    def monomial(self, copy: Copy, monomial: Monomial) -> Term:
        """The integer that stands for a product of variables of a row."""
        owner = copy.number if set(monomial) - copy.shared else 0
        key = (owner, monomial)
        if key not in self._monomials:
            low, high = monomial_interval(monomial, copy.row.ranges)
            name = "*".join(copy.row.name_of(number) for number in monomial)
            self._monomials[key] = self.fresh(f"{name}@{owner}", low, high)
            if len(monomial) > 1:
                self._define_product(copy, monomial)
        return self._monomials[key]

    def _define_product(self, copy: Copy, monomial: Monomial) -> None:
        """Exact where a factor is a bit: the product is 0 or the product of the others."""
        bits = [number for number in monomial if copy.row.ranges[number] == (0, 1)]
        if not bits:
            return
        others = list(monomial)
        others.remove(bits[0])
        whole, bit = self.monomial(copy, monomial), self.monomial(copy, (bits[0],))
        value = self.terms.mkTerm(
            Kind.ITE, self.equal(bit, self.number(0)), self.number(0), self.monomial(copy, tuple(others))
        )
        self.add(self.equal(whole, value))

    def integer_form(self, copy: Copy, coefficients: Mapping[Monomial, int]) -> Term:
        """A form over the integers."""
        parts = [(c, self.monomial(copy, m)) for m, c in coefficients.items() if m]
        return self.sum_of(parts, coefficients.get((), 0))

    def difference_of_forms(self, coefficients: Mapping[Monomial, int], first: Copy, second: Copy) -> Term:
        """The form of the first row minus that of the second, over the integers."""
        parts = [(c, self.monomial(first, m)) for m, c in coefficients.items() if m]
        parts += [(-c, self.monomial(second, m)) for m, c in coefficients.items() if m]
        return self.sum_of(parts)

    def add_product_fact(self, factor: Term, other: Term, product: Term) -> None:
        """Integers with product = factor * other: 0 where one of them is, else at least |other|, with its sign."""
        zero, minus = self.number(0), self.terms.mkTerm(Kind.NEG, other)
        below, above = self._strictly_less(factor, zero), self._strictly_less(zero, factor)
        negative, positive = self._strictly_less(other, zero), self._strictly_less(zero, other)
        for conditions, conclusion in (
            ((above, positive), self.at_most(other, product)),
            ((above, negative), self.at_most(product, other)),
            ((below, positive), self.at_most(product, minus)),
            ((below, negative), self.at_most(minus, product)),
            ((self.equal(factor, zero),), self.equal(product, zero)),
            ((self.equal(other, zero),), self.equal(product, zero)),
        ):
            self.add(self.any_of([*map(self.negation, conditions), conclusion]))

    def _strictly_less(self, left: Term, right: Term) -> Term:
        return self.terms.mkTerm(Kind.LT, left, right)

    # Forms mod p

    def vanishes(self, *parts: Part) -> Term:
        """The sum of factor * polynomial is 0 mod p."""
        total, interval = self._combined(parts)
        return self._multiple_of_p(total, interval)

    def differs_from_zero(self, *parts: Part) -> Term:
        """The sum of factor * polynomial is not 0 mod p."""
        total, (low, high) = self._combined(parts)
        rest = self.fresh("rest", 1, P - 1)
        difference = self.terms.mkTerm(Kind.SUB, total, rest)
        return self._multiple_of_p(difference, (low - P + 1, high - 1))

    def canonical(self, copy: Copy, polynomial: Polynomial) -> Term:
        """The canonical value of the polynomial."""
        value = self.fresh("value", 0, P - 1)
        total, interval = self._combined([(1, polynomial, copy)], [(P - 1, value, (0, P - 1))])
        self.add(self._multiple_of_p(total, interval))
        return value

    def _multiple_of_p(self, total: Term, interval: Interval) -> Term:
        low, high = -(-interval[0] // P), interval[1] // P
        if low > high:
            return self.terms.mkFalse()
        if low == high:
            return self.equal(total, self.number(low * P))
        quotient = self.fresh("wraps", low, high)
        return self.equal(total, self.sum_of([(P, quotient)]))

    def _combined(
        self, parts: Sequence[Part], further: Sequence[tuple[int, Term, Interval]] = ()
    ) -> tuple[Term, Interval]:
        """A non-zero multiple of the sum as an integer term with small coefficients, and its bounds."""
        coefficients: dict[int, int] = {}
        known: dict[int, tuple[Term, Interval]] = {}

        def count(factor: int, term: Term, interval: Interval) -> None:
            at = term.getId()
            known[at] = (term, interval)
            coefficients[at] = (coefficients.get(at, 0) + factor) % P

        offset = 0
        for factor, polynomial, copy in parts:
            for monomial, coefficient in polynomial.items():
                if monomial:
                    interval = monomial_interval(monomial, copy.row.ranges)
                    count(factor * coefficient, self.monomial(copy, monomial), interval)
                else:
                    offset += factor * coefficient
        for factor, term, interval in further:
            count(factor, term, interval)
        form: Polynomial = {(at,): c for at, c in coefficients.items() if c}
        if offset % P:
            form[()] = offset % P
        ranges = {at: interval for at, (_, interval) in known.items()}
        scaled = balanced(form, ranges) if form else {}
        bounds = sum_interval((c, monomial_interval(m, ranges)) for m, c in scaled.items())
        return self.sum_of(((c, known[m[0]][0]) for m, c in scaled.items() if m), scaled.get((), 0)), bounds

    # Assertions

    def add(self, formula: Term) -> None:
        """Asserts a formula."""
        self._solver.assertFormula(formula)

    def add_clause(self, copy: Copy, clause: Clause) -> None:
        """Asserts a clause of a row."""
        self.add(self.any_of([self._literal(copy, literal) for literal in clause.literals]))

    def add_row(self, copy: Copy, clauses: Iterable[Clause] | None = None) -> None:
        """Asserts all clauses of a row, or the given ones, and what LOGIC lookups say."""
        for clause in copy.row.clauses if clauses is None else clauses:
            self.add_clause(copy, clause)
        for message in copy.row.looked_up:
            if message.bus == LOGIC:
                code, x, y, result = message.entries
                self._add_logic(constant_value(code), *(self.canonical(copy, entry) for entry in (x, y, result)))

    def _add_logic(self, code: int | None, x: Term, y: Term, result: Term) -> None:
        """A row of the table LOGIC by its AND."""
        both = self.bitwise_and(x, y)
        results = {
            int(OpCode.AND): both,
            int(OpCode.OR): self.sum_of([(1, x), (1, y), (-1, both)]),
            int(OpCode.XOR): self.sum_of([(1, x), (1, y), (-2, both)]),
        }
        if code is not None:
            self.add(self.equal(results[code], result))

    def _literal(self, copy: Copy, literal: Literal) -> Term:
        part = (1, literal.polynomial, copy)
        if not literal.zero:
            return self.differs_from_zero(part)
        shared = {m: c for m, c in literal.polynomial.items() if m and set(m) <= copy.shared}
        if len(shared) <= _SHARED_TERMS:
            return self.vanishes(part)
        rest = {m: c for m, c in literal.polynomial.items() if m not in shared}
        total, interval = self._combined([(1, rest, copy)], [(1, self._residue(shared), (0, P - 1))])
        return self._multiple_of_p(total, interval)

    def _residue(self, shared: Polynomial) -> Term:
        """One variable for a long sum of shared terms: equal in all rows, otherwise unknown."""
        key = tuple(sorted(shared.items()))
        if key not in self._residues:
            self._residues[key] = self.fresh("residue", 0, P - 1)
        return self._residues[key]

    def check(self) -> Answer:
        """Whether the assertions can hold."""
        result = self._solver.checkSat()
        return "unsat" if result.isUnsat() else "sat" if result.isSat() else "unknown"

    def values(self, copy: Copy) -> dict[int, int]:
        """After `sat`: canonical values of the variables of a row that occur in the question."""
        found = {}
        for (owner, monomial), term in self._monomials.items():
            if len(monomial) == 1 and owner == (0 if monomial[0] in copy.shared else copy.number):
                found[monomial[0]] = int(self._solver.getValue(term).getIntegerValue()) % P
        return found
