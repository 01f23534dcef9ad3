"""The proof that a chip's rows are functions, case by case."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, product

from zk.air.chip import Chip, Machine
from zk.air.expression import P, column
from zk.chips.buses import DELEG, PROG
from zk.chips.frame import Columns
from zk.determinism.cases import case_name, cases_of, coded_columns, op_of
from zk.determinism.contracts import CONTRACTS, TABLES, Range
from zk.determinism.correctness import Correctness, unexpected_messages
from zk.determinism.obligations import Obligation, progress_obligations, range_obligations
from zk.determinism.pair import LIMITS, Pair
from zk.determinism.polynomial import Polynomial, constant_value, variable, variables_of
from zk.determinism.question import Answer, Copy, Question
from zk.determinism.row import Message, Row
from zk.determinism.semantics import is_stated
from zk.determinism.statements import Statement, statement_of
from zk.determinism.translation import build_row
from zk.vm.isa import OpCode

LIMIT = 1_000_000
CLAIMS = ("case", "outputs", "ranges", "progress", "messages", "semantics", "one case per input")
CONTRADICTION = "case contradicts a constraint"


@dataclass(frozen=True, slots=True)
class Finding:
    """One proven or open claim about a chip in one case; `given`: columns that are the prover's choice, and why."""

    chip: str
    case: str
    claim: str
    proven: bool
    method: str
    seconds: float
    detail: str = ""
    given: tuple[str, ...] = ()


def calls_of(machine: Machine) -> frozenset[int]:
    """Numbers of the calls that the machine's coprocessors answer."""
    found = set()
    for chip in machine.chips:
        for interaction in chip.interactions:
            first = interaction.message[0]
            if interaction.bus == DELEG and first.op == "const":
                found.add(first.value)
    return frozenset(found)


def with_global(chip: Chip) -> Chip:
    """The chip with its global interactions among the others: for a row they are interactions like all."""
    return replace(chip, interactions=[*chip.interactions, *chip.global_interactions], global_interactions=[])


class ChipProof:
    """All claims about one chip. `without` leaves out rules of the chip, to ask whether they are needed."""

    def __init__(self, chip: Chip, calls: frozenset[int], without: frozenset[str] = frozenset()) -> None:
        self.chip, self.calls, self.without = with_global(chip), calls, without
        self.statement: Statement = statement_of(chip)

    def findings(self, claims: Collection[str] = CLAIMS) -> Iterator[Finding]:
        """Proves every claim, or those named; the caller decides what an open one means."""
        rows = [self.row(case) for case in self.cases()]
        for row in rows:
            for claim, prove in self._claims(row).items():
                if claim in claims:
                    finding = self._timed(case_name(self.chip, row), claim, prove)
                    yield replace(finding, given=self._given(row)) if claim == "outputs" else finding
        if "one case per input" in claims and len(rows) > 1:
            yield self._timed("all", "one case per input", partial(self._distinct, rows))

    def _claims(self, row: Row) -> dict[str, Callable[[], tuple[str, str]]]:
        """The claims about one case. A case that cannot be is one open claim: proofs about it would say nothing."""
        if not row.feasible:
            return {"case": lambda: ("structure", CONTRADICTION)}
        claims: dict[str, Callable[[], tuple[str, str]]] = {
            "outputs": partial(self._outputs, row),
            "ranges": partial(self._kept, row, range_obligations),
            "progress": partial(self._kept, row, progress_obligations),
        }
        op = op_of(row)
        if op is not None:
            claims["messages"] = partial(self._messages, row, OpCode(op))
            if is_stated(OpCode(op)):
                claims["semantics"] = partial(self._effects, row)
        return claims

    def cases(self) -> list[dict[str, int]]:
        """The cases of the chip. Raises DeterminismError where a rule that decides them is left out."""
        return cases_of(self.chip, self.without)

    def row(self, case: Mapping[str, int]) -> Row:
        """A row in this case."""
        row = build_row(self.chip, case, self.calls, without=self.without)
        for name, bounds in self.statement.setup.items():
            row.confine("setup", row.column(name), bounds)
        return row

    def _timed(self, case: str, claim: str, prove: Callable[[], tuple[str, str]]) -> Finding:
        start = time.perf_counter()
        method, open_claims = prove()
        return Finding(self.chip.name, case, claim, not open_claims, method, time.perf_counter() - start, open_claims)

    # Outputs are determined

    def _outputs(self, row: Row) -> tuple[str, str]:
        pair = self.pair(row)
        still_open = pair.settle(LIMITS[:2] if self.statement.splits else LIMITS)
        if still_open and self.statement.splits:
            return self._split(row, pair)
        method = f"smt ({pair.asked})" if pair.asked else "structure"
        return method, "; ".join(name for name, _ in still_open)

    def pair(self, row: Row, known: frozenset[int] = frozenset()) -> Pair:
        """Two rows of this case in which the choices, and what is already known, agree."""
        names = self.chip.column_names
        chosen = {names.index(name) for name in self.agreeing_columns(row)}
        make = self.statement.product
        columns = Columns({name: column(number) for number, name in enumerate(names)})
        return Pair(row, None if make is None else make(columns), (chosen | known) - set(row.fixed))

    def agreeing_columns(self, row: Row) -> list[str]:
        """Columns in which two rows agree whatever they receive: choices of the case, preprocessed and virtual ones."""
        return [*self._choices(row), *self.chip.preprocessed, *self.chip.virtual]

    def _choices(self, row: Row) -> dict[str, str]:
        """The columns that the prover chooses in this case, with the reasons why it may."""
        names, choices = self.chip.column_names, self.statement.choices
        return {name: c.reason for name, c in choices.items() if row.fixed[names.index(c.only_with)]}

    def _given(self, row: Row) -> tuple[str, ...]:
        by_reason: dict[str, list[str]] = {}
        for name, reason in self._choices(row).items():
            by_reason.setdefault(reason, []).append(name)
        return tuple(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())

    def _split(self, row: Row, pair: Pair) -> tuple[str, str]:
        """The split columns agree, so each of their values is a case of its own."""
        names = self.chip.column_names
        numbers = [names.index(name) for name in self.statement.splits]
        asked, still_open = pair.asked, [names[n] for n in numbers if n not in pair.shared | set(row.fixed)]
        for values, part in self._parts(row) if not still_open else ():
            if not part.feasible:
                still_open.append(f"{values}: {CONTRADICTION}")
                continue
            inner = self.pair(part, frozenset(pair.shared))
            still_open += [f"{values}: {name}" for name, _ in inner.settle()]
            asked += inner.asked
        return f"smt ({asked}), split", "; ".join(still_open)

    def split_values(self, row: Row) -> list[tuple[int, ...]]:
        """All values of the split columns; one empty tuple without a split."""
        names = self.chip.column_names
        numbers = [names.index(name) for name in self.statement.splits]
        return list(product(*(_values(row, number) for number in numbers)))

    def _named_case(self, row: Row) -> dict[str, int]:
        names = self.chip.column_names
        return {name: row.fixed[names.index(name)] for name in (*self.chip.selectors, *coded_columns(self.chip))}

    # Instructions do what the ISA says

    def _messages(self, row: Row, op: OpCode) -> tuple[str, str]:
        return "structure", "; ".join(unexpected_messages(row, op))

    def _effects(self, row: Row) -> tuple[str, str]:
        asked, still_open = 0, []
        for values, part in self._parts(row):
            if not part.feasible:
                still_open.append(f"{values}: {CONTRADICTION}")
                continue
            correctness = Correctness(part)
            still_open += correctness.open_claims()
            asked += correctness.asked
        return f"smt ({asked})", "; ".join(still_open)

    def _parts(self, row: Row) -> Iterator[tuple[tuple[int, ...], Row]]:
        """The row, or where the statement splits it, a row for each value; every one of them must be feasible."""
        if not self.statement.splits:
            yield (), row
            return
        named = self._named_case(row)
        for values in self.split_values(row):
            yield values, self.row({**named, **dict(zip(self.statement.splits, values, strict=True))})

    # What is sent keeps the promises of its bus

    def _kept(self, row: Row, obligations: Callable[[Row], Iterable[Obligation]]) -> tuple[str, str]:
        asked, still_open = 0, []
        for values, part in self._parts(row):
            if not part.feasible:
                still_open.append(f"{values}: {CONTRADICTION}")
                continue
            for name, form, bounds in obligations(part):
                if not _is_plain(part, form, bounds):
                    asked += 1
                    if self._is_in_range(part, form, bounds) != "unsat":
                        still_open.append(name)
        return f"smt ({asked})" if asked else "structure", "; ".join(still_open)

    def _is_in_range(self, row: Row, form: Polynomial, bounds: Range) -> Answer:
        """`unsat` where the value cannot lie outside: from the constraints on its variables, from all linked ones."""
        answer: Answer = "unknown"
        for reach in (1, len(row.clauses)):
            question = Question(LIMIT)
            copy = Copy(row, 0)
            question.add_row(copy, row.linked_clauses(variables_of(form), reach))
            value = question.canonical(copy, form)
            outside = [question.at_most(value, question.number(bounds.low - 1))]
            outside.append(question.at_most(question.number(bounds.high + 1), value))
            if bounds.step > 1:
                outside.append(question.negation(question.is_multiple(value, bounds.step)))
            question.add(question.any_of(outside))
            answer = question.check()
            if answer == "unsat":
                break
        return answer

    # The inputs decide the case

    def _distinct(self, rows: Sequence[Row]) -> tuple[str, str]:
        asked, still_open = 0, []
        for first, second in combinations(rows, 2):
            ops = [op_of(first), op_of(second)]
            if None not in ops and ops[0] != ops[1]:
                continue
            asked += 1
            if self._can_meet(first, second) != "unsat":
                still_open.append(f"{case_name(self.chip, first)} and {case_name(self.chip, second)}")
        return f"smt ({asked})" if asked else "op codes", "; ".join(still_open)

    def _can_meet(self, first: Row, second: Row) -> Answer:
        """Whether rows in two cases can have the same inputs."""
        question = Question(LIMIT)
        copies = Copy(first, 0), Copy(second, 1)
        for copy in copies:
            question.add_row(copy)
        for left, right in _same_questions(first, second):
            keys = key_count(left)
            same = [
                question.vanishes((1, left.entries[at], copies[0]), (P - 1, right.entries[at], copies[1]))
                for at in range(len(left.entries))
            ]
            differ = [
                question.differs_from_zero((1, left.entries[at], copies[0]), (P - 1, right.entries[at], copies[1]))
                for at in keys
            ]
            for at, formula in enumerate(same):
                if at not in keys:
                    question.add(question.any_of([*differ, formula]))
        return question.check()


def _values(row: Row, number: int) -> list[int]:
    """All values that a column can have."""
    if number in row.fixed:
        return [row.fixed[number]]
    low, high = row.ranges[number]
    return row.domains.get(number) or list(range(low, high + 1))


def key_count(message: Message) -> tuple[int, ...]:
    """Entries by which a received or looked-up tuple is asked for."""
    if message.bus == PROG:
        return (0,)
    if message.bus.kind == "lookup":
        return tuple(range(TABLES[message.bus.number].keys))
    return CONTRACTS[message.bus.number].keys


def _same_questions(first: Row, second: Row) -> Iterator[tuple[Message, Message]]:
    """Pairs of received or fetched tuples that are one interaction of the chip."""
    for group in ("received", "looked_up"):
        right = {message.position: message for message in getattr(second, group)}
        for message in getattr(first, group):
            has_keys = message.bus.kind == "permutation" or message.bus == PROG
            if has_keys and message.position in right:
                yield message, right[message.position]


def _is_plain(row: Row, form: Polynomial, bounds: Range) -> bool:
    """Whether the form, or what one linear equation makes of it, is a constant or a variable whose range says it."""
    return any(_is_confined(row, reduced, bounds) for reduced in row.reductions(form))


def _is_confined(row: Row, form: Polynomial, bounds: Range) -> bool:
    value = constant_value(form)
    if value is not None:
        return bounds.low <= value <= bounds.high and value % bounds.step == bounds.low % bounds.step
    numbers = variables_of(form)
    if len(numbers) != 1 or form != variable(min(numbers)):
        return False
    low, high = row.ranges[min(numbers)]
    return bounds.step == 1 and bounds.low <= low and high <= bounds.high
