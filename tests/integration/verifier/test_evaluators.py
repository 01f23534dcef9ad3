"""Generated evaluators give the value of the AIR at random points."""

from __future__ import annotations

import random

import pytest
from web3 import Web3

from gpu.program import ChipProgram
from tests.integration.verifier.chain import create
from tests.integration.verifier.evaluation import Evaluation
from tests.soundness import toy
from zk.air.chip import Bus, Chip
from zk.air.expression import Expr, const, total
from zk.chips import divide, ecall, load, logic, memory, multiply, shift, tables
from zk.coprocessors import permutation
from zk.field import P
from zk.solidity import evaluator
from zk.solidity.assembler import init_code
from zk.solidity.evaluator import generate_evaluators


def _deploy(web3: Web3, codes: list[bytes]) -> list[str]:
    return [create(web3, init_code(code), "evaluator", {}) for code in codes]


def _check(web3: Web3, programs: list[ChipProgram], codes: list[bytes], seeds: int) -> None:
    addresses = _deploy(web3, codes)
    for seed in range(seeds):
        rng = random.Random(seed)
        present = [seed == 0 or rng.random() < 0.6 for _ in programs]
        evaluation = Evaluation(programs, present, seed)
        assert evaluation.found(web3, addresses) == evaluation.expected(), f"seed {seed}, present {present}"


def test_toy_machine(web3: Web3) -> None:
    programs = [chip.lower() for chip in toy.machine().chips]
    _check(web3, programs, generate_evaluators(programs), 6)


def test_chips_of_the_machine_and_the_permutation(web3: Web3) -> None:
    chips = [logic.build_logic(), shift.build_shift(), load.build_loadsub(), multiply.build_mul(), divide.build_div()]
    chips += [ecall.build_ecall(), memory.build_img(100), memory.build_rom(100), tables.build_t16(), tables.build_t5()]
    chips.append(permutation.build_p2())
    programs = [chip.lower() for chip in chips]
    codes = generate_evaluators(programs)
    assert all(len(code) <= 24_576 for code in codes)
    _check(web3, programs, codes, 3)


def test_chips_divided_among_many_contracts(web3: Web3, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = [chip.lower() for chip in (multiply.build_mul(), *toy.machine().chips, divide.build_div())]
    monkeypatch.setattr(evaluator, "CODE_SIZE_MAX", 2_000)
    codes = generate_evaluators(programs)
    assert len(codes) >= 8 and all(len(code) <= 2_000 for code in codes)
    _check(web3, programs, codes, 4)


def _random_chip(rng: random.Random) -> Chip:
    chip = Chip("random")
    columns = list(chip.declare(main=[f"c{i}" for i in range(6)], preprocessed=["p"], virtual=["IDX"]).values())

    def affine(size: int) -> Expr:
        coefficients = (1, -1, 2, 4, 65536, P - 65536, 1 << 20, pow(2, -16, P), pow(4, -1, P), rng.randrange(P))
        return total(rng.choice(coefficients) * rng.choice(columns) for _ in range(size)) + rng.choice(coefficients)

    shared = [affine(3) for _ in range(3)]
    shared += [shared[0] * shared[1], shared[2] * affine(2), affine(8) - 3 * affine(4)]
    for number in range(6):
        left, right = rng.choice(shared[:3]), rng.choice(shared)
        chip.constrain(str(number), left * right + affine(rng.randrange(1, 6)) - rng.choice(shared))
    chip.constrain("constant", const(rng.randrange(P)))
    chip.constrain("zero", const(0))
    for number in range(4):
        length = rng.randrange(0, 16)
        chip.send(Bus(number + 1, str(number), length, "lookup"), affine(2), *(affine(i % 4) for i in range(length)))
    return chip


def test_random_chips(web3: Web3) -> None:
    for seed in range(8):
        program = _random_chip(random.Random(f"chip {seed}")).lower()
        print(f"seed {seed}: {len(program.nodes)} nodes")
        _check(web3, [program], generate_evaluators([program]), 2)
