"""Two rows of one chip in the same case with the same inputs: which of their variables must agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from zk.air.expression import P
from zk.chips.buses import PROG
from zk.determinism.contracts import CONTRACTS, TABLES
from zk.determinism.polynomial import Monomial, Polynomial, centred, combine, constant_value, variables_of
from zk.determinism.question import Answer, Copy, Question
from zk.determinism.row import Clause, Message, Row
from zk.determinism.statements import Product, Word

LIMITS = (10_000, 50_000, 250_000, 1_000_000)  # the solver tries everything briefly before anything long


@dataclass(slots=True)
class Pair:
    """Two rows with equal inputs. `shared` grows with every variable that is proven to agree.

    Proofs are structural (a constraint is linear in one open variable with a constant factor; a table row is found by
    entries that agree) or the solver's (`asked` counts its questions).
    """

    row: Row
    product: Product | None = None
    shared: set[int] = field(default_factory=set)
    equal_forms: list[Polynomial] = field(default_factory=list)
    equal_words: list[dict[Monomial, int]] = field(default_factory=list)
    asked: int = 0

    def outputs(self) -> list[tuple[str, Polynomial]]:
        """What other rows rely on: tuples sent, and the keys by which tuples are received."""
        row = self.row
        result = [
            (f"{message.bus.name}[{at}] sent by interaction {message.position}", entry)
            for message in row.sent
            for at, entry in enumerate(message.entries)
        ]
        for message in row.received:
            keys = CONTRACTS[message.bus.number].keys
            result += [
                (f"{message.bus.name}[{at}] asked by interaction {message.position}", message.entries[at])
                for at in keys
            ]
        for message in row.looked_up:
            if message.bus == PROG:
                result.append(("fetched pc", message.entries[0]))
        return result

    def open_outputs(self) -> list[tuple[str, Polynomial]]:
        """Outputs that are not yet proven to agree."""
        return [(name, form) for name, form in self.outputs() if not self.agrees(form)]

    def agrees(self, form: Polynomial) -> bool:
        """Whether the form is known to have the same value in both rows."""
        return variables_of(form) <= self.shared or form in self.equal_forms

    def settle(self, limits: Sequence[int] = LIMITS) -> list[tuple[str, Polynomial]]:
        """Proves what it can, with ever larger limits of the solver; returns the outputs that stay open."""
        self.propagate()
        refuted: set[int] = set()  # variables that can differ as far as the solver knows; new knowledge clears it
        for limit in limits:
            progress = True
            while self.open_outputs() and progress:
                progress = self._ask_product(limit) or self._ask_variables(limit, refuted) or self._ask_outputs(limit)
        return self.open_outputs()

    # Structural steps

    def propagate(self) -> None:
        """Applies the structural steps until nothing changes."""
        before = -1
        while before != len(self.shared) + len(self.equal_forms):
            before = len(self.shared) + len(self.equal_forms)
            for message in self.row.received:
                keys = CONTRACTS[message.bus.number].keys
                if self._is_admitted(message) and all(self.agrees(message.entries[at]) for at in keys):
                    self._learn_all(entry for at, entry in enumerate(message.entries) if at not in keys)
            for message in self.row.looked_up:
                count = 1 if message.bus == PROG else TABLES[message.bus.number].keys
                if count and all(self.agrees(entry) for entry in message.entries[:count]):
                    self._learn_all(message.entries[count:])
            for clause in self.row.clauses:
                if len(clause.literals) == 1 and clause.literals[0].zero:
                    self._solve(clause.literals[0].polynomial)

    def _is_admitted(self, message: Message) -> bool:
        """A received tuple is an input once all that this row sent before on its bus agrees: then so do the answers."""
        earlier = (other for other in self.row.sent if other.bus == message.bus and self._precedes(other, message))
        return all(self.agrees(entry) for other in earlier for entry in other.entries)

    def _precedes(self, sent: Message, received: Message) -> bool:
        at = CONTRACTS[sent.bus.number].ordering
        if at is None:
            return sent.position < received.position
        completing = next((m for m in self.row.sent if m.bus == sent.bus and m.position > received.position), None)
        if completing is None:
            return True
        difference = constant_value(combine(completing.entries[at], sent.entries[at], -1))
        return difference is None or 0 < difference < P // 2

    def _learn_all(self, forms: Iterable[Polynomial]) -> None:
        for form in forms:
            if not self.agrees(form):
                self._solve(form)
                if not self.agrees(form):
                    self.equal_forms.append(form)

    def _solve(self, form: Polynomial) -> None:
        """A form that agrees and is linear in its only open variable makes this variable agree."""
        unknown = variables_of(form) - self.shared
        if len(unknown) == 1:
            number = next(iter(unknown))
            if [monomial for monomial in form if number in monomial] == [(number,)]:
                self.shared.add(number)

    # The solver's steps

    def _ask_product(self, limit: int) -> bool:
        """Asks whether the left factor of the product, as an integer, can differ."""
        if self.product is None or self.equal_words:
            return False
        word = integer_word(self.row, self.product.left)
        if all(set(monomial) <= self.shared for monomial in word):
            return False
        self.asked += 1
        question, copies = self.question(self.row.clauses, limit)
        zero = question.equal(question.difference_of_forms(word, *copies), question.number(0))
        question.add(question.negation(zero))
        if question.check() != "unsat":
            return False
        self.equal_words.append(word)
        return True

    def _ask_variables(self, limit: int, refuted: set[int]) -> bool:
        """Asks for each open variable near the open outputs whether it can differ; whether one cannot."""
        progress = False
        for number in sorted(self._near([form for _, form in self.open_outputs()])):
            if number in self.shared | self.row.witnesses | refuted:
                continue
            answer = self.ask({(number,): 1}, limit)
            if answer == "sat":
                refuted.add(number)
            if answer == "unsat":
                self.shared.add(number)
                progress = True
                refuted.clear()
                self.propagate()
        return progress

    def _ask_outputs(self, limit: int) -> bool:
        progress = False
        for _, form in self.open_outputs():
            if self.ask(form, limit) == "unsat":
                self.equal_forms.append(form)
                progress = True
                self.propagate()
        return progress

    def ask(self, form: Polynomial, limit: int) -> Answer:
        """Whether the form can differ: from what agrees already, from the constraints near the form, from all."""
        near = self._near([form])
        linked = [clause for clause in self.row.clauses if clause.variables() & near]
        attempts = [[], linked, self.row.clauses] if self.equal_words else [linked, self.row.clauses]
        answer: Answer = "unknown"
        for clauses in attempts:
            answer = self._ask(form, clauses, limit)
            if answer == "unsat" or len(clauses) == len(self.row.clauses):
                return answer
        return answer

    def _near(self, forms: Sequence[Polynomial]) -> set[int]:
        """Open variables that are linked to the forms by constraints."""
        found: set[int] = set()
        for form in forms:
            found |= variables_of(form) - self.shared
        groups = [clause.variables() - self.shared for clause in self.row.clauses]
        groups += [variables_of(equal) - self.shared for equal in self.equal_forms]
        groups += [
            {number for entry in message.entries for number in variables_of(entry)} - self.shared
            for message in self.row.looked_up
            if message.bus != PROG and TABLES[message.bus.number].keys
        ]
        size = -1
        while size != len(found):
            size = len(found)
            for group in groups:
                if group & found:
                    found |= group
        return found

    def _ask(self, form: Polynomial, clauses: Sequence[Clause], limit: int) -> Answer:
        self.asked += 1
        question, (first, second) = self.question(clauses, limit)
        question.add(question.differs_from_zero((1, form, first), (P - 1, form, second)))
        return question.check()

    def question(self, clauses: Sequence[Clause], limit: int) -> tuple[Question, tuple[Copy, Copy]]:
        """A question about both rows, with what is known to agree."""
        question = Question(limit)
        shared = frozenset(self.shared)
        first, second = Copy(self.row, 0, shared), Copy(self.row, 1, shared)
        question.add_row(first, clauses)
        question.add_row(second, [clause for clause in clauses if not clause.variables() <= shared])
        for form in self.equal_forms:
            if not variables_of(form) <= shared:
                question.add(question.vanishes((1, form, first), (P - 1, form, second)))
        for word in self.equal_words:
            question.add(question.equal(question.difference_of_forms(word, first, second), question.number(0)))
        if self.product is not None and clauses:
            self._add_product(question, first, second)
        return question, (first, second)

    def _add_product(self, question: Question, first: Copy, second: Copy) -> None:
        """For integers: (x - y) c is 0 where x = y, and at least |c| away from 0 elsewhere."""
        assert self.product is not None
        left, right = integer_word(self.row, self.product.left), integer_word(self.row, self.product.right)
        if not all(set(monomial) <= self.shared for monomial in right):
            return
        product = multiply_integers(left, right)
        difference = question.difference_of_forms(left, first, second)
        difference_of_products = question.difference_of_forms(product, first, second)
        question.add_product_fact(difference, question.integer_form(first, right), difference_of_products)


def integer_word(row: Row, word: Word) -> dict[Monomial, int]:
    """The integer with these weighted digits, as a form in the variables of the row."""
    result: dict[Monomial, int] = {}
    for weight, digit in word:
        for monomial, coefficient in row.form(digit).items():
            result[monomial] = result.get(monomial, 0) + weight * centred(coefficient)
    return {monomial: c for monomial, c in result.items() if c}


def multiply_integers(left: dict[Monomial, int], right: dict[Monomial, int]) -> dict[Monomial, int]:
    """The product over the integers."""
    result: dict[Monomial, int] = {}
    for a, x in left.items():
        for b, y in right.items():
            monomial = tuple(sorted(a + b))
            result[monomial] = result.get(monomial, 0) + x * y
    return {monomial: c for monomial, c in result.items() if c}
