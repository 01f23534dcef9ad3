"""Cases of single functions: names, virtual columns, messages, setup, the rules of the generator, the public values of RV32IM."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from gpu.program import ChipProgram, InteractionProgram, Node, Op
from tests.soundness import toy
from tests.soundness.mutation.cases import Case, Run
from tests.unit.vm.assembler import finish, program
from tests.unit.vm.test_rules import BUSES, CHAIN, TABLE, consumer, provider
from zk.air.chip import Bus, Chip, Constraint, Interaction, Machine
from zk.air.expression import Expr, column
from zk.air.rules import check_chip, check_chips, check_machine
from zk.channel import ProofReader
from zk.configuration import configuration
from zk.errors import AirError, SetupError
from zk.field import one
from zk.hashing import KeccakHasher, Poseidon2Hasher
from zk.machine import keys, params, soundness
from zk.machine import shape as shape_module
from zk.machine.shape import ChipKey
from zk.multilinear import virtual
from zk.transcript import _tag_word
from zk.vm import machine as vm_machine
from zk.vm.elf import GuestProgram


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

    malformed = consumer()
    malformed.constraints.append(Constraint("y", column(4) + column(3), 4))
    yield fault("definition that is no difference", partial(check_chip, malformed))
    free = Chip("free")
    free.send(CHAIN, 0, free.declare(("f",))["f"])
    yield fault("chip without a table and without a selector", partial(check_chip, free))

    def scaled(chip: Chip, columns: dict[str, Expr]) -> None:
        chip.interactions.clear()
        chip.receive(TABLE, 2 * columns["m"], columns["IDX"])

    yield fault("twice the free multiplicity", partial(check_chips, (consumer(), provider(scaled)), BUSES))
    bound = Chip("TABLE", height_log_min=4, height_log_max=4, optional=False)
    columns = bound.declare(("m", "s"), virtual=("IDX",), selectors=("s",))
    bound.constrain("m is one", columns["s"] * (columns["m"] - 1))
    bound.receive(TABLE, columns["m"], columns["IDX"])
    yield fault("multiplicity that a gated constraint binds", partial(check_chips, (consumer(), bound), BUSES))


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
