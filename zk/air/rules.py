"""What the generator checks before a chip may be part of a verifying key (proof system, section 5).

The AIR is sound only if each of these holds; a chip that breaks one is refused with AirError.
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import combinations

from gpu.program import Op
from zk.air.affine import AffineForm, Monomials, affine_form, columns_of, monomials, substitute_zero
from zk.air.chip import CONSTANT_KINDS, VIRTUAL_KINDS, Bus, Chip, Interaction, Machine
from zk.air.expression import Expr, P, column
from zk.errors import AirError

DEGREE_MAX = 3
MESSAGE_LENGTH_MAX = 15
BUS_NUMBER_MAX = 63
HEIGHT_LOG_MIN = 4


def check_machine(machine: Machine) -> None:
    """Checks all chips and buses of a machine. Raises AirError naming the first broken rule."""
    check_chips(machine.chips, machine.buses)


def check_chips(chips: Sequence[Chip], buses: Sequence[Bus]) -> None:
    """Checks chips that share the given buses. Raises AirError naming the first broken rule."""
    _check_buses(buses)
    names = [chip.name for chip in chips]
    _demand(len(set(names)) == len(names), "machine", "chip names must be distinct")
    declared = {bus.number: bus for bus in buses}
    for chip in chips:
        check_chip(chip)
        for interaction in _all_interactions(chip):
            known = declared.get(interaction.bus.number) == interaction.bus
            _demand(known, chip.name, f"bus {interaction.bus.name} is not declared by the machine")
    local = {interaction.bus for chip in chips for interaction in chip.interactions}
    shared = {interaction.bus for chip in chips for interaction in chip.global_interactions}
    mixed = sorted(bus.name for bus in local & shared)
    _demand(not mixed, "machine", f"buses {mixed} are used within a proof and across shards")
    lookups = sorted(bus.name for bus in shared if bus.kind == "lookup")
    _demand(not lookups, "machine", f"lookup buses {lookups} are used across shards")
    facts = [BooleanFacts(chip) for chip in chips]
    for bus in buses:
        _check_bus_uses(bus, chips, facts)


def check_chip(chip: Chip) -> None:
    """Checks the rules that concern one chip alone."""
    _check_shape(chip)
    for constraint in chip.constraints:
        found = constraint.expr.degree
        _demand(found <= DEGREE_MAX, chip.name, f"constraint {constraint.name!r}: degree {found} is above {DEGREE_MAX}")
    for interaction in _all_interactions(chip):
        _check_interaction_form(chip, interaction)
    _check_definitions(chip)
    _check_padding(chip)


def _demand(condition: bool, chip: str, rule: str) -> None:
    if not condition:
        raise AirError(f"{chip}: {rule}")


def _all_interactions(chip: Chip) -> list[Interaction]:
    return [*chip.interactions, *chip.global_interactions]


def _is_table(chip: Chip) -> bool:
    """Whether columns that are not committed with the trace tie the chip to one height."""
    return bool(chip.preprocessed) or any(kind not in CONSTANT_KINDS for kind in chip.virtual)


def _check_shape(chip: Chip) -> None:
    names = chip.column_names
    _demand(len(set(names)) == len(names), chip.name, "column names must be distinct")
    _demand(bool(chip.main), chip.name, "a chip needs a main column")
    _demand(bool(chip.interactions), chip.name, "a chip needs an interaction")
    _demand(HEIGHT_LOG_MIN <= chip.height_log_min <= chip.height_log_max, chip.name, "heights must be 2^4 or more")
    fixed = chip.height_log_min == chip.height_log_max and not chip.optional
    _demand(fixed or not _is_table(chip), chip.name, "a table has one height and is never absent")
    _demand(chip.boundary or not chip.global_interactions, chip.name, "global interactions need boundary columns")
    unknown = [kind for kind in chip.virtual if kind not in VIRTUAL_KINDS]
    _demand(not unknown, chip.name, f"virtual kinds {unknown} are unknown")
    missing = [name for name in chip.selectors if name not in chip.main + chip.preprocessed]
    _demand(not missing, chip.name, f"selectors {missing} are no columns")
    programs = [program for program in (chip.lower(), chip.lower_global()) if program is not None]
    used = {node.a for program in programs for node in program.nodes if node.op == Op.COLUMN}
    idle = [name for number, name in enumerate(names) if number not in used]
    _demand(not idle, chip.name, f"columns {idle} occur nowhere")


def _check_buses(buses: Sequence[Bus]) -> None:
    numbers = [bus.number for bus in buses]
    _demand(len(set(numbers)) == len(numbers), "buses", "numbers must be distinct")
    for bus in buses:
        _demand(1 <= bus.number <= BUS_NUMBER_MAX, bus.name, f"bus number must be in 1..{BUS_NUMBER_MAX}")
        _demand(1 <= bus.length <= MESSAGE_LENGTH_MAX, bus.name, f"message length must be in 1..{MESSAGE_LENGTH_MAX}")


def _check_interaction_form(chip: Chip, interaction: Interaction) -> None:
    bus = interaction.bus
    _demand(len(interaction.message) == bus.length, chip.name, f"bus {bus.name}: message length must be {bus.length}")
    for expr in (interaction.multiplicity, *interaction.message):
        _demand(expr.degree <= 1, chip.name, f"bus {bus.name}: multiplicity and message must be affine")


def _check_bus_uses(bus: Bus, chips: Sequence[Chip], facts: Sequence[BooleanFacts]) -> None:
    """Multiplicity rule: boolean uses only, or boolean consumers (+) and free columns of one providing chip."""
    providers = set()
    for chip, known in zip(chips, facts, strict=True):
        for interaction in _all_interactions(chip):
            if interaction.bus != bus:
                continue
            form = affine_form(interaction.multiplicity)
            sign = known.sign_of_boolean(form)
            if sign is None:
                free = bus.kind == "lookup" and _is_minus_free_column(chip, form)
                _demand(free, chip.name, f"bus {bus.name}: a multiplicity is not forced into {{0, 1}}")
                providers.add(chip.name)
            elif bus.kind == "lookup":
                _demand(sign > 0, chip.name, f"bus {bus.name}: consumers of a lookup bus must have sign +")
    if bus.kind == "lookup":
        _demand(len(providers) == 1, bus.name, f"a lookup bus needs one providing chip, found {sorted(providers)}")


def _is_minus_free_column(chip: Chip, form: AffineForm) -> bool:
    """Whether the form is -m for a main column m that no constraint mentions."""
    if form.constant or list(form.coefficients.values()) != [P - 1]:
        return False
    number = next(iter(form.coefficients))
    constrained = {c for constraint in chip.constraints for c in columns_of(constraint.expr)}
    return number < len(chip.main) and number not in constrained


class BooleanFacts:
    """Forms whose value the ungated constraints of a chip force into {0, 1}."""

    def __init__(self, chip: Chip) -> None:
        names = chip.column_names
        self._preprocessed = {names.index(name) for name in chip.preprocessed if name in chip.selectors}
        self._ungated = {
            _normal(monomials(c.expr)) for c in chip.constraints if c.defines is None and c.expr.degree == 2
        }
        self._sums: list[frozenset[int]] = []
        self._subordinate: list[tuple[frozenset[int], int]] = []
        self._collect(chip)

    def _collect(self, chip: Chip) -> None:
        """Sums of columns f with f (f - 1) = 0, each summand boolean too, and pairs (sum, f) with f (1 - sum) = 0."""
        flags = [n for n in range(len(chip.main)) if self._has_boolean_constraint(frozenset({n}))]
        for size in range(1, len(flags) + 1):
            sums = (frozenset(group) for group in combinations(flags, size))
            self._sums.extend(group for group in sums if self._has_boolean_constraint(group))
        for group in self._sums:
            for flag in flags:
                selector, f = _sum(group), column(flag)
                if flag not in group and _normal(monomials(f * (1 - selector))) in self._ungated:
                    self._subordinate.append((group, flag))

    def _has_boolean_constraint(self, group: frozenset[int]) -> bool:
        selector = _sum(group)
        return _normal(monomials(selector * (selector - 1))) in self._ungated

    def sign_of_boolean(self, form: AffineForm) -> int | None:
        """+1 or -1 where the form is that sign times a value in {0, 1}; None where this is not forced."""
        for sign in (1, -1):
            coefficients = {c: value * sign % P for c, value in form.coefficients.items()}
            if form.constant == 0 and self._is_boolean(coefficients):
                return sign
        return None

    def _is_boolean(self, coefficients: dict[int, int]) -> bool:
        plus = frozenset(c for c, value in coefficients.items() if value == 1)
        minus = [c for c, value in coefficients.items() if value == P - 1]
        if len(plus) + len(minus) != len(coefficients) or not plus:
            return False
        if minus:
            return len(minus) == 1 and (plus, minus[0]) in self._subordinate
        if len(plus) == 1 and plus <= self._preprocessed:
            return True  # setup checks that the column is 0 or 1
        # Part of a boolean sum of boolean summands: at most one of them is 1.
        return any(plus <= group for group in self._sums)


def _sum(group: frozenset[int]) -> Expr:
    members = sorted(group)
    result = column(members[0])
    for member in members[1:]:
        result = result + column(member)
    return result


def _normal(polynomial: Monomials) -> frozenset[tuple[tuple[int, ...], int]]:
    """The polynomial up to a constant factor."""
    if not polynomial:
        return frozenset()
    scale = pow(polynomial[min(polynomial)], -1, P)
    return frozenset((key, value * scale % P) for key, value in polynomial.items())


def _check_definitions(chip: Chip) -> None:
    """Defining constraints are column - polynomial of other columns, one per column, in an acyclic order."""
    order: dict[int, set[int]] = {}
    for constraint in chip.constraints:
        target = constraint.defines
        if target is None:
            continue
        name = chip.column_names[target]
        expr = constraint.expr
        is_difference = expr.op == "sub" and expr.left is not None and expr.left.op == "column"
        _demand(
            is_difference and expr.left is not None and expr.left.value == target, chip.name, f"{name} := malformed"
        )
        _demand(target not in order, chip.name, f"column {name} is defined twice")
        _demand(name not in chip.selectors, chip.name, f"selector {name} cannot be a defined column")
        assert expr.right is not None
        order[target] = columns_of(expr.right)
    try:
        tuple(TopologicalSorter(order).static_order())
    except CycleError as error:
        raise AirError(f"{chip.name}: defining constraints form a cycle") from error


def _check_padding(chip: Chip) -> None:
    """With all selectors 0, every multiplicity and every constraint that defines nothing is the zero polynomial."""
    names = chip.column_names
    selectors = frozenset(names.index(name) for name in chip.selectors)
    table = _is_table(chip)
    _demand(bool(selectors) or table, chip.name, "a chip without a table needs a selector")
    for constraint in chip.constraints:
        if constraint.defines is None:
            rest = monomials(substitute_zero(constraint.expr, selectors))
            _demand(not rest, chip.name, f"constraint {constraint.name!r} is not gated by a selector")
    for interaction in _all_interactions(chip):
        rest = monomials(substitute_zero(interaction.multiplicity, selectors))
        provider = table and _is_minus_free_column(chip, affine_form(interaction.multiplicity))
        _demand(not rest or provider, chip.name, f"bus {interaction.bus.name}: multiplicity is not 0 on padding rows")
