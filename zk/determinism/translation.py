"""From a chip's expressions to a row: evaluates the lowered program under a case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gpu.program import Op
from zk.air.chip import Chip
from zk.air.expression import P
from zk.chips.buses import DELEG, PROG
from zk.determinism.contracts import CONTRACTS, TABLES, Table, rom_rule
from zk.determinism.polynomial import (
    Monomial,
    Polynomial,
    balanced,
    combine,
    constant,
    constant_value,
    is_affine,
    monomial_interval,
    multiply,
    shifted_variable,
    sum_interval,
    variable,
    variables_of,
)
from zk.determinism.row import Clause, Literal, Message, Row
from zk.errors import DeterminismError
from zk.vm.isa import ADDRESS_LIMIT

_NAMED_TERMS = 4  # an affine operand of a product with more terms becomes a variable of its own
_LIMB_COUNT = 1 << 16
_TIGHTENING_ROUNDS = 8


def build_row(
    chip: Chip, case: Mapping[str, int], calls: frozenset[int], *, without: frozenset[str] = frozenset()
) -> Row:
    """The row of a chip where `case` gives the values of some columns, all selectors among them.

    `calls` are the numbers of the calls that some coprocessor of the machine answers. `without` names rules
    (constraints by name, lookups by `lookup_rule`) that are left out, to ask whether they are needed. Raises
    DeterminismError where a multiplicity is not decided by the case, and for a bus without contract.
    """
    builder = _RowBuilder(chip, case, without)
    row = builder.build()
    for message in row.looked_up:
        _add_lookup(row, message)
    for message in row.received:
        _add_received(row, message)
    for message in row.sent:
        if message.bus == DELEG and calls:
            _add_answered(row, message, calls)
    builder.add_clauses()
    return row


def lookup_rule(chip: Chip, position: int) -> str:
    """Name of the lookup at this interaction."""
    return f"lookup {position} in {chip.interactions[position].bus.name}"


class _RowBuilder:
    """Evaluates the nodes of a chip's program under a case."""

    def __init__(self, chip: Chip, case: Mapping[str, int], without: frozenset[str]) -> None:
        names = chip.column_names
        self.chip, self.program = chip, chip.lower()
        self.without = without
        self.row = Row(chip, {names.index(name): value for name, value in case.items()})
        self.row._next = len(names) + len(self.program.nodes)
        self.constraints = [
            (c.name, node)
            for c, node in zip(chip.constraints, self.program.constraints, strict=True)
            if c.name not in without
        ]
        self._zeros: set[frozenset[tuple[Monomial, int]]] = set()  # affine forms that a constraint sets to 0
        self.forms: list[Polynomial] = []  # each node, by named variables
        self.raw: dict[int, Polynomial] = {}  # a named node, by its operands

    def build(self) -> Row:
        """Messages and ranges; clauses come with add_clauses, when all ranges are known."""
        self._evaluate(named=set())
        while self._fix_columns():
            self._evaluate(named=set())
        for number in range(len(self.chip.column_names)):
            if number not in self.row.fixed:
                self.row.ranges[number] = (0, P - 1)
        booleans = self._boolean_nodes()
        self._evaluate(self._looked_up_nodes() | booleans)
        for node in self.raw:
            self.row.ranges[self._variable(node)] = (0, 1) if node in booleans else (0, P - 1)
            self.row._named[frozenset(self.raw[node].items())] = self._variable(node)
        for _, node in self.constraints:
            self._narrow_boolean_column(node)
        self._add_messages()
        return self.row

    def _variable(self, node: int) -> int:
        return len(self.chip.column_names) + node

    def _evaluate(self, named: set[int]) -> None:
        """Polynomials of all nodes; `named` nodes become variables, and long affine operands of products as well."""
        self.forms, self.raw = [], {}
        for number, node in enumerate(self.program.nodes):
            match node.op:
                case Op.CONST:
                    form = constant(node.a)
                case Op.COLUMN:
                    form = constant(self.row.fixed[node.a]) if node.a in self.row.fixed else variable(node.a)
                case Op.ADD:
                    form = combine(self.forms[node.a], self.forms[node.b])
                case Op.SUB:
                    form = combine(self.forms[node.a], self.forms[node.b], -1)
                case Op.MUL:
                    form = multiply(self._operand(node.a, node.b), self._operand(node.b, node.a))
            self.forms.append(form)
            if number in named:
                self._name(number)

    def _operand(self, node: int, other: int) -> Polynomial:
        """A factor of a product: 0 where a constraint says so, a variable where it is long."""
        if constant_value(self.forms[other]) is not None:
            return self.forms[node]
        if _normal(self.forms[node]) in self._zeros:
            return {}
        if is_affine(self.forms[node]) and len(self.forms[node]) > _NAMED_TERMS:
            self._name(node)
        return self.forms[node]

    def _name(self, node: int) -> None:
        form = self.forms[node]
        if constant_value(form) is None and shifted_variable(form) is None and is_affine(form):
            self.raw[node] = form
            self.forms[node] = variable(self._variable(node))

    def _fix_columns(self) -> bool:
        """Notes columns that constraints and table rows give as constants, and forms that are 0; whether any is new."""
        found: dict[int, int] = {}
        zeros = len(self._zeros)
        for _, node in self.constraints:
            form = self.forms[node]
            if form and is_affine(form):
                self._zeros.add(_normal(form))
            linear = [monomial for monomial in form if monomial]
            if len(linear) == 1 and len(linear[0]) == 1:
                found[linear[0][0]] = -form.get((), 0) * pow(form[linear[0]], -1, P) % P
        for position, interaction in enumerate(self.program.interactions):
            table = TABLES.get(interaction.bus)
            if (
                table is not None
                and table.complete is not None
                and constant_value(self.forms[interaction.multiplicity])
                and lookup_rule(self.chip, position) not in self.without
            ):
                found |= self._fixed_by_table(table, [self.forms[node] for node in interaction.message])
        self.row.fixed |= found
        return bool(found) or len(self._zeros) > zeros

    def _fixed_by_table(self, table: Table, entries: list[Polynomial]) -> dict[int, int]:
        assert table.complete is not None
        leading = [constant_value(entry) for entry in entries[: table.keys]]
        if any(value is None for value in leading):
            return {}
        following = table.complete(tuple(value for value in leading if value is not None))
        if following is None:
            self.row.feasible = False
            return {}
        found = {}
        for entry, value in zip(entries[table.keys :], following, strict=True):
            single = shifted_variable(entry)
            if single is not None and single[1:] == (1, 0):
                found[single[0]] = value
        return found

    def _looked_up_nodes(self) -> set[int]:
        nodes: set[int] = set()
        for interaction in self.program.interactions:
            if interaction.bus in TABLES and self.forms[interaction.multiplicity]:
                nodes |= set(interaction.message)
        return nodes

    def _boolean_nodes(self) -> set[int]:
        """Nodes x with x (x - 1) = 0 and no further factor, which could be what is 0."""
        result = set()
        for _, node in self.constraints:
            factors = self._factors(node)
            if len(factors) == 2:
                result |= {x for x in factors if any(self._is_one_less(y, x) for y in factors)}
        return result

    def _is_one_less(self, y: int, x: int) -> bool:
        node = self.program.nodes[y]
        return node.op == Op.SUB and node.a == x and self.forms[node.b] == constant(1)

    def _narrow_boolean_column(self, node: int) -> None:
        factors = [self.forms[factor] for factor in self._factors(node)]
        if len(factors) == 2 and combine(factors[0], factors[1], -1) in (constant(1), constant(-1)):
            zero, one = sorted(factors, key=lambda form: form.get((), 0) == P - 1)
            single = shifted_variable(zero)
            if single is not None and single[1:] == (1, 0) and combine(zero, one, -1) == constant(1):
                self.row._intersect(single[0], 0, 1)

    def _factors(self, node: int) -> list[int]:
        """Nodes whose product the node is, without non-zero constants; empty where a constant factor is 0."""
        if constant_value(self.forms[node]) == 0:
            return []
        result, stack = [], [node]
        while stack:
            top = stack.pop()
            operation = self.program.nodes[top]
            if operation.op == Op.MUL and top not in self.raw:
                values = [constant_value(self.forms[n]) for n in (operation.a, operation.b)]
                if values == [None, None]:
                    stack += [operation.a, operation.b]
                    continue
                if 1 in values:
                    stack.append(operation.b if values[0] == 1 else operation.a)
                    continue
            if constant_value(self.forms[top]) is None:
                result.append(top)
        return result

    def _add_messages(self) -> None:
        row = self.row
        for position, interaction in enumerate(self.program.interactions):
            bus = self.chip.interactions[position].bus
            if lookup_rule(self.chip, position) in self.without:
                continue
            multiplicity = constant_value(self.forms[interaction.multiplicity])
            if multiplicity == 0 or (bus.kind == "lookup" and self._is_provided(interaction.multiplicity)):
                continue
            if multiplicity not in (1, P - 1):
                raise DeterminismError(
                    f"chip {self.chip.name}, interaction {position} on {bus.name}: expected multiplicity 0, 1 or -1 "
                    f"in the case {self.row.fixed}, found {multiplicity}"
                )
            message = Message(bus, tuple(self.forms[node] for node in interaction.message), position)
            kind = row.looked_up if bus.kind == "lookup" else row.sent if multiplicity == 1 else row.received
            kind.append(message)

    def _is_provided(self, multiplicity: int) -> bool:
        """Whether the row offers the tuple: minus a main column that is no selector (section 5.3)."""
        single = shifted_variable(self.forms[multiplicity])
        if single is None or single[1:] != (-1, 0) or single[0] >= len(self.chip.main):
            return False
        return self.chip.main[single[0]] not in self.chip.selectors

    def add_clauses(self) -> None:
        """Definitions of named variables, and the constraints."""
        row = self.row
        for node, form in self.raw.items():
            row.demand(f"node {node}", combine(form, variable(self._variable(node)), -1))
        for name, node in self.constraints:
            if constant_value(self.forms[node]) is not None:
                row.demand(name, self.forms[node])
                continue
            factors = [self.forms[factor] for factor in self._factors(node)]
            if all(single is not None for single in map(shifted_variable, factors)) and self._is_in_range(factors):
                continue  # a boolean column: its range says it
            row.clauses.append(Clause(name, tuple(Literal(factor) for factor in factors)))
        self._drop_unused_names()
        self._eliminate_witnesses()
        for _ in range(_TIGHTENING_ROUNDS):
            changed = [_tighten(row, clause) for clause in row.clauses]
            if not any(changed):
                break

    def _drop_unused_names(self) -> None:
        """Forgets named forms that nothing bounds or uses."""
        row = self.row
        for node in sorted(self.raw, reverse=True):
            number = self._variable(node)
            users = [clause for clause in row.clauses if number in clause.variables()]
            in_message = any(number in _message_variables(message) for message in _messages(row))
            if len(users) == 1 and not in_message and row.ranges[number] == (0, P - 1):
                row.clauses.remove(users[0])
                del row.ranges[number]

    def _is_in_range(self, factors: list[Polynomial]) -> bool:
        if len(factors) != 2 or variables_of(factors[0]) != variables_of(factors[1]):
            return False
        return self.row.ranges[next(iter(variables_of(factors[0])))] == (0, 1)

    def _eliminate_witnesses(self) -> None:
        """sum_i L_i v_i + rest = 0 with v_i nowhere else says: rest = 0, or some L_i is not 0."""
        row = self.row
        uses: dict[int, int] = {}
        for group in [clause.variables() for clause in row.clauses] + [_message_variables(m) for m in _messages(row)]:
            for number in group:
                uses[number] = uses.get(number, 0) + 1
        for at, clause in enumerate(row.clauses):
            if len(clause.literals) != 1 or is_affine(clause.literals[0].polynomial):
                continue
            polynomial = clause.literals[0].polynomial
            candidates = [v for v in variables_of(polynomial) if uses[v] == 1 and row.ranges[v] == (0, P - 1)]
            replaced = _without_witnesses(polynomial, candidates)
            if replaced is not None:
                row.clauses[at] = Clause(clause.rule, replaced[0])
                row.witnesses |= replaced[1]
                row.witness_equations.append(polynomial)


def _tighten(row: Row, clause: Clause) -> bool:
    """Narrows ranges by an equation that can be only one multiple of p; whether a range changed."""
    polynomial = clause.literals[0].polynomial
    if len(clause.literals) != 1 or not clause.literals[0].zero:
        return False
    terms = balanced(polynomial, row.ranges)
    bounds = {monomial: sum_interval([(c, monomial_interval(monomial, row.ranges))]) for monomial, c in terms.items()}
    low, high = sum(a for a, _ in bounds.values()), sum(b for _, b in bounds.values())
    if -(-low // P) != high // P:
        row.feasible &= -(-low // P) < high // P
        return False
    target, changed = high // P * P, False
    for monomial, c in terms.items():
        if len(monomial) == 1:
            a, b = bounds[monomial]
            ends = (target - (high - b), target - (low - a)) if c > 0 else (-target + (low - a), -target + (high - b))
            new_low, new_high = -(-ends[0] // abs(c)), ends[1] // abs(c)
            old = row.ranges[monomial[0]]
            row.ranges[monomial[0]] = (max(old[0], new_low), min(old[1], new_high))
            row.feasible &= max(old[0], new_low) <= min(old[1], new_high)
            changed |= row.ranges[monomial[0]] != old
    return changed


def _normal(form: Polynomial) -> frozenset[tuple[Monomial, int]]:
    """The form up to a constant factor."""
    scale = pow(form[min(form)], -1, P) if form else 1
    return frozenset((monomial, c * scale % P) for monomial, c in form.items())


def _without_witnesses(
    polynomial: Polynomial, candidates: Iterable[int]
) -> tuple[tuple[Literal, ...], set[int]] | None:
    cofactors: dict[int, Polynomial] = {}
    rest: Polynomial = {}
    chosen = set(candidates)
    for monomial, coefficient in polynomial.items():
        witnesses = [number for number in monomial if number in chosen]
        if not witnesses:
            rest[monomial] = coefficient
        elif len(witnesses) == 1:
            others = tuple(number for number in monomial if number != witnesses[0])
            cofactors.setdefault(witnesses[0], {})[others] = coefficient
        else:
            return None
    if not cofactors:
        return None
    literals = [Literal(rest), *(Literal(cofactor, zero=False) for cofactor in cofactors.values())]
    return tuple(literals), set(cofactors)


def _messages(row: Row) -> list[Message]:
    return [*row.sent, *row.received, *row.looked_up]


def _message_variables(message: Message) -> set[int]:
    return {number for entry in message.entries for number in variables_of(entry)}


def _add_lookup(row: Row, message: Message) -> None:
    rule = lookup_rule(row.chip, message.position)
    if message.bus == PROG:
        _add_fetch(row, message)
        return
    table = TABLES.get(message.bus.number)
    if table is None:
        raise DeterminismError(f"chip {row.chip.name}: lookup bus {message.bus.name} has no contract")
    for entry, bounds in zip(message.entries, table.ranges, strict=True):
        row.confine(rule, entry, bounds)


def _add_fetch(row: Row, message: Message) -> None:
    """The fields obey the rules of section 14 for their op code."""
    op = constant_value(message.entries[1])
    if op is None:
        raise DeterminismError(f"chip {row.chip.name}: the case {row.fixed} does not decide the op code")
    rule = rom_rule(op)
    pc, _, *fields = message.entries
    for entry, bounds in zip((pc, *fields), rule.fields(), strict=True):
        row.confine("fetch", entry, bounds)
    if rule.links:
        high = row.auxiliary(0, ADDRESS_LIMIT >> 16)
        sum_of_limbs = combine(fields[-1], variable(high), _LIMB_COUNT)
        row.demand("link", combine(combine(pc, constant(4)), sum_of_limbs, -1))


def _add_received(row: Row, message: Message) -> None:
    contract = CONTRACTS.get(message.bus.number)
    if contract is None:
        raise DeterminismError(f"chip {row.chip.name}: bus {message.bus.name} has no contract")
    for at, bounds in contract.received.items():
        row.confine(f"received on {message.bus.name}", message.entries[at], bounds)


def _add_answered(row: Row, message: Message, calls: frozenset[int]) -> None:
    """Some coprocessor receives the call, so its number is one of theirs."""
    literals = tuple(Literal(combine(message.entries[0], constant(call), -1)) for call in sorted(calls))
    row.clauses.append(Clause("the call is answered", literals))
