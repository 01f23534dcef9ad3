"""Keys of a run of several shards: one for its shards, one for its memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

from gpu.device import Device
from zk.air.chip import Machine
from zk.configuration import ConfigName
from zk.errors import SetupError
from zk.machine.boundary import GLOBAL_LEAVES_MAX, SHARD_NUMBER_MAX
from zk.machine.keys import ProvingKey, VerifyingKey, setup
from zk.machine.params import SECURITY_BITS, ParameterSetName
from zk.machine.soundness import BoundaryCounts, judge_boundary
from zk.shards.machine import memory_machine, shard_machine
from zk.vm.elf import GuestProgram
from zk.vm.keys import BATCH_COPROCESSORS, LOG_ROWS_MAX, PARAMETER_SETS, TWINS


@dataclass(frozen=True, slots=True)
class MachineKeys:
    """A machine and its keys."""

    machine: Machine
    proving: ProvingKey
    verifying: VerifyingKey


@dataclass(frozen=True, slots=True)
class RunKey:
    """Everything that a verifier of a run relies on: the key of its memory, that of its shards, and where the program starts."""

    memory: VerifyingKey
    shard: VerifyingKey
    entry: int

    @property
    def digest(self) -> bytes:
        """One digest for both keys; that of the memory covers the entry."""
        return self.memory.configuration.hasher.byte_string(self.memory.digest + self.shard.digest)

    def security_bits(self) -> float:
        """Bits of the sum of all errors of a run of any number of shards, over the weakest admissible shapes.

        The weaker of the two keys, as a run is accepted only if all its proofs are; and the errors of the boundary.
        """
        worst = 0.0
        for key in (self.memory, self.shard):
            chips = [chip for chip in key.chips if chip.boundary]
            heights = max(chip.log_height_max for chip in chips)
            counts = BoundaryCounts(
                shards=SHARD_NUMBER_MAX + 1,
                log_height_max=heights,
                columns=sum(chip.program.main_count for chip in chips),
                log_global_leaves=heights + 3,
                global_leaves_max=GLOBAL_LEAVES_MAX,
            )
            added = [judge_boundary(key.parameters.rows[r + w, w], counts) for r, w in key.admissible]
            boundary = max(sum(2.0**-bits for bits in terms.values()) for terms in added)
            worst = max(worst, 2.0**-key.security_bits + boundary)
        return -log2(worst)

    def of(self, number: int) -> VerifyingKey:
        """The key of proof `number` of a run."""
        return self.shard if number else self.memory


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """The keys of a guest that is proven in shards. Number 0 of a run is its memory, the others are shards."""

    program: GuestProgram
    coprocessors: tuple[str, ...]
    shard: MachineKeys
    memory: MachineKeys
    log_rows_max: int | None = None

    @property
    def verifying(self) -> RunKey:
        """What a verifier needs."""
        return RunKey(self.memory.verifying, self.shard.verifying, self.program.entry)

    def of(self, number: int) -> MachineKeys:
        """The keys that proof `number` of a run is made with."""
        return self.shard if number else self.memory


Roots = Mapping[int, bytes]


def shard_keys(
    program: GuestProgram,
    config: ConfigName,
    coprocessors: Sequence[str] = BATCH_COPROCESSORS,
    device: Device | None = None,
    *,
    parameter_set: ParameterSetName | None = None,
    log_rows_max: int | None = None,
    roots: tuple[Roots, Roots] | None = None,
) -> ShardKeys:
    """Sets up both machines of a guest; the options are those of `guest_keys`.

    `roots`: preprocessed roots of memory and shard machine where a prover knows them already. A verifier never takes them from others.
    """
    parameters = parameter_set or PARAMETER_SETS[config]
    rows = LOG_ROWS_MAX[config] if log_rows_max is None else log_rows_max
    known = (None, None) if roots is None else roots
    machines = (memory_machine(program), shard_machine(program, coprocessors, twins=TWINS[config]))
    memory, shard = (
        MachineKeys(machine, *setup(machine, preprocessed, config, parameters, device, rows, preprocessed_roots=mine))
        for (machine, preprocessed), mine in zip(machines, known, strict=True)
    )
    keys = ShardKeys(program, tuple(coprocessors), shard, memory, log_rows_max)
    bits = keys.verifying.security_bits()
    if bits < SECURITY_BITS:
        raise SetupError(f"runs of several shards: expected at least {SECURITY_BITS} bits, found {bits:.1f}")
    return keys
