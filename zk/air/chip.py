"""A chip: named columns, row-local constraints, bus interactions; and the machine that puts chips together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gpu.program import ChipProgram, InteractionProgram, Node, Op
from zk.air.expression import Expr, ExprLike, as_expr, column

BusKind = Literal["permutation", "lookup"]

# Kinds of virtual columns (proof system, section 5.7): their multilinear extension is computed by the verifier.
VIRTUAL_KINDS = ("IDX", "BYTE_X", "BYTE_Y", "BYTE_AND", "POW2_16", "POW2_16_COMPLEMENT", "BIT4", "ONE", "SHARD")
CONSTANT_KINDS = frozenset({"ONE", "SHARD"})  # the same value on every row, at any height


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus: small number, name, message length, kind (section 5.3)."""

    number: int
    name: str
    length: int
    kind: BusKind


@dataclass(frozen=True, slots=True)
class Constraint:
    """`expr` is zero on every row. `defines` is the column of an ungated equation column := polynomial (section 5.6)."""

    name: str
    expr: Expr
    defines: int | None = None


@dataclass(frozen=True, slots=True)
class Interaction:
    """`multiplicity` copies (signed: send +, receive -) of `message` on `bus`."""

    bus: Bus
    multiplicity: Expr
    message: tuple[Expr, ...]


@dataclass(slots=True)
class Chip:
    """Columns, constraints, interactions of one chip, filled by its builder in declaration order.

    `height_log_min` and `height_log_max` bound the log2 of the height; a chip with preprocessed columns has both equal.
    `op_codes`: the instructions whose rows the chip holds. `selectors` are the columns that are zero on every padding
    row. The main columns of a `boundary` chip are committed apart, before the challenges of `global_interactions`
    exist, which balance over all shards of a run and not within one proof (section 15).
    """

    name: str
    height_log_min: int = 4
    height_log_max: int = 22
    optional: bool = True
    boundary: bool = False
    main: list[str] = field(default_factory=list)
    preprocessed: list[str] = field(default_factory=list)
    virtual: list[str] = field(default_factory=list)
    selectors: list[str] = field(default_factory=list)
    op_codes: list[int] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    interactions: list[Interaction] = field(default_factory=list)
    global_interactions: list[Interaction] = field(default_factory=list)

    def declare(
        self,
        main: Sequence[str] = (),
        preprocessed: Sequence[str] = (),
        virtual: Sequence[str] = (),
        selectors: Sequence[str] = (),
    ) -> dict[str, Expr]:
        """Declares all columns at once and returns them by name (a virtual column is named by its kind)."""
        self.main, self.preprocessed, self.virtual = list(main), list(preprocessed), list(virtual)
        self.selectors = list(selectors)
        names = [*self.main, *self.preprocessed, *self.virtual]
        if len(set(names)) != len(names):
            raise ValueError(f"chip {self.name}: a column name occurs twice")
        return {name: column(number) for number, name in enumerate(names)}

    def constrain(self, name: str, expr: Expr) -> None:
        """Demands `expr` = 0 on every row."""
        self.constraints.append(Constraint(name, expr))

    def define(self, target: Expr, value: ExprLike) -> None:
        """Demands, on padding rows too, that the main column `target` equals the polynomial `value`."""
        if target.op != "column" or target.value >= len(self.main):
            raise ValueError(f"chip {self.name}: only a main column can be defined")
        self.constraints.append(Constraint(self.main[target.value], target - value, target.value))

    @property
    def column_names(self) -> list[str]:
        """Main, preprocessed and virtual columns, in the order of their numbers."""
        return [*self.main, *self.preprocessed, *self.virtual]

    def send(self, bus: Bus, multiplicity: ExprLike, *message: ExprLike) -> None:
        """Adds `multiplicity` copies of the message to the bus."""
        self.interactions.append(self._interaction(bus, as_expr(multiplicity), message))

    def receive(self, bus: Bus, multiplicity: ExprLike, *message: ExprLike) -> None:
        """Takes `multiplicity` copies of the message from the bus."""
        self.interactions.append(self._interaction(bus, -as_expr(multiplicity), message))

    def send_global(self, bus: Bus, multiplicity: ExprLike, *message: ExprLike) -> None:
        """Adds `multiplicity` copies of the message to a bus that all shards of a run share."""
        self.global_interactions.append(self._interaction(bus, as_expr(multiplicity), message))

    def receive_global(self, bus: Bus, multiplicity: ExprLike, *message: ExprLike) -> None:
        """Takes `multiplicity` copies of the message from a bus that all shards of a run share."""
        self.global_interactions.append(self._interaction(bus, -as_expr(multiplicity), message))

    def _interaction(self, bus: Bus, multiplicity: Expr, message: Sequence[ExprLike]) -> Interaction:
        if len(message) != bus.length:
            raise ValueError(f"chip {self.name}, bus {bus.name}: expected {bus.length} entries, found {len(message)}")
        return Interaction(bus, multiplicity, tuple(as_expr(entry) for entry in message))

    def lower(self) -> ChipProgram:
        """The chip as a list of arithmetic nodes, common subexpressions shared."""
        return self._lower(self.name, self.constraints, self.interactions)

    def lower_global(self) -> ChipProgram | None:
        """The global interactions over the same columns, without constraints; None where there are none."""
        return self._lower(f"{self.name}.global", [], self.global_interactions) if self.global_interactions else None

    def _lower(self, name: str, constraints: Sequence[Constraint], interactions: Sequence[Interaction]) -> ChipProgram:
        lowering = _Lowering()
        constraint_nodes = tuple(lowering.number(c.expr) for c in constraints)
        interaction_nodes = tuple(
            InteractionProgram(
                i.bus.number, lowering.number(i.multiplicity), tuple(lowering.number(m) for m in i.message)
            )
            for i in interactions
        )
        return ChipProgram(
            name,
            len(self.main),
            len(self.preprocessed),
            tuple(self.virtual),
            tuple(lowering.nodes),
            constraint_nodes,
            interaction_nodes,
        )


class _Lowering:
    """Numbers expressions, equal ones once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._by_key: dict[tuple[int, int, int], int] = {}
        self._by_expr: dict[int, int] = {}
        self._keep: list[Expr] = []  # keeps identities alive while they serve as keys

    def number(self, expr: Expr) -> int:
        stack = [expr]
        while stack:
            top = stack[-1]
            if id(top) in self._by_expr:
                stack.pop()
                continue
            pending = [e for e in (top.left, top.right) if e is not None and id(e) not in self._by_expr]
            if pending:
                stack.extend(pending)
                continue
            self._by_expr[id(top)] = self._node(top)
            self._keep.append(top)
            stack.pop()
        return self._by_expr[id(expr)]

    def _node(self, expr: Expr) -> int:
        if expr.left is None or expr.right is None:
            key = (int(Op.CONST if expr.op == "const" else Op.COLUMN), expr.value, 0)
        else:
            op = {"add": Op.ADD, "sub": Op.SUB, "mul": Op.MUL}[expr.op]
            a, b = self._by_expr[id(expr.left)], self._by_expr[id(expr.right)]
            if op in (Op.ADD, Op.MUL) and a > b:
                a, b = b, a
            key = (int(op), a, b)
        if key not in self._by_key:
            self._by_key[key] = len(self.nodes)
            self.nodes.append(Node(Op(key[0]), key[1], key[2]))
        return self._by_key[key]


@dataclass(frozen=True, slots=True)
class PublicTerm:
    """A bus term of the verifier: `multiplicity` (+1 or -1) times the message, a function of the public values."""

    bus: Bus
    multiplicity: int
    message: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """Chips and buses in vk order, and the verifier's own bus terms.

    `public_terms` maps the canonical public values to the verifier's terms. `check_public_values` raises ValueError with a
    reason where they break a rule of the machine (proof system, section 14). `parameters` are further constants that the
    verifying key covers, such as (b"pc_start", 4 bytes): name and canonical bytes, in order.
    """

    name: str
    chips: tuple[Chip, ...]
    buses: tuple[Bus, ...]
    public_value_count: int
    public_terms: Callable[[Sequence[int]], list[PublicTerm]]
    check_public_values: Callable[[Sequence[int]], None]
    parameters: tuple[tuple[str, bytes], ...] = ()
