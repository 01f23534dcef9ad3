"""Keys of guest programs: one place decides which machine and which parameters a guest is proven with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gpu.device import Device
from zk.air.chip import Machine
from zk.configuration import ConfigName
from zk.machine.keys import ProvingKey, VerifyingKey, setup
from zk.machine.params import ParameterSetName
from zk.vm.elf import GuestProgram
from zk.vm.machine import rv32im_machine

# Poseidon2 alone: P2_PATH cannot open the empty pages of the state trees (design decision 24)
BATCH_COPROCESSORS = ("P2",)
PARAMETER_SETS: dict[ConfigName, ParameterSetName] = {"P2": "APP", "K": "ROOT"}
# largest stacked rows: 2^20 rows at rate 1/16 fill the two-adic domain (K); at rate 1/2 2^21 rows hold 2^28 cells (P2)
LOG_ROWS_MAX: dict[ConfigName, int] = {"P2": 21, "K": 20}


@dataclass(frozen=True, slots=True)
class GuestKeys:
    """The machine of a guest and its keys."""

    machine: Machine
    proving: ProvingKey
    verifying: VerifyingKey


def guest_keys(
    program: GuestProgram,
    config: ConfigName,
    coprocessors: Sequence[str] = BATCH_COPROCESSORS,
    device: Device | None = None,
) -> GuestKeys:
    """Sets up the machine of a guest; the digest of the verifying key covers program, coprocessors and parameters."""
    machine, preprocessed = rv32im_machine(program, coprocessors)
    proving, verifying = setup(machine, preprocessed, config, PARAMETER_SETS[config], device, LOG_ROWS_MAX[config])
    return GuestKeys(machine, proving, verifying)
