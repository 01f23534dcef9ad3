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
    for (usize lane = 0; lane < BLOCK; lane += Lanes::width) interaction_rows(columns + lane, constants, p + lane, q + lane);
}

extern "C" void constraints_base(const u32* columns, const u32* weights, u32* sum) {
    for (usize lane = 0; lane < BLOCK; lane += Lanes::width) constraint_rows(columns + lane, weights, sum + lane);
}
"""


def print_chip(program: ChipProgram) -> str:
    """The source of the row evaluators of a chip."""
    return "\n".join(
        [_PROLOGUE, _interactions(program), _base_constraints(program), _ENTRIES, _extension_constraints(program)]
    )


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


# ---- base values: one register per node --------------------------------------------------------------------------------------

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
        lines.append("    {")
        lines.append("        MixedSum<Lanes> sum;")
        for power, entry in enumerate(interaction.message, start=1):
            lines.append(f"        sum.add(ConstantSplit(constants + {5 * power}).s, Lanes::split(n{entry}));")
            if power % 2 == 0 or power == len(interaction.message):
                lines.append("        sum.shrink();")
        lines.append("        Ext<Lanes> value = sum.value() + Ext<Lanes>::broadcast(Element::load(constants, 1));")
        lines.append(f"        value.c[0] = value.c[0] + constant({_montgomery(interaction.bus)});")
        lines.append(f"        value.store(q + {index * EXT_BLOCK}, BLOCK);")
        lines.append("    }")
    signature = "static inline void interaction_rows(const u32* columns, const u32* constants, u32* p, u32* q) {"
    return "\n".join([signature, *lines, "}", ""])


def _base_constraints(program: ChipProgram) -> str:
    lines = ["    MixedSum<Lanes> sum;"]
    added = 0
    for number, uses in _with_constraints(program):
        lines.append(_base_node(program, number))
        for index in uses:
            lines.append(f"    sum.add(ConstantSplit(weights + {5 * index}).s, Lanes::split(n{number}));")
            added += 1
            if added % 2 == 0:
                lines.append("    sum.shrink();")
    lines.append("    sum.shrink();")
    lines.append("    sum.value().store(sum_out, BLOCK);")
    signature = "static inline void constraint_rows(const u32* columns, const u32* weights, u32* sum_out) {"
    return "\n".join([signature, *lines, "}", ""])


def _with_constraints(program: ChipProgram) -> Iterator[tuple[int, list[int]]]:
    """The nodes that constraints need, each with the constraints that it is."""
    uses: dict[int, list[int]] = {}
    for index, number in enumerate(program.constraints):
        uses.setdefault(number, []).append(index)
    for number in needed_nodes(program, program.constraints):
        yield number, uses.get(number, [])


# ---- extension values: slots in memory, freed after their last use -----------------------------------------------------------


def _extension_constraints(program: ChipProgram) -> str:
    order = list(_with_constraints(program))
    last_use = {number: number for number, _ in order}
    for number, _ in order:
        for operand in operands(program.nodes[number]):
            last_use[operand] = number
    slots = _Slots()
    lines = []
    for number, uses in order:
        lines += _extension_node(program, number, slots)
        lines += [_accumulation(program, number, index, slots) for index in uses]
        for operand in {*operands(program.nodes[number]), number}:
            if last_use[operand] == number:
                slots.free(operand)
    head = [
        'extern "C" void constraints_extension(const u32* columns, const u32* weights, u32* sum) {',
        f"    alignas(64) u32 slots[{max(slots.count, 1) * EXT_BLOCK}];",
        f"    for (usize i = 0; i < {EXT_BLOCK}; ++i) sum[i] = 0;",
    ]
    return "\n".join([*head, *lines, "}", ""])


class _Slots:
    """Places of extension values in the scratch array."""

    def __init__(self) -> None:
        self.count = 0
        self._free: list[int] = []
        self._of: dict[int, int] = {}

    def take(self, number: int) -> str:
        if not self._free:
            self._free.append(self.count)
            self.count += 1
        self._of[number] = self._free.pop()
        return self.place(number)

    def place(self, number: int) -> str:
        return f"slots + {self._of[number] * EXT_BLOCK}"

    def free(self, number: int) -> None:
        if number in self._of:
            self._free.append(self._of.pop(number))


def _extension_node(program: ChipProgram, number: int, slots: _Slots) -> list[str]:
    node = program.nodes[number]
    if node.op in (Op.CONST, Op.COLUMN):
        return []  # constants go into the operations, columns are read in place
    left, right = program.nodes[node.a], program.nodes[node.b]
    a, b = _place(program, node.a, slots), _place(program, node.b, slots)
    if left.op == Op.CONST and right.op == Op.CONST:
        raise ValueError(f"chip {program.name}: an operation on two constants")
    if node.op == Op.MUL and left.op == Op.CONST:
        call = f"ext_scale({{to}}, {b}, {_montgomery(left.a)})"
    elif node.op == Op.MUL and right.op == Op.CONST:
        call = f"ext_scale({{to}}, {a}, {_montgomery(right.a)})"
    elif node.op == Op.ADD and left.op == Op.CONST:
        call = f"ext_add_constant({{to}}, {b}, {_montgomery(left.a)})"
    elif node.op == Op.ADD and right.op == Op.CONST:
        call = f"ext_add_constant({{to}}, {a}, {_montgomery(right.a)})"
    elif node.op == Op.SUB and left.op == Op.CONST:
        call = f"ext_subtract_from({{to}}, {_montgomery(left.a)}, {b})"
    elif node.op == Op.SUB and right.op == Op.CONST:
        call = f"ext_add_constant({{to}}, {a}, {_montgomery(-right.a)})"
    else:
        name = {Op.ADD: "ext_add", Op.SUB: "ext_sub", Op.MUL: "ext_mul"}[node.op]
        call = f"{name}({{to}}, {a}, {b})"
    return [f"    {call.format(to=slots.take(number))};"]


def _place(program: ChipProgram, number: int, slots: _Slots) -> str:
    node = program.nodes[number]
    if node.op == Op.COLUMN:
        return f"columns + {node.a * EXT_BLOCK}"
    return "" if node.op == Op.CONST else slots.place(number)


def _accumulation(program: ChipProgram, number: int, index: int, slots: _Slots) -> str:
    node = program.nodes[number]
    weight = f"weights + {5 * index}"
    if node.op == Op.CONST:
        return f"    ext_accumulate_constant(sum, {_montgomery(node.a)}, {weight});"
    return f"    ext_accumulate(sum, {_place(program, number, slots)}, {weight});"
