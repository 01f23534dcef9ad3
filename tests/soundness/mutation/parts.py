"""Cases of single functions: names, virtual columns, messages, setup, the rules of the generator, the public values of RV32IM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest

from gpu.program import ChipProgram, InteractionProgram, Node, Op
from tests.integration.verifier.test_statements import EXIT, statement_key, statement_proof
from tests.soundness import toy
from tests.soundness.mutation.cases import Case, Run
from tests.soundness.vm.test_cases import test_45_setup_refuses_rom_rows
from tests.unit.vm.assembler import finish, program
from tests.unit.vm.test_rules import BUSES, CHAIN, CONSUMER_FAULTS, TABLE, consumer, provider
from zk.air.chip import Bus, Chip, Constraint, Interaction, Machine
from zk.air.expression import Expr, column
from zk.air.rules import check_chip, check_chips, check_machine
from zk.channel import ProofReader
from zk.chips.memory import check_image, image_columns, preprocess_img, preprocess_rom
from zk.configuration import configuration
from zk.errors import AirError, SetupError, VerificationError
from zk.field import one
from zk.hashing import KeccakHasher, Poseidon2Hasher
from zk.machine import keys, params, soundness
from zk.machine import shape as shape_module
from zk.machine.shape import ChipKey
from zk.multilinear import virtual
from zk.transcript import _tag_word
from zk.vm import machine as vm_machine
from zk.vm.elf import GuestProgram
from zk.vm.isa import ADDRESS_LIMIT, Instruction, OpCode
from zk.vm.proving import verify_guest
from zk.vm.rom import Rom, check_rom


def part_cases() -> list[Case]:
    """Cases of single functions: names, virtual columns, messages, and the machine RV32IM with its public values."""

    def case(name: str, error: type[BaseException] | None, run: Run) -> Case:
        return Case(name, error, lambda: run)

    point = [one()] * 16
    return [
        case("configuration K", None, partial(configuration, "K")),
        case("unknown configuration", ValueError, partial(configuration, "X")),
        case("parameter set APP", None, partial(params.parameter_set, "APP")),
        case("unknown parameter set", ValueError, partial(params.parameter_set, "X")),
        case("message of no element", None, partial(_tag_word, 1, 0)),
        case("message of 2^16 - 1 elements", None, partial(_tag_word, 1, 65535)),
        case("message of 2^16 elements", ValueError, partial(_tag_word, 1, 65536)),
        case("message of -1 elements", ValueError, partial(_tag_word, 1, -1)),
        case("virtual column BYTE_Y of 2^16 rows", None, partial(virtual.evaluate_virtual, "BYTE_Y", point)),
        case("virtual column BYTE_X of 2^7 rows", ValueError, partial(virtual.evaluate_virtual, "BYTE_X", point[:7])),
        case(
            "values of the virtual column BYTE_X of 2^7 rows", ValueError, partial(virtual.virtual_column, "BYTE_X", 7)
        ),
        case("unknown virtual column", ValueError, partial(virtual.evaluate_virtual, "SQUARE", point)),
        case("height of an absent chip", ValueError, partial(shape_module._height, [None], 0)),
        case("no element", None, partial(_reader().elements, 0, "none")),
        case("Keccak digest of 31 bytes", ValueError, partial(_demand, KeccakHasher().is_canonical, bytes(31))),
        case("Poseidon2 digest of 31 bytes", ValueError, partial(_demand, Poseidon2Hasher().is_canonical, bytes(31))),
        case("Johnson multiplicity 3", None, partial(soundness._Code, 1, 3)),
        case("Johnson multiplicity 2", ValueError, partial(soundness._Code, 1, 2)),
        *_setup_cases(),
        *_rule_cases(),
        *_machine_cases(),
        *_rom_cases(),
        *_image_cases(),
        *_guest_cases(),
    ]


def _reader() -> ProofReader:
    return ProofReader(b"", configuration("K"))


def _demand(predicate: Callable[[bytes], bool], data: bytes) -> None:
    if not predicate(data):
        raise ValueError("the predicate refuses")


def _renamed(chip: Chip, name: str) -> Chip:
    chip.name = name
    return chip


def _setup_cases() -> Iterator[Case]:
    """The bounds of setup, each from both sides."""

    def chips(name: str, error: type[BaseException] | None, *own: Chip) -> Case:
        machine = replace(toy.machine(), chips=own)
        return Case(f"setup: {name}", error, lambda: partial(keys.chip_keys, machine))

    yield chips("no chip", SetupError)
    yield chips("one chip", None, toy.step_chip())
    yield chips("254 chips", None, *(_renamed(toy.jump_chip(), str(i)) for i in range(254)))
    yield chips("255 chips", SetupError, *(_renamed(toy.jump_chip(), str(i)) for i in range(255)))
    for lowest, error in ((3, SetupError), (4, None), (5, None), (6, SetupError)):
        chip = toy.jump_chip()
        chip.height_log_min = lowest
        yield chips(f"heights from {lowest} to 5", error, chip)
    for length, error in ((15, None), (16, SetupError)):
        chip = toy.jump_chip()
        chip.send(Bus(9, "LONG", length, "permutation"), 1, *([0] * length))
        yield chips(f"message of {length}", error, chip)
    table = Chip("table", height_log_min=5, height_log_max=5, optional=False)
    columns = table.declare(["m"], virtual=["BYTE_X"])
    table.receive(Bus(9, "BYTES", 1, "lookup"), columns["m"], columns["BYTE_X"])
    yield chips("BYTE_X of 2^5 rows", ValueError, table)
    yield Case("setup: 2^4 rows", None, lambda: partial(keys.smallest_log_rows, [_chip_key(9, 5)]))
    yield Case("setup: 2^3 rows", SetupError, lambda: partial(keys.smallest_log_rows, [_chip_key(8, 4)]))
    few = partial(keys.setup, toy.machine(), toy.rom_columns(), "K", "ROOT_TEST", None, 1)
    yield Case("setup: no admissible shape", SetupError, lambda: few)


def _chip_key(columns: int, log_height: int) -> ChipKey:
    nodes, interactions = (Node(Op.CONST, 1),), (InteractionProgram(1, 0, (0,)),)
    return ChipKey(ChipProgram("chip", columns, 0, (), nodes, (), interactions), log_height, log_height, False)


def _rule_cases() -> Iterator[Case]:
    """Rules of the generator that a chip cannot break by its own methods, and providers whose multiplicity is not free."""

    def fault(name: str, run: Run) -> Case:
        return Case(f"rules: {name}", AirError, lambda: run)

    faulty: Machine = replace(toy.machine(), chips=(consumer(), consumer(), provider()), buses=BUSES)
    yield fault("machine with a chip twice", partial(check_machine, faulty))
    bare = Chip("bare", height_log_min=4, height_log_max=4, optional=False)
    columns = bare.declare((), virtual=("IDX",))
    bare.receive(TABLE, 0 * columns["IDX"] + columns["IDX"] - columns["IDX"], columns["IDX"])
    yield fault("chip without a main column", partial(check_chip, bare))
    silent = Chip("silent")
    columns = silent.declare(("f",), selectors=("f",))
    silent.constrain("f", columns["f"] * (columns["f"] - 1))
    yield fault("chip without an interaction", partial(check_chip, silent))
    long = consumer()
    first = long.interactions[0]
    long.interactions[0] = Interaction(first.bus, first.multiplicity, first.message * 2)
    yield fault("message that is too long", partial(check_chip, long))

    for rule, change in CONSUMER_FAULTS.items():
        yield fault(f"chip, {rule}", partial(check_chips, (consumer(change), provider()), BUSES))
    malformed = consumer()
    malformed.constraints.append(Constraint("y", column(4) + column(3), 4))
    yield fault("definition that is no difference", partial(check_chip, malformed))
    free = Chip("free")
    free.send(CHAIN, 0, free.declare(("f",))["f"])
    yield fault("chip without a table and without a selector", partial(check_chip, free))
    fixed = Chip("fixed", height_log_min=4, height_log_max=4, optional=False)
    fixed.send(CHAIN, 0, fixed.declare(("f",))["f"])
    yield fault("chip of one height without a table and without a selector", partial(check_chip, fixed))
    padded = consumer(CONSUMER_FAULTS["not 0 on padding"])
    yield fault("multiplicity on padding rows, by itself", partial(check_chip, padded))
    yield from _multiplicity_cases()

    def scaled(chip: Chip, columns: dict[str, Expr]) -> None:
        chip.interactions.clear()
        chip.receive(TABLE, 2 * columns["m"], columns["IDX"])

    yield fault("twice the free multiplicity", partial(check_chips, (consumer(), provider(scaled)), BUSES))
    bound = Chip("TABLE", height_log_min=4, height_log_max=4, optional=False)
    columns = bound.declare(("m", "s"), virtual=("IDX",), selectors=("s",))
    bound.constrain("m is one", columns["s"] * (columns["m"] - 1))
    bound.receive(TABLE, columns["m"], columns["IDX"])
    yield fault("multiplicity that a gated constraint binds", partial(check_chips, (consumer(), bound), BUSES))


def _multiplicity_cases() -> Iterator[Case]:
    """Chips without a table, so that nothing but the rule of multiplicities refuses them."""

    def chip(name: str, multiplicity: Callable[[Expr, Expr], Expr], booleans: Sequence[str]) -> Case:
        own = Chip("alone")
        columns = own.declare(("f", "g", "x"), selectors=("f", "g"))
        for flag in booleans:
            own.constrain(flag, columns[flag] * (columns[flag] - 1))
        for add in (own.send, own.receive):
            add(CHAIN, multiplicity(columns["f"], columns["g"]), columns["x"] + columns["g"])
        return Case(f"rules: {name}", AirError, lambda: partial(check_chips, (own,), (CHAIN,)))

    yield chip("selector without its boolean constraint", lambda f, g: f, "g")
    yield chip("sum of selectors without its boolean constraint", lambda f, g: f + g, "fg")
    yield chip("twice a selector", lambda f, g: 2 * f, "fg")


def _machine_cases() -> Iterator[Case]:
    guest = program(finish())
    machine = _machine(guest)
    honest = vm_machine.public_values(guest.entry, 20, 0, guest.zero_base - 4, range(16))

    def values(name: str, error: type[BaseException] | None, changed: list[int]) -> Case:
        return Case(f"public values: {name}", error, lambda: partial(machine.check_public_values, changed))

    def changed(index: int, value: int) -> list[int]:
        return [*honest[:index], value, *honest[index + 1 :]]

    yield values("honest", None, honest)
    yield values("37 of them", ValueError, honest[:-1])
    yield values("limb 65535", None, changed(vm_machine.OUTPUTS, 65535))
    yield values("limb 65536", ValueError, changed(vm_machine.OUTPUTS, 65536))
    yield values("limb -1", ValueError, changed(vm_machine.OUTPUTS, -1))
    yield values("another entry", ValueError, changed(vm_machine.PC_START, guest.entry + 4))
    yield values("pc_end 4", ValueError, changed(vm_machine.PC_END, 4))
    yield values("as many cycles as the bound", None, changed(vm_machine.CLK_END, vm_machine.CLK_END_MAX))
    yield values("one cycle more than the bound", ValueError, changed(vm_machine.CLK_END, vm_machine.CLK_END_MAX + 1))
    yield Case("RV32IM of a program", None, lambda: partial(_fresh_machine, guest))
    other = replace(guest, entry=guest.entry + 2)
    yield Case("entry without an instruction", SetupError, lambda: partial(_machine, other))
    yield Case("unknown coprocessor", SetupError, lambda: partial(vm_machine.rv32im_machine, guest, ("P3",)))
    yield Case("chips that break a rule", AirError, lambda: partial(_broken_machine, guest))


def _rom_cases() -> Iterator[Case]:
    """The rows of the soundness tests, each of which breaks one rule, and rows that only one function can refuse."""

    def rows(name: str, error: type[BaseException] | None, *own: Instruction) -> Case:
        return Case(f"ROM: {name}", error, lambda: partial(Rom.from_instructions, own))

    yield rows("two instructions", None, Instruction(8, OpCode.ADDI, 1, 1, 65535, 0), Instruction(12, OpCode.ECALL))
    yield rows("no instruction", SetupError)
    for value in (1 << 32, (1 << 32) + 5, 5 - (1 << 32)):
        yield rows(f"immediate {value}", SetupError, Instruction(8, OpCode.ADDI, 1, 1, value, 0))
    yield rows("JALRN with an immediate of 2^16", SetupError, Instruction(8, OpCode.JALRN, 1, 1, 65536, 12))
    yield rows("two instructions at one pc", SetupError, Instruction(8, OpCode.ECALL), Instruction(8, OpCode.ECALL))
    (parameters,) = test_45_setup_refuses_rom_rows.pytestmark  # type: ignore[attr-defined]
    for number, (instruction, rule) in enumerate(parameters.args[1]):
        yield rows(f"row {number}, {rule}", SetupError, instruction)
    pc, op, *fields = (np.array([value], np.uint32) for value in (8, 0, 1, 1, 0, 0))
    unknown = Rom(pc, op, *fields)
    yield Case("ROM: op code 0", SetupError, lambda: partial(check_rom, unknown))
    yield Case("ROM: columns of op code 0", SetupError, lambda: partial(preprocess_rom, unknown))


def _image_cases() -> Iterator[Case]:
    """The rules of the image, each from both sides. Rows: two words, then the registers."""

    def image(name: str, changes: dict[tuple[str, int], int], error: type[BaseException] | None = SetupError) -> Case:
        columns = image_columns(np.array([4, 12], np.uint32), np.array([7, 0xFFFFFFFF], np.uint32))
        for (column_name, row), value in changes.items():
            columns[("address", "low", "high", "real").index(column_name), row] = value
        return Case(f"image: {name}", error, lambda: partial(check_image, columns, 16))

    yield image("honest", {}, None)
    yield image("address of zero_base", {("address", 1): 16})
    yield image("address off the words", {("address", 1): 6})
    yield image("address twice", {("address", 1): 4})
    yield image("register missing", {("address", 5): 8})
    for name in ("low", "high"):
        yield image(f"{name} limb of 2^16", {(name, 0): 65536})
        yield image(f"{name} limb of a register", {(name, 5): 1})
    yield image("row that is not real", {("real", 0): 0})
    bare = image_columns(np.zeros(0, np.uint32), np.zeros(0, np.uint32))
    for base, error in (
        (0, SetupError), (4, None), (6, SetupError), (ADDRESS_LIMIT - 4, None), (ADDRESS_LIMIT, SetupError),
    ):  # fmt: skip
        yield Case(f"image: zero_base {base}", error, lambda base=base: partial(check_image, bare, base))
        yield Case(f"image: columns, zero_base {base}", error, lambda base=base: partial(preprocess_img, bare, base))


@cache
def _statement_key() -> keys.ProvingKey:
    return statement_key()


def _guest_cases() -> Iterator[Case]:
    """The exit code of a verified run."""

    def run(name: str, error: type[BaseException] | None, changes: dict[int, int], *, allow_failure: bool) -> Case:
        def build() -> Run:
            proof = statement_proof(_statement_key(), changes)
            return partial(verify_guest, _statement_key().verifying_key, proof, allow_failure=allow_failure)

        return Case(f"guest: {name}", error, build)

    yield run("exit code 0", None, {}, allow_failure=False)
    yield run("exit code 0 where failures are allowed", None, {}, allow_failure=True)
    yield run("exit code 1 where failures are allowed", None, {EXIT: 1}, allow_failure=True)
    for limb in (EXIT, EXIT + 1):
        yield run(f"exit code 1 in limb {limb}", VerificationError, {limb: 1}, allow_failure=False)


def _machine(guest: GuestProgram) -> Machine:
    return vm_machine.rv32im_machine(guest)[0]


def _fresh_machine(guest: GuestProgram) -> None:
    """With the rules of the generator checked again."""
    vm_machine.checked_chips.cache_clear()
    _machine(guest)


def _broken_machine(guest: GuestProgram) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vm_machine, "_CPU_CHIPS", vm_machine._CPU_CHIPS[1:] * 2)  # every name twice
        vm_machine.checked_chips.cache_clear()
        try:
            vm_machine.rv32im_machine(guest)
        finally:
            vm_machine.checked_chips.cache_clear()
