"""Affine forms of the nodes of a chip, as the evaluators compute them: over columns, products and shared sums."""

from __future__ import annotations

from dataclasses import dataclass

from gpu.program import ChipProgram, Op
from zk.field import P

SMALL_COEFFICIENT_MAX = 1 << 17


@dataclass(frozen=True, slots=True)
class Form:
    """An affine form: coefficients by atom (node number), constant; canonical numbers."""

    terms: tuple[tuple[int, int], ...]
    constant: int


class ChipForms:
    """The affine forms of a chip's nodes over its atoms: columns, products, shared sums."""

    def __init__(self, program: ChipProgram) -> None:
        self.program = program
        self._uses = _use_counts(program)
        self._forms: dict[int, Form] = {}
        for number in range(len(program.nodes)):
            self._forms[number] = self._expand(number)

    def form(self, number: int) -> Form:
        """The form in which another node or a root uses this node: shared sums are atoms."""
        own = self._forms[number]
        if self._uses[number] > 1 and len(own.terms) > 1:
            return Form(((number, 1),), 0)
        return own

    def definition(self, number: int) -> Form:
        """The form that defines a shared sum."""
        return self._forms[number]

    def uses(self, number: int) -> int:
        """How often a node is an operand, constraint, multiplicity or message entry."""
        return self._uses[number]

    def _expand(self, number: int) -> Form:
        node = self.program.nodes[number]
        if node.op is Op.CONST:
            return Form((), node.a)
        if node.op is Op.COLUMN:
            return Form(((number, 1),), 0)
        left, right = self.form(node.a), self.form(node.b)
        if node.op is Op.MUL:
            if left.terms and right.terms:
                return Form(((number, 1),), 0)
            return _scaled(left, right.constant) if not right.terms else _scaled(right, left.constant)
        return _sum(left, right if node.op is Op.ADD else _scaled(right, P - 1))


def _scaled(form: Form, factor: int) -> Form:
    terms = tuple((atom, c * factor % P) for atom, c in form.terms if c * factor % P)
    return Form(terms, form.constant * factor % P)


def _sum(left: Form, right: Form) -> Form:
    total = dict(left.terms)
    for atom, coefficient in right.terms:
        total[atom] = (total.get(atom, 0) + coefficient) % P
    return Form(tuple((atom, c) for atom, c in total.items() if c), (left.constant + right.constant) % P)


def _use_counts(program: ChipProgram) -> list[int]:
    """Uses from nodes that some root reaches, and from the roots."""
    uses = [0] * len(program.nodes)
    for root in (*program.constraints, *(n for i in program.interactions for n in (i.multiplicity, *i.message))):
        uses[root] += 1
    for number in reversed(range(len(program.nodes))):
        node = program.nodes[number]
        if uses[number] and node.op not in (Op.CONST, Op.COLUMN):
            uses[node.a] += 1
            uses[node.b] += 1
    return uses


def small_coefficients(form: Form) -> tuple[int | None, list[tuple[int, int]]]:
    """(k, coefficients times 2^k as small signed numbers) for the smallest such k, or (None, ..)."""
    for shift in range(25):
        scaled = [(atom, _signed(c * pow(2, shift, P) % P)) for atom, c in form.terms]
        if all(abs(c) <= SMALL_COEFFICIENT_MAX for _, c in scaled):
            return shift, scaled
    return None, []


def _signed(value: int) -> int:
    return value if value <= P // 2 else value - P
