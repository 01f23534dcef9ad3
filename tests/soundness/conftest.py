"""Keys and honest proofs of the toy machine, made once for each configuration."""

from __future__ import annotations

from functools import cached_property

import pytest

from gpu.device import Device
from gpu.reference import ReferenceDevice
from tests.soundness import toy
from tests.soundness.fields import Field, ends_of_kinds, proof_fields
from zk.air.chip import Machine
from zk.configuration import ConfigName
from zk.machine.keys import ProvingKey, VerifyingKey, setup
from zk.machine.params import ParameterSetName
from zk.machine.prover import Prover

TEST_SETS: dict[ConfigName, ParameterSetName] = {"P2": "APP_TEST", "K": "ROOT_TEST"}


class Toy:
    """The toy machine in one configuration."""

    def __init__(self, config: ConfigName) -> None:
        self.config = config
        self.device: Device = ReferenceDevice()
        self.pk, self.vk = self.keys()

    def keys(self, machine: Machine | None = None, seed: int = 7) -> tuple[ProvingKey, VerifyingKey]:
        """Keys of the toy machine or of a variant, with the ROM of this seed."""
        parameter_set = TEST_SETS[self.config]
        return setup(machine or toy.machine(), toy.rom_columns(seed), self.config, parameter_set, self.device)

    def prove(self, statement: toy.Statement, prover: type[Prover] = Prover, device: Device | None = None) -> bytes:
        """A proof by honest prover code or a variant of it."""
        return prover(self.pk, statement.traces, statement.public_values, device or self.device).run()

    @cached_property
    def proof(self) -> bytes:
        """The proof of the default statement."""
        return self.prove(toy.statement())

    @cached_property
    def fields(self) -> list[Field]:
        """All fields of that proof in order."""
        return proof_fields(self.vk, self.proof)

    @cached_property
    def kinds(self) -> list[Field]:
        """The first and the last field of each kind: labels alike but for their numbers."""
        return ends_of_kinds(self.fields)

    def field(self, label: str) -> Field:
        """The field of this label."""
        return next(field for field in self.fields if field.label == label)

    def with_bytes(self, start: int, data: bytes) -> bytes:
        """The proof with some bytes replaced."""
        return self.proof[:start] + data + self.proof[start + len(data) :]

    def element(self, position: int) -> int:
        """The element at a byte position."""
        return int.from_bytes(self.proof[position : position + 4], self.vk.configuration.hasher.byte_order)

    def encode(self, value: int) -> bytes:
        """Four bytes of an element."""
        return value.to_bytes(4, self.vk.configuration.hasher.byte_order)


@pytest.fixture(scope="session", params=["P2", "K"])
def kit(request: pytest.FixtureRequest) -> Toy:
    """The toy machine in both configurations."""
    return Toy(request.param)


def small(**changes: int) -> toy.Statement:
    """A small honest statement, quick to prove."""
    return toy.statement(**{"steps": 60, "jumps": 3, "log_height": 7, **changes})
