"""Prints a chip program as C++ (the functions of `gpu/native/chip.hpp`) and reads affine forms out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpu.program import ChipProgram, Node, Op

P = 2**31 - 2**24 + 1
BLOCK = 16
EXT_BLOCK = 5 * BLOCK

_PROLOGUE = """\
#include "gpu/kernels/evaluator.cuh"

using namespace blindbook;
using namespace blindbook::BLINDBOOK_ISA;
"""

_ENTRIES = """
extern "C" void interactions(const u32* columns, const u32* constants, u32* p, u32* q) {
    for_lanes([&](usize lane) { interaction_rows(columns + lane, constants, p + lane, q + lane); });
}

extern "C" void constraints_base(const u32* columns, const u32* weights, u32* sum) {
    constraint_sum<BaseRows>(columns, weights, sum);
}

extern "C" void constraints_extension(const u32* columns, const u32* weights, u32* sum) {
    constraint_sum<ExtensionRows>(columns, weights, sum);
}
"""


def print_chip(program: ChipProgram) -> str:
    """The source of the row evaluators of a chip."""
    return "\n".join([_PROLOGUE, _interactions(program), _constraints(program), _ENTRIES])


def needed_nodes(program: ChipProgram, roots: Sequence[int]) -> list[int]:
    """The nodes that the roots depend on, in ascending order, which is an order of evaluation."""
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        number = stack.pop()
        if number in seen:
            continue
        seen.add(number)
        stack.extend(operands(program.nodes[number]))
    return sorted(seen)


def operands(node: Node) -> tuple[int, ...]:
    """The nodes that a node reads."""
    return (node.a, node.b) if node.op in (Op.ADD, Op.SUB, Op.MUL) else ()


def affine_forms(program: ChipProgram, roots: Sequence[int]) -> dict[int, dict[int, int]]:
    """For each root its coefficients by column number; key -1 is the constant. Raises ValueError where it is not affine."""
    forms: dict[int, dict[int, int]] = {}
    for number in needed_nodes(program, roots):
        node = program.nodes[number]
        if node.op == Op.CONST:
            forms[number] = {-1: node.a % P}
        elif node.op == Op.COLUMN:
            forms[number] = {node.a: 1}
        elif node.op == Op.MUL:
            forms[number] = _scaled(program.name, forms[node.a], forms[node.b])
        else:
            sign = 1 if node.op == Op.ADD else P - 1
            combined = dict(forms[node.a])
            for key, value in forms[node.b].items():
                combined[key] = (combined.get(key, 0) + sign * value) % P
            forms[number] = combined
    return {root: forms[root] for root in roots}


def _scaled(name: str, a: dict[int, int], b: dict[int, int]) -> dict[int, int]:
    factor, form = (a, b) if set(a) <= {-1} else (b, a)
    if not set(factor) <= {-1}:
        raise ValueError(f"chip {name}: an interaction is not affine in the columns")
    return {key: value * factor.get(-1, 0) % P for key, value in form.items()}


def _montgomery(value: int) -> str:
    return f"{(value << 32) % P}u"


# ---- interactions: base values, one register per node ------------------------------------------------------------------------

_SYMBOLS = {Op.ADD: "+", Op.SUB: "-", Op.MUL: "*"}


def _base_node(program: ChipProgram, number: int) -> str:
    node = program.nodes[number]
    if node.op == Op.CONST:
        value = f"constant({_montgomery(node.a)})"
    elif node.op == Op.COLUMN:
        value = f"Lanes::load(columns + {node.a * BLOCK})"
    else:
        value = f"n{node.a} {_SYMBOLS[node.op]} n{node.b}"
    return f"    const Lanes n{number} = {value};"


def _interactions(program: ChipProgram) -> str:
    roots = [n for i in program.interactions for n in (i.multiplicity, *i.message)]
    lines = [_base_node(program, number) for number in needed_nodes(program, roots)]
    for index, interaction in enumerate(program.interactions):
        lines.append(f"    n{interaction.multiplicity}.store(p + {index * BLOCK});")
        lines += [f"    n{entry}.store(message + {k * BLOCK});" for k, entry in enumerate(interaction.message)]
        count, bus = len(interaction.message), _montgomery(interaction.bus)
        lines.append(f"    fingerprint(message, {count}, constants, {bus}, q + {index * EXT_BLOCK});")
    longest = max((len(i.message) for i in program.interactions), default=1)
    head = [
        "static inline void interaction_rows(const u32* columns, const u32* constants, u32* p, u32* q) {",
        f"    alignas(64) u32 message[{longest * BLOCK}];",
    ]
    return "\n".join([*head, *lines, "}", ""])


# ---- constraints: values of either kind in slots of memory, freed after their last use ---------------------------------------


def _with_constraints(program: ChipProgram) -> Iterator[tuple[int, list[int]]]:
    """The nodes that constraints need, each with the constraints that it is."""
    uses: dict[int, list[int]] = {}
    for index, number in enumerate(program.constraints):
        uses.setdefault(number, []).append(index)
    for number in needed_nodes(program, program.constraints):
        yield number, uses.get(number, [])


def _constraints(program: ChipProgram) -> str:
    order = list(_with_constraints(program))
    last_use = {number: number for number, _ in order}
    for number, _ in order:
        for operand in operands(program.nodes[number]):
            last_use[operand] = number
    slots = _Slots()
    lines = []
    for number, uses in order:
        lines += _operation(program, number, slots)
        lines += [_accumulation(program, number, index, slots) for index in uses]
        for operand in {*operands(program.nodes[number]), number}:
            if last_use[operand] == number:
                slots.free(operand)
    head = [
        "template <class T>",
        "static void constraint_sum(const u32* columns, const u32* weights, u32* sum) {",
        f"    alignas(64) u32 slots[{max(slots.count, 1)} * T::words];",
        f"    for (usize i = 0; i < {EXT_BLOCK}; ++i) sum[i] = 0;",
    ]
    return "\n".join([*head, *lines, "}"])


class _Slots:
    """Places of values in the scratch array."""

    def __init__(self) -> None:
        self.count = 0
        self._free: list[int] = []
        self._of: dict[int, int] = {}

    def take(self, number: int) -> str:
        """A place for the value of a node."""
        if not self._free:
            self._free.append(self.count)
            self.count += 1
        self._of[number] = self._free.pop()
        return self.place(number)

    def place(self, number: int) -> str:
        """The place of a node's value."""
        return f"slots + {self._of[number]} * T::words"

    def free(self, number: int) -> None:
        """Gives the place of a node back, if it has one."""
        if number in self._of:
            self._free.append(self._of.pop(number))


def _operation(program: ChipProgram, number: int, slots: _Slots) -> list[str]:
    node = program.nodes[number]
    if node.op in (Op.CONST, Op.COLUMN):
        return []  # constants go into the operations, columns are read in place
    left, right = program.nodes[node.a], program.nodes[node.b]
    a, b = _place(program, node.a, slots), _place(program, node.b, slots)
    if left.op == Op.CONST and right.op == Op.CONST:
        raise ValueError(f"chip {program.name}: an operation on two constants")
    if node.op == Op.MUL and left.op == Op.CONST:
        call = f"T::scale({{to}}, {b}, {_montgomery(left.a)})"
    elif node.op == Op.MUL and right.op == Op.CONST:
        call = f"T::scale({{to}}, {a}, {_montgomery(right.a)})"
    elif node.op == Op.ADD and left.op == Op.CONST:
        call = f"T::add_constant({{to}}, {b}, {_montgomery(left.a)})"
    elif node.op == Op.ADD and right.op == Op.CONST:
        call = f"T::add_constant({{to}}, {a}, {_montgomery(right.a)})"
    elif node.op == Op.SUB and left.op == Op.CONST:
        call = f"T::subtract_from({{to}}, {_montgomery(left.a)}, {b})"
    elif node.op == Op.SUB and right.op == Op.CONST:
        call = f"T::add_constant({{to}}, {a}, {_montgomery(-right.a)})"
    else:
        name = {Op.ADD: "add", Op.SUB: "subtract", Op.MUL: "multiply"}[node.op]
        call = f"T::{name}({{to}}, {a}, {b})"
    return [f"    {call.format(to=slots.take(number))};"]


def _place(program: ChipProgram, number: int, slots: _Slots) -> str:
    node = program.nodes[number]
    if node.op == Op.COLUMN:
        return f"columns + {node.a} * T::words"
    return "" if node.op == Op.CONST else slots.place(number)


def _accumulation(program: ChipProgram, number: int, index: int, slots: _Slots) -> str:
    node = program.nodes[number]
    weight = f"weights + {5 * index}"
    if node.op == Op.CONST:
        return f"    accumulate_constant(sum, {_montgomery(node.a)}, {weight});"
    return f"    T::accumulate(sum, {_place(program, number, slots)}, {weight});"
