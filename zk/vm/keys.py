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
PARAMETER_SETS: dict[ConfigName, ParameterSetName] = {"P2": "APP", "K": "ROOT", "KA": "APP_K"}
# largest stacked rows: 2^20 rows at rate 1/16 fill the two-adic domain (K); at rate 1/2 2^21 rows hold 2^28 cells (P2, KA)
LOG_ROWS_MAX: dict[ConfigName, int] = {"P2": 21, "K": 20, "KA": 21}

# a second instance of tall chips saves a fifth to a third of the cells, and costs gas for its columns on chain
TWINS: dict[ConfigName, bool] = {"P2": True, "K": False, "KA": True}


@dataclass(frozen=True, slots=True)
class GuestKeys:
    """The machine of a guest and its keys."""

    machine: Machine
    proving: ProvingKey
    verifying: VerifyingKey
    program: GuestProgram
    coprocessors: tuple[str, ...]


def guest_keys(
    program: GuestProgram,
    config: ConfigName,
    coprocessors: Sequence[str] = BATCH_COPROCESSORS,
    device: Device | None = None,
    *,
    parameter_set: ParameterSetName | None = None,
    log_rows_max: int | None = None,
) -> GuestKeys:
    """Sets up the machine of a guest; the digest of the verifying key covers program, coprocessors and parameters.

    `parameter_set` and `log_rows_max` replace the choice of the configuration; with another choice the key is another one. A smaller
    `log_rows_max` makes setup quicker, as the preprocessed columns are committed once per admitted size.
    """
    machine, preprocessed = rv32im_machine(program, coprocessors, twins=TWINS[config])
    parameters = parameter_set or PARAMETER_SETS[config]
    rows = LOG_ROWS_MAX[config] if log_rows_max is None else log_rows_max
    proving, verifying = setup(machine, preprocessed, config, parameters, device, rows)
    return GuestKeys(machine, proving, verifying, program, tuple(coprocessors))
