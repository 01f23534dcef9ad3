"""Whether a row does what the ISA says: one row, and effects of the instruction that differ from what the row sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zk.air.chip import Bus
from zk.air.expression import P
from zk.chips.buses import DELEG, HALT, MEM, OUT, PROG, STATE
from zk.determinism.integer import Formula, Integer
from zk.determinism.polynomial import Polynomial, combine, constant, constant_value, variable, variables_of
from zk.determinism.question import Answer, Copy, Question
from zk.determinism.row import Message, Row
from zk.determinism.semantics import Effects, Inputs, effects, is_stated
from zk.errors import DeterminismError
from zk.vm.isa import IMMEDIATE_FORM, OpCode

LIMIT = 500_000
_WITH_CONSTANT = ("ADDI_RW", "SLLI", "SRLI", "BEQZ", "BNEZ")
RS1, RS2, MEMORY, RD = range(4)  # slots of the accesses of an instruction


@dataclass(frozen=True, slots=True)
class Access:
    """What a row takes from a word and what it leaves there."""

    address: Polynomial
    old: tuple[Polynomial, Polynomial]
    new: tuple[Polynomial, Polynomial]


def accesses_of(row: Row) -> dict[int, Access]:
    """The accesses of an instruction row by slot, the first of each. Raises DeterminismError where STATE is missing."""
    result: dict[int, Access] = {}
    clock = next((message.entries[1] for message in row.received if message.bus == STATE), None)
    if clock is None:
        raise DeterminismError(f"chip {row.chip.name}: expected an instruction to receive STATE")
    for received, sent in row.steps(MEM):
        if received is None or sent is None or sent.entries[0] != received.entries[0]:
            continue
        slot = constant_value(combine(sent.entries[1], clock, -4))
        if slot is not None:
            _, _, *old = received.entries
            _, _, *new = sent.entries
            result.setdefault(slot, Access(received.entries[0], (old[0], old[1]), (new[0], new[1])))
    return result


def unexpected_messages(row: Row, op: OpCode) -> list[str]:
    """What the row receives and sends beside one step of STATE, one access of each slot, and what an ECALL may send.

    Effects are read from these, so anything else would be an effect that no claim speaks of.
    """
    wrong = []
    state, memory, accesses = row.steps(STATE), row.steps(MEM), accesses_of(row)
    if len(state) != 1 or None in state[0]:
        wrong.append("STATE: expected one tuple received, then one sent")
    if any(None in step for step in memory):
        wrong.append("MEM: a tuple belongs to no access")
    if len(memory) != len(accesses):
        wrong.append("MEM: expected accesses of one address, at one slot each")
    expected = _bus_of_call(accesses) if op == OpCode.ECALL else None
    sent = [message.bus for message in row.sent if message.bus not in (STATE, MEM)]
    received = [message.bus for message in row.received if message.bus not in (STATE, MEM)]
    if sent != ([expected] if expected else []) or received:
        names = [expected.name] if expected else []
        found = [bus.name for bus in sent], [bus.name for bus in received]
        wrong.append(f"further buses: expected {names} sent and none received, found {found[0]} and {found[1]}")
    return wrong


def _bus_of_call(accesses: Mapping[int, Access]) -> Bus | None:
    """What ECALL sends beside its accesses, by the number of the call that it reads first."""
    number = constant_value(accesses[0].old[0]) if 0 in accesses else None
    return {0: HALT, 1: None, 2: OUT}.get(number, DELEG) if number is not None else DELEG


def _bytes(limbs: list[Integer]) -> list[Integer]:
    return [byte for limb in limbs for byte in (limb % 256, limb // 256)]


class Correctness:
    """The claims that a row's outputs are the effects of its instruction."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.fetched = next(message for message in row.looked_up if message.bus == PROG)
        self.op = OpCode(constant_value(self.fetched.entries[1]) or 0)
        self.accesses = accesses_of(row)
        self.asked = 0

    @property
    def is_stated(self) -> bool:
        """Whether the effects of this instruction are written down."""
        return is_stated(self.op)

    def open_claims(self) -> list[str]:
        """Names of the effects that are not proven, and of what the row does beside them."""
        unexpected = unexpected_messages(self.row, self.op)
        if unexpected:
            return unexpected
        self._narrow_bits()
        names = [name for name, _ in self._goals(Question(LIMIT))]
        return [name for number, name in enumerate(names) if self._refute(number) != "unsat"]

    def _narrow_bits(self) -> None:
        """Residues that are factors of products and can only be 0 or 1 become bits, whose products are exact."""
        row = self.row
        products = [m for c in row.clauses for literal in c.literals for m in literal.polynomial if len(m) > 1]
        for number in sorted({n for monomial in products for n in monomial if row.ranges[n] == (0, P - 1)}):
            question, copy = Question(LIMIT), Copy(row, 0)
            question.add_row(copy)
            for bit in (0, 1):
                question.add(question.differs_from_zero((1, combine(variable(number), constant(bit), -1), copy)))
            self.asked += 1
            if question.check() == "unsat":
                row.ranges[number] = (0, 1)

    def _refute(self, number: int) -> Answer:
        self.asked += 1
        question = Question(LIMIT)
        _, goal = list(self._goals(question))[number]
        question.add((~goal).term)
        question.add_row(Copy(self.row, 0))
        return question.check()

    def _expected(self, question: Question) -> tuple[Inputs, Effects | None]:
        pc, _, _, target, _, y = (self._value(question, entry) for entry in self.fetched.entries)
        x = self._integer(question, self.fetched.entries[4])
        limbs = {slot: [self._value(question, limb) for limb in access.old] for slot, access in self.accesses.items()}
        reads = {slot: low + high * 65536 for slot, (low, high) in limbs.items()}
        immediate = x + y * 65536
        first, second = self._operand_slots()
        second_limbs = limbs.get(second, []) if second is not None else [x, y]
        pairs = tuple(zip(_bytes(limbs.get(first, [])), _bytes(second_limbs), strict=False))
        c = reads.get(second) if second is not None else immediate
        inputs = Inputs(pc, x, target, immediate, reads.get(first), c, reads.get(MEMORY), pairs, self._shift())
        return inputs, effects(self.op, inputs)

    def _operand_slots(self) -> tuple[int, int | None]:
        """Accesses that read b and c; None where c is the constant of the instruction."""
        name = self.op.name
        if name == "SLTU_RW":
            return RS1, RD
        first = RD if name.endswith("_RW") else RS1
        has_constant = IMMEDIATE_FORM < self.op < 2 * IMMEDIATE_FORM or name.startswith(_WITH_CONSTANT)
        return first, None if has_constant else RS2

    def _shift(self) -> int:
        """The amount that the case fixes."""
        if self.row.chip.name == "SHIFT":
            return self.row.column("sh").get((), 0)
        if self.row.chip.name.startswith("SHIFTI"):
            power = self.row.column("power").get((), 1)
            return power.bit_length() - 1 + (16 if "_HI" in self.op.name else 0)
        return 0

    def _goals(self, question: Question) -> Iterator[tuple[str, Formula]]:
        inputs, expected = self._expected(question)
        if expected is None:
            yield "operands", Formula(question, question.terms.mkFalse())
            return
        yield "next pc", self._value(question, self._next_pc()).equals(expected.next_pc)
        if self.row.chip.name == "SHIFT":
            assert inputs.c is not None
            yield "amount", (inputs.c % 32).equals(inputs.shift)
        if expected.allowed is not None:
            yield "alignment", expected.allowed
        _, _, r, rs1, x, _ = self.fetched.entries
        registers = {RS1: rs1, RS2: x if self._reads_rs2_from_x(expected) else r, RD: r}
        for slot, access in self.accesses.items():
            new = self._word(question, access.new)
            if slot == MEMORY:
                if expected.address is None or expected.memory is None:
                    continue  # the claim "accesses" is open
                yield "address", self._value(question, access.address).equals(expected.address)
                yield "memory", new.equals(expected.memory)
                continue
            pseudo_address = combine(constant(-1), registers[slot], -1)
            yield f"register of slot {slot}", self._agree(question, access.address, pseudo_address)
            if slot == RD and expected.rd is not None:
                yield "rd", new.equals(expected.rd)
            else:
                yield f"slot {slot} reads only", new.equals(self._word(question, access.old))
        yield "accesses", self._has_all_accesses(question, expected)

    def _reads_rs2_from_x(self, expected: Effects) -> bool:
        """Where rd is the field r, rs2 is the field x; branches and stores have no rd and rs2 in r."""
        return expected.rd is not None

    def _has_all_accesses(self, question: Question, expected: Effects) -> Formula:
        slots = {RD} if expected.rd is not None else set()
        slots |= {MEMORY} if expected.memory is not None else set()
        found = set(self.accesses) - {RS1, RS2}
        return Formula(question, question.terms.mkBoolean(slots == found))

    def _next_pc(self) -> Polynomial:
        sent: Message = next(message for message in self.row.sent if message.bus == STATE)
        return sent.entries[0]

    def _value(self, question: Question, polynomial: Polynomial) -> Integer:
        """The canonical value, without a new variable where one equation makes it a variable."""
        copy = Copy(self.row, 0)
        for form in self.row.reductions(polynomial):
            numbers = variables_of(form)
            if len(numbers) == 1 and form == variable(min(numbers)) and self.row.ranges[min(numbers)][0] >= 0:
                return Integer(question, question.monomial(copy, (min(numbers),)))
        return Integer(question, question.canonical(copy, polynomial))

    def _integer(self, question: Question, polynomial: Polynomial) -> Integer:
        """The representative of a field, which may be negative."""
        if constant_value(polynomial) is not None:
            return self._value(question, polynomial)
        return Integer(question, question.integer_form(Copy(self.row, 0), polynomial))

    def _word(self, question: Question, limbs: tuple[Polynomial, Polynomial]) -> Integer:
        return self._value(question, limbs[0]) + self._value(question, limbs[1]) * 65536

    def _agree(self, question: Question, left: Polynomial, right: Polynomial) -> Formula:
        copy = Copy(self.row, 0)
        return ~Formula(question, question.differs_from_zero((1, left, copy), (P - 1, right, copy)))
