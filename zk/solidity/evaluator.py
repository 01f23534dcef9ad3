"""Generates the contracts that evaluate all constraints and interactions of a machine at one point (proof system, section 8).

Straight-line EVM code: a register in memory for each column and each shared intermediate value, one subroutine for the product.
The generator keeps an upper bound of the digits of every packed value, so every lazy sum is proven not to carry.

Input (calldata) as written by ProofVerifier.sol, words of 32 bytes: accumulator | lambda | lambda alpha | lambda beta^1..15 |
one word for each chip | weights | columns. Output: accumulator, sum of the interactions. The accumulator is Horner's scheme in
lambda: contracts run from the last one to the first, chips and constraints from the last to the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gpu.program import ChipProgram, InteractionProgram, Op
from zk.field import P
from zk.solidity.arithmetic import (
    DIGIT_MAX,
    FIRST_MAX,
    MASK20,
    MASK31,
    P1,
    REDUCED_MAX,
    SCALE_MAX,
    R,
    emit_mul,
    emit_scale,
    fold_bound,
    mul_allows,
)
from zk.solidity.assembler import CODE_SIZE_MAX, Assembler, GeneratorError
from zk.solidity.forms import ChipForms, Form, small_coefficients

INPUT_CHIPS = 18  # words of the input before the chips
OFFSET_SHIFTS = {"main": 0, "preprocessed": 32, "virtual": 64, "weights": 96}

# memory of a contract
ADDRESS_MASK31, ADDRESS_MASK20, ADDRESS_P = 0x00, 0x20, 0x40
ADDRESS_LAMBDA, ADDRESS_ALPHA, ADDRESS_BETA = 0x60, 0x80, 0xA0  # lambda, lambda alpha, lambda beta
ADDRESS_ACCUMULATOR, ADDRESS_SUM, ADDRESS_REGISTERS = 0x280, 0x2A0, 0x2C0
ADDRESS_END = 0x10000

SUM_MAX = 1 << 50
CLOSE_BYTES = 16  # room for the end of a unit and of the contract


@dataclass(slots=True)
class _Unit:
    """The part of a chip that one contract evaluates."""

    addresses: dict[int, int] = field(default_factory=dict)  # node -> register
    bounds: dict[int, int] = field(default_factory=dict)  # node -> largest digit
    next_address: int = 0
    weights: int = 0
    skip: int = 0


def generate_evaluators(programs: Sequence[ChipProgram]) -> list[bytes]:
    """Runtime codes of the evaluators, in the order of ProofVerifier's constructor (called from the last to the first)."""
    contracts: list[bytes] = []
    contract = _Contract()
    for chip in reversed(range(len(programs))):
        program = programs[chip]
        forms = ChipForms(program)
        contract.open(chip, program)
        for task in _tasks(program):
            if contract.emit(forms, task):
                continue
            contract.close()
            contracts.append(contract.code())
            contract = _Contract()
            contract.open(chip, program)
            if not contract.emit(forms, task):
                raise GeneratorError(f"chip {program.name}: one constraint or interaction does not fit a contract")
        contract.close()
    contracts.append(contract.code())
    return contracts[::-1]


Task = int | tuple[int, InteractionProgram]


def _tasks(program: ChipProgram) -> Iterator[Task]:
    """Constraints (node numbers) from the last to the first, then interactions with their numbers."""
    yield from reversed(program.constraints)
    yield from enumerate(program.interactions)


class _Contract:
    """One evaluator under construction."""

    def __init__(self) -> None:
        self._assembler = assembler = Assembler()
        start = assembler.push_target()
        assembler.op("JUMP")
        self._mul = emit_mul(assembler)
        self._scale = emit_scale(assembler)
        assembler.patch(start, assembler.position)
        assembler.op("JUMPDEST")
        for value, address in ((MASK31, ADDRESS_MASK31), (MASK20, ADDRESS_MASK20), (P1, ADDRESS_P)):
            assembler.push(value)
            assembler.store(address)
        for number in (17 * 32, 32, ADDRESS_LAMBDA):  # size, source, target
            assembler.push(number)
        assembler.op("CALLDATACOPY")
        assembler.push(0)
        assembler.op("CALLDATALOAD")
        assembler.store(ADDRESS_ACCUMULATOR)
        self._unit = _Unit()
        self._begin = 0  # position of the open unit
        self._done = 0  # its tasks so far

    def code(self) -> bytes:
        """The finished code."""
        self._assembler.push(64)
        self._assembler.push(ADDRESS_ACCUMULATOR)
        self._assembler.op("RETURN")
        return bytes(self._assembler.code)

    def open(self, chip: int, program: ChipProgram) -> None:
        """Begins the part of a chip: skipped when its word is 0 (absent), else its columns and weights are copied."""
        assembler, unit = self._assembler, _Unit()
        self._unit, self._begin, self._done = unit, assembler.position, 0
        assembler.push(32 * (INPUT_CHIPS + chip))
        assembler.op("CALLDATALOAD", "DUP1", "ISZERO")
        unit.skip = assembler.push_target()
        assembler.op("JUMPI")
        address = ADDRESS_REGISTERS
        counts = {
            "main": program.main_count,
            "preprocessed": program.preprocessed_count,
            "virtual": len(program.virtual),
            "weights": len(program.interactions),
        }
        for kind, count in counts.items():
            if kind == "weights":
                unit.weights = address
            if count:
                assembler.push(32 * count)
                assembler.op("DUP2")
                assembler.push(OFFSET_SHIFTS[kind])
                assembler.op("SHR")
                assembler.push(0xFFFFFFFF)
                assembler.op("AND")
                assembler.push(address)
                assembler.op("CALLDATACOPY")
            address += 32 * count
        unit.next_address = address
        for number, node in enumerate(program.nodes):
            if node.op is Op.COLUMN:
                unit.addresses[number] = ADDRESS_REGISTERS + 32 * node.a
                unit.bounds[number] = REDUCED_MAX

    def close(self) -> None:
        """Ends the part of a chip; without a task it leaves nothing."""
        if not self._done:
            del self._assembler.code[self._begin :]
            return
        self._assembler.patch(self._unit.skip, self._assembler.position)
        self._assembler.op("JUMPDEST", "POP")

    def emit(self, forms: ChipForms, task: Task) -> bool:
        """Appends a task; False (and nothing changed) when the code or the registers would not fit."""
        unit, length = self._unit, self._assembler.position
        addresses, bounds, next_address = dict(unit.addresses), dict(unit.bounds), unit.next_address
        if isinstance(task, int):
            self._constraint(forms, task)
        else:
            self._interaction(forms, *task)
        if self._assembler.position + CLOSE_BYTES > CODE_SIZE_MAX or unit.next_address > ADDRESS_END:
            del self._assembler.code[length:]
            unit.addresses, unit.bounds, unit.next_address = addresses, bounds, next_address
            return False
        self._done += 1
        return True

    def _constraint(self, forms: ChipForms, root: int) -> None:
        """accumulator <- lambda accumulator + C."""
        assembler = self._assembler
        bound = self._form(forms, forms.form(root))
        self._fold_until(bound, 4_200_000_000)
        assembler.load(ADDRESS_ACCUMULATOR)
        assembler.load(ADDRESS_LAMBDA)
        assembler.call(self._mul)
        assembler.op("ADD")
        assembler.store(ADDRESS_ACCUMULATOR)

    def _interaction(self, forms: ChipForms, number: int, interaction: InteractionProgram) -> None:
        """sum <- sum + w (m + lambda alpha + bus lambda + sum_j lambda beta^j t_j)."""
        assembler = self._assembler
        bound = self._form(forms, forms.form(interaction.multiplicity))
        assembler.load(ADDRESS_ALPHA)
        assembler.load(ADDRESS_LAMBDA)
        assembler.push(interaction.bus)
        assembler.op("MUL", "ADD", "ADD")
        bound += (1 + interaction.bus) * REDUCED_MAX
        for j, entry in enumerate(interaction.message):
            form = forms.form(entry)
            if not form.terms and not form.constant:
                continue
            self._fold_until(self._form(forms, form), 6_500_000_000)
            assembler.load(ADDRESS_BETA + 32 * j)
            assembler.call(self._mul)
            assembler.op("ADD")
            bound += REDUCED_MAX
        self._fold_until(bound, 6_500_000_000)
        assembler.load(self._unit.weights + 32 * number)
        assembler.call(self._mul)
        assembler.load(ADDRESS_SUM)
        assembler.op("ADD")
        assembler.store(ADDRESS_SUM)

    def _fold_until(self, bound: int, limit: int) -> int:
        """Folds the value on the stack until its digits are <= limit; returns their bound."""
        if bound > DIGIT_MAX:
            raise GeneratorError(f"digits: expected at most 2^51 - 1, found {bound}")
        while bound > limit:
            assembler = self._assembler
            assembler.op("DUP1")
            assembler.push(31)
            assembler.op("SHR")
            assembler.load(ADDRESS_MASK20)
            assembler.op("AND")
            assembler.push(0xFFFFFF)
            assembler.op("MUL", "SWAP1")
            assembler.load(ADDRESS_MASK31)
            assembler.op("AND", "ADD")
            bound = fold_bound(bound)
        return bound

    def _form(self, forms: ChipForms, form: Form) -> int:
        """Pushes the value of a form; returns the bound of its digits."""
        shift, coefficients = small_coefficients(form)
        bounds = {atom: self._prepare(forms, atom) for atom, _ in form.terms}
        fits = sum(abs(c) * bounds[atom] for atom, c in coefficients) < SUM_MAX
        if shift is not None and fits:
            bound = self._small_sum(forms, coefficients, bounds, form.constant * pow(2, shift, P) % P)
            if shift:
                self._fold_until(bound, SCALE_MAX)
                self._scale_by(pow(2, -shift, P))
                bound = REDUCED_MAX
            return bound
        return self._large_sum(forms, form, bounds)

    def _small_sum(
        self, forms: ChipForms, coefficients: Sequence[tuple[int, int]], bounds: dict[int, int], constant: int
    ) -> int:
        """Positive terms plus a multiple of p that covers the negative ones, minus those."""
        assembler = self._assembler
        negative = [(atom, -c) for atom, c in coefficients if c < 0]
        positive = [(atom, c) for atom, c in coefficients if c > 0]
        below = self._weighted(forms, negative, bounds)
        above = self._weighted(forms, positive, bounds)
        if negative:
            multiple = -(-below // P)
            assembler.load(ADDRESS_P)
            if multiple > 1:
                assembler.push(multiple)
                assembler.op("MUL")
            if positive:
                assembler.op("ADD")
            assembler.op("SUB")
            above += multiple * P
        if constant or not coefficients:
            assembler.push(constant * R % P)
            if coefficients:
                assembler.op("ADD")
            above += P
        return above

    def _weighted(self, forms: ChipForms, terms: Sequence[tuple[int, int]], bounds: dict[int, int]) -> int:
        """Pushes sum c atom (nothing when empty); returns the bound."""
        total = 0
        for i, (atom, coefficient) in enumerate(terms):
            self._atom(forms, atom)
            if coefficient > 1:
                self._assembler.push(coefficient)
                self._assembler.op("MUL")
            if i:
                self._assembler.op("ADD")
            total += coefficient * bounds[atom]
        return total

    def _large_sum(self, forms: ChipForms, form: Form, bounds: dict[int, int]) -> int:
        """Every term with its own multiplication by a base element."""
        assembler = self._assembler
        assembler.push(form.constant * R % P)
        total = P
        for atom, coefficient in form.terms:
            self._atom(forms, atom)
            if coefficient == 1:
                total += bounds[atom]
            else:
                self._fold_until(bounds[atom], SCALE_MAX)
                self._scale_by(coefficient)
                total += REDUCED_MAX
            assembler.op("ADD")
        return total

    def _scale_by(self, factor: int) -> None:
        self._assembler.push(factor * R % P)
        self._assembler.call(self._scale)

    def _prepare(self, forms: ChipForms, atom: int) -> int:
        """Computes a shared atom into its register; returns the bound of the atom's digits."""
        unit = self._unit
        if atom in unit.bounds:
            return unit.bounds[atom]
        node = forms.program.nodes[atom]
        product = node.op is Op.MUL and forms.definition(atom) == Form(((atom, 1),), 0)
        if product and forms.uses(atom) == 1:
            return REDUCED_MAX  # computed where it is used
        if product:
            bound = self._product(forms, atom)
        else:
            bound = self._fold_until(self._form(forms, forms.definition(atom)), FIRST_MAX)
        address = unit.next_address
        self._assembler.store(address)
        unit.next_address += 32
        unit.addresses[atom], unit.bounds[atom] = address, bound
        return bound

    def _atom(self, forms: ChipForms, atom: int) -> None:
        """Pushes the value of an atom."""
        if atom in self._unit.addresses:
            self._assembler.load(self._unit.addresses[atom])
        else:
            self._product(forms, atom)

    def _product(self, forms: ChipForms, number: int) -> int:
        """Pushes the product that a node is; returns the bound of its digits."""
        node = forms.program.nodes[number]
        second = self._fold_until(self._form(forms, forms.form(node.a)), 4_200_000_000)
        first = self._form(forms, forms.form(node.b))
        if not mul_allows(first, second) and mul_allows(second, first):
            self._assembler.op("SWAP1")
        elif not mul_allows(first, second):
            first = self._fold_until(first, FIRST_MAX)
            if not mul_allows(first, second):
                raise GeneratorError(f"product of digits up to {first} and {second}")
        self._assembler.call(self._mul)
        return REDUCED_MAX
