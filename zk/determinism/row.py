"""One row of a chip as integer ranges, polynomial clauses and messages: the meaning of its expressions in one case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from zk.air.affine import affine_form
from zk.air.chip import Bus, Chip
from zk.air.expression import Expr, P
from zk.determinism.contracts import Range
from zk.determinism.polynomial import (
    Interval,
    Monomial,
    Polynomial,
    combine,
    constant,
    constant_value,
    is_affine,
    shifted_variable,
    variable,
    variables_of,
)


@dataclass(frozen=True, slots=True)
class Literal:
    """`polynomial` vanishes mod p, or (`zero` false) does not."""

    polynomial: Polynomial
    zero: bool = True


@dataclass(frozen=True, slots=True)
class Clause:
    """At least one of the literals holds. `rule` names the constraint or lookup that demands it."""

    rule: str
    literals: tuple[Literal, ...]

    def variables(self) -> set[int]:
        """Variables that occur."""
        return {number for literal in self.literals for number in variables_of(literal.polynomial)}


@dataclass(frozen=True, slots=True)
class Message:
    """A tuple on a bus; `position` is the number of its interaction in the chip."""

    bus: Bus
    entries: tuple[Polynomial, ...]
    position: int


@dataclass(slots=True)
class Row:
    """A row of a chip with some columns fixed.

    Variables are numbered: columns, then nodes of the chip's program that are looked up or multiplied, then auxiliary
    ones. `ranges` bound an integer representative of each variable; the width is below p, so it is unique; `domains`
    list the values of some. `fixed` columns do not occur any more. `feasible` is false where the case contradicts a
    constraint already. `witnesses` are columns that can be chosen freely to satisfy the one constraint in which they
    occur; that constraint, kept in `witness_equations`, is replaced by what it implies.
    """

    chip: Chip
    fixed: dict[int, int]
    ranges: dict[int, Interval] = field(default_factory=dict)
    domains: dict[int, list[int]] = field(default_factory=dict)
    clauses: list[Clause] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)
    looked_up: list[Message] = field(default_factory=list)
    witnesses: set[int] = field(default_factory=set)
    witness_equations: list[Polynomial] = field(default_factory=list)
    feasible: bool = True
    _named: dict[frozenset[tuple[Monomial, int]], int] = field(default_factory=dict)
    _next: int = 0

    def name_of(self, number: int) -> str:
        """Column name, or a made-up one."""
        names = self.chip.column_names
        return names[number] if number < len(names) else f"<{number}>"

    def column(self, name: str) -> Polynomial:
        """The column as a polynomial, a constant where the case fixes it."""
        number = self.chip.column_names.index(name)
        return constant(self.fixed[number]) if number in self.fixed else variable(number)

    def form(self, expr: Expr) -> Polynomial:
        """An affine expression of the chip's columns; a variable where the row has one for it."""
        affine = affine_form(expr)
        result = constant(affine.constant)
        for number, coefficient in affine.coefficients.items():
            value = constant(self.fixed[number]) if number in self.fixed else variable(number)
            result = combine(result, value, coefficient)
        number = self._named.get(frozenset(result.items()), -1)
        return result if number < 0 else variable(number)

    def auxiliary(self, low: int, high: int) -> int:
        """A new variable in [low, high]."""
        self._next += 1
        self.ranges[self._next - 1] = (low, high)
        return self._next - 1

    def demand(self, rule: str, polynomial: Polynomial) -> None:
        """Adds polynomial = 0."""
        value = constant_value(polynomial)
        if value is None:
            self.clauses.append(Clause(rule, (Literal(polynomial),)))
        elif value:
            self.feasible = False

    def confine(self, rule: str, form: Polynomial, bounds: Range) -> None:
        """Adds that the canonical value of the form lies in the range."""
        self._confine_interval(rule, form, bounds.low, bounds.high)
        single = shifted_variable(form)
        if bounds.powers and single is not None and single[1:] == (1, 0):
            self.domains[single[0]] = bounds.values()
        if bounds.step > 1:
            quotient = self.auxiliary(bounds.low // bounds.step, bounds.high // bounds.step)
            rest = combine(form, variable(quotient), -bounds.step)
            self.demand(rule, combine(rest, constant(bounds.low % bounds.step), -1))

    def _confine_interval(self, rule: str, form: Polynomial, low: int, high: int) -> None:
        value = constant_value(form)
        if value is not None:
            self.feasible &= low <= value <= high
            return
        single = shifted_variable(form)
        if single is not None:
            number, sign, offset = single
            ends = sorted(sign * (end - offset) for end in (low, high))
            if self._intersect(number, ends[0], ends[1]):
                return
        number = self.auxiliary(low, high)
        self.demand(rule, combine(form, variable(number), -1))

    def _intersect(self, number: int, low: int, high: int) -> bool:
        """Narrows the range of a variable; False where its representative would not stay the same."""
        a, b = self.ranges[number]
        if (a, b) == (0, P - 1):
            self.ranges[number] = (low, high)
            return True
        if max(b, high) - min(a, low) >= P:
            return False
        self.ranges[number] = (max(a, low), min(b, high))
        self.feasible &= max(a, low) <= min(b, high)
        return True

    def steps(self, bus: Bus) -> list[tuple[Message | None, Message | None]]:
        """The row's tuples on a permutation bus as (received, sent next), with None where one stands alone."""
        sent = {message.position for message in self.sent}
        result: list[tuple[Message | None, Message | None]] = []
        own = [message for message in (*self.received, *self.sent) if message.bus == bus]
        for message in sorted(own, key=lambda message: message.position):
            if message.position not in sent:
                result.append((message, None))
            elif result and result[-1][1] is None:
                result[-1] = (result[-1][0], message)
            else:
                result.append((None, message))
        return result

    def linked_clauses(self, numbers: set[int], reach: int) -> list[Clause]:
        """Clauses that share a variable with these, `reach` times over."""
        found, linked = set(numbers), []
        for _ in range(reach):
            linked = [clause for clause in self.clauses if clause.variables() & found]
            larger = found.union(*(clause.variables() for clause in linked))
            if larger == found:
                break
            found = larger
        return linked

    def reductions(self, form: Polynomial) -> Iterator[Polynomial]:
        """The form, and what it becomes when one linear equation removes a term of it."""
        yield form
        for clause in self.clauses:
            equation = clause.literals[0].polynomial
            if len(clause.literals) == 1 and clause.literals[0].zero and is_affine(equation):
                for monomial in set(equation) & set(form):
                    yield combine(form, equation, -form[monomial] * pow(equation[monomial], -1, P) % P)
