"""Random machines of random shapes: honest traces are accepted, one changed cell is not.

Each chip sends and receives the same random tuples, so the bus balances, and its last column is a product of others.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from gpu.device import Device
from gpu.reference import ReferenceDevice
from tests.soundness.conftest import TEST_SETS
from zk.air.chip import Bus, Chip, Machine, PublicTerm
from zk.air.expression import Expr
from zk.configuration import ConfigName
from zk.errors import ZerocheckError
from zk.field import P
from zk.machine.keys import Columns, setup
from zk.machine.prover import prove
from zk.machine.verifier import verify

DEVICE = ReferenceDevice()


def _chip(number: int, rng: random.Random) -> Chip:
    fixed = rng.random() < 0.5
    low = rng.randrange(4 if number else 7, 9)
    chip = Chip(f"chip{number}", low, low if fixed else low + 2, optional=not fixed and number > 0)
    main = [f"m{i}" for i in range(rng.randrange(3, 12))]
    preprocessed = [f"p{i}" for i in range(rng.randrange(1, 6))] if fixed else []
    virtual = rng.sample(["IDX", "POW2_16", "ONE"], rng.randrange(3)) if fixed else []
    columns = chip.declare(main=main, preprocessed=preprocessed, virtual=virtual)
    everything = list(columns.values())
    chip.constrain("product", columns[main[-1]] - columns[main[0]] * columns[main[1]] * everything[-1 if fixed else 0])
    for bus in range(rng.randrange(1, 4)):
        length = rng.randrange(1, 5)
        message: list[Expr] = [rng.choice(everything) * rng.randrange(1, 9) + rng.randrange(3) for _ in range(length)]
        target = Bus(1 + 5 * number + bus, f"bus{number}.{bus}", length, "permutation")
        multiplicity = rng.choice(everything)
        chip.send(target, multiplicity, *message)
        chip.receive(target, multiplicity, *message)
    return chip


def _machine(rng: random.Random) -> Machine:
    chips = tuple(_chip(number, rng) for number in range(rng.randrange(2, 6)))
    return Machine("random", chips, (), 1, _no_terms, _no_rules)


def _native_devices() -> list[Device]:
    """The CPU device where it is built."""
    try:
        from gpu.cpu import CpuDevice
    except ImportError:
        return []
    return [CpuDevice()]


def _no_terms(values: Sequence[int]) -> list[PublicTerm]:
    return []


def _no_rules(values: Sequence[int]) -> None:
    return None


def _random_columns(rng: random.Random, count: int, height: int) -> Columns:
    return np.random.default_rng(rng.randrange(2**32)).integers(0, P, (count, 1 << height), dtype=np.uint32)


def _virtual(kind: str, size: int) -> list[int]:
    return [{"IDX": i, "POW2_16": 1 << (i & 15), "ONE": 1}[kind] for i in range(size)]


def _trace(chip: Chip, height: int, fixed: Columns | None, rng: random.Random) -> Columns:
    trace = _random_columns(rng, len(chip.main), height)
    third = trace[0].tolist()
    if fixed is not None:
        third = _virtual(chip.virtual[-1], 1 << height) if chip.virtual else fixed[-1].tolist()
    product = [a * b * c % P for a, b, c in zip(trace[0].tolist(), trace[1].tolist(), third, strict=True)]
    trace[-1] = np.array(product, dtype=np.uint32)
    return trace


@pytest.mark.parametrize("config", ["P2", "K"])
@pytest.mark.parametrize("seed", range(4))
def test_random_machine_accepts_its_traces_and_refuses_a_changed_cell(config: ConfigName, seed: int) -> None:
    rng = random.Random(seed)
    machine = _machine(rng)
    preprocessed = {
        chip.name: _random_columns(rng, len(chip.preprocessed), chip.height_log_min)
        for chip in machine.chips
        if chip.preprocessed
    }
    pk, vk = setup(machine, preprocessed, config, TEST_SETS[config], DEVICE)
    traces = {}
    for chip in machine.chips:
        if chip.optional and rng.random() < 0.4:
            continue
        height = rng.randrange(chip.height_log_min, chip.height_log_max + 1)
        traces[chip.name] = _trace(chip, height, preprocessed.get(chip.name), rng)
    proof = prove(pk, traces, [3], DEVICE)
    assert verify(vk, proof) == (3,)
    assert all(prove(pk, traces, [3], device) == proof for device in _native_devices())
    victim = traces[rng.choice(list(traces))]
    victim[-1, rng.randrange(victim.shape[1])] ^= 1
    with pytest.raises(ZerocheckError):
        verify(vk, prove(pk, traces, [3], DEVICE))
