"""Integers and formulas of a question with Python's operators."""

from __future__ import annotations

from dataclasses import dataclass

from cvc5 import Kind

from zk.determinism.question import Question, Term


@dataclass(frozen=True, slots=True)
class Formula:
    """A truth value."""

    question: Question
    term: Term

    def __invert__(self) -> Formula:
        return Formula(self.question, self.question.negation(self.term))

    def choose(self, then: Integer, otherwise: Integer) -> Integer:
        """`then` where the formula holds, else `otherwise`."""
        return Integer(self.question, self.question.terms.mkTerm(Kind.ITE, self.term, then.term, otherwise.term))


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer; // and % are by positive constants and round down."""

    question: Question
    term: Term

    def constant(self, value: int) -> Integer:
        """A constant of the same question."""
        return Integer(self.question, self.question.number(value))

    def __add__(self, other: Integer | int) -> Integer:
        return self._apply(Kind.ADD, other)

    def __sub__(self, other: Integer | int) -> Integer:
        return self._apply(Kind.SUB, other)

    def __mul__(self, factor: int) -> Integer:
        return self._apply(Kind.MULT, factor)

    def __floordiv__(self, divisor: int) -> Integer:
        return self._apply(Kind.INTS_DIVISION, divisor)

    def __mod__(self, divisor: int) -> Integer:
        return self._apply(Kind.INTS_MODULUS, divisor)

    def equals(self, other: Integer | int) -> Formula:
        """self = other."""
        return Formula(self.question, self._apply(Kind.EQUAL, other).term)

    def is_below(self, other: Integer | int) -> Formula:
        """self < other."""
        return Formula(self.question, self._apply(Kind.LT, other).term)

    def _apply(self, kind: Kind, other: Integer | int) -> Integer:
        right = other.term if isinstance(other, Integer) else self.question.number(other)
        return Integer(self.question, self.question.terms.mkTerm(kind, self.term, right))
