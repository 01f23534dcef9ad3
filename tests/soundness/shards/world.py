"""A run of several shards as a cheater sees it: plan and traces may be changed, then everything that depends on them is made again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gpu import default_device
from tests.unit.vm.assembler import DATA, ZERO_BASE, call, constant, finish, immediate_form, load, program, store
from zk.air.check import find_global_violations, find_violations
from zk.air.expression import P
from zk.errors import VerificationError
from zk.machine.boundary import BoundaryContext, BoundaryRecord, global_challenges
from zk.machine.prover import Prover, make_record
from zk.shards.bundle import Bundle, encode_bundle
from zk.shards.keys import MachineKeys, ShardKeys, shard_keys
from zk.shards.plan import FinalMemory, MemoryLedger, Plan, ShardInput
from zk.shards.proving import plan_run
from zk.shards.trace import execute_shard, memory_traces, shard_traces
from zk.shards.verifier import RunResult, verify_run
from zk.vm.elf import GuestProgram
from zk.vm.isa import REGISTER_COUNT
from zk.vm.lookups import count_lookups
from zk.vm.proving import fit_traces

U32 = NDArray[np.uint32]
LOG_ROWS = 14
SHARED, LATE = DATA, DATA + 4  # an image word of all shards; one of shards 1 and 3
FRESH = ZERO_BASE + 64  # a word that starts as zero
BLOCK = 128  # cycles of a shard


def _block(words: list[int]) -> list[int]:
    """The words, filled with instructions that do nothing to the length of a shard."""
    assert len(words) <= BLOCK
    return words + [immediate_form("addi", 5, 5, 1)] * (BLOCK - len(words))


def sample_program() -> GuestProgram:
    """Three shards that hand words on: 1 commits output 0 and writes SHARED, LATE and FRESH; 2 changes SHARED; 3 reads all and ends."""
    pointer = constant(30, DATA) + constant(31, FRESH)
    first = pointer + constant(6, 1000) + [store("sw", 6, 30, 0), store("sw", 6, 30, 4), store("sw", 6, 31, 0)]
    second = [load("lw", 7, 30, 0), immediate_form("addi", 7, 7, 1), store("sw", 7, 30, 0)]
    third = [load("lw", 8, 30, 0), load("lw", 9, 30, 4), load("lw", 11, 31, 0)]
    return program(_block([*first, *call(2, 0, 100)]) + _block(second) + third + finish(first=1), [11, 22, 33])


@cache
def sample_keys(config: str = "P2") -> ShardKeys:
    """Keys of the sample."""
    return keys_of(sample_program(), config)


def keys_of(guest: GuestProgram, config: str = "P2") -> ShardKeys:
    """Keys for small traces."""
    return shard_keys(guest, config, (), default_device(), log_rows_max=LOG_ROWS)  # type: ignore[arg-type]


@dataclass(slots=True)
class World:
    """Traces and public values of all proofs of a run, by number: 0 is the memory."""

    keys: ShardKeys
    plan: Plan
    traces: dict[int, dict[str, U32]] = field(default_factory=dict)
    values: dict[int, list[int]] = field(default_factory=dict)

    @staticmethod
    def honest(keys: ShardKeys, shard_cycles: int = BLOCK, hints: Sequence[int] = ()) -> World:
        """An honest run."""
        return World.of(keys, plan_run(keys, np.array(hints, np.uint32), shard_cycles=shard_cycles))

    @staticmethod
    def of(keys: ShardKeys, plan: Plan) -> World:
        """The traces that follow from a plan, true or not: each shard really runs from what the plan says."""
        world = World(keys, plan)
        world.set_memory(plan.memory)
        for shard in plan.shards:
            world.set_shard(shard)
        return world

    def set_memory(self, memory: FinalMemory) -> None:
        """Makes the proof of the memory again."""
        self.traces[0], self.values[0] = memory_traces(self.keys.memory, self.keys.program, memory)

    def set_shard(self, shard: ShardInput) -> None:
        """Makes one shard again."""
        machine = self.keys.shard.machine
        execution = execute_shard(self.keys.program, shard, self.keys.coprocessors)
        self.traces[shard.number] = shard_traces(machine, execution, shard)
        self.values[shard.number] = shard.ends.encode()

    def machine_keys(self, number: int) -> MachineKeys:
        """The keys of a proof."""
        return self.keys.of(number)

    def column(self, number: int, chip: str, name: str) -> U32:
        """A view of a main column."""
        chips = {c.name: c for c in self.machine_keys(number).machine.chips}
        return self.traces[number][chip][chips[chip].main.index(name)]

    def row_of(self, number: int, address: int) -> int:
        """The BOUNDARY row of an address."""
        return int(np.flatnonzero(self.column(number, "BOUNDARY", "addr") == address)[0])

    def preprocessed(self, number: int) -> Mapping[str, U32]:
        """Preprocessed columns by chip name."""
        mine = self.machine_keys(number)
        return {mine.verifying.chips[c].program.name: columns for c, columns in mine.proving.preprocessed.items()}

    def recount(self, number: int) -> None:
        """Lookup multiplicities that fit the changed columns, where every operand is in its table."""
        mine, traces = self.machine_keys(number), self.traces[number]
        further = {name: columns for name, columns in self.preprocessed(number).items() if name == "GIMG"}
        if number:
            further["BOUNDARY"] = np.full((1, traces["BOUNDARY"].shape[1]), number, np.uint32)
        rows = {name: trace.shape[1] for name, trace in traces.items() if name not in ("ROM", "T16", "T5")}
        totals = count_lookups(mine.machine.chips, traces, rows, further)
        traces["T16"] = totals.t16()

    def violations(self) -> list[str]:
        """What the checker says of every proof and of the buses across them."""
        found = []
        for number, traces in self.traces.items():
            machine = self.machine_keys(number).machine
            broken = find_violations(
                machine, self.preprocessed(number), traces, self.values[number], free_lookups=True, shard=number
            )
            found += [f"{number}: {violation}" for violation in broken]
        order = sorted(self.traces)
        worlds = [(self.machine_keys(n).machine, self.preprocessed(n), self.traces[n]) for n in order]
        return found + [f"global: {violation}" for violation in find_global_violations(worlds)]

    def records(self) -> list[BoundaryRecord]:
        """The records that follow from the traces."""
        records = []
        for number in sorted(self.traces):
            mine = self.machine_keys(number)
            self.traces[number] = fit_traces(mine.verifying, self.traces[number])
            traces = self.traces[number]
            names = [chip.program.name for chip in mine.verifying.chips]
            heights = [traces[name].shape[1].bit_length() - 1 if name in traces else None for name in names]
            records.append(make_record(mine.proving, number, heights, traces, default_device()))
        return records

    def prove(
        self,
        change_records: Callable[[list[BoundaryRecord]], list[BoundaryRecord]] = lambda records: records,
        provers: Mapping[int, type[Prover]] | None = None,
    ) -> bytes:
        """The proof of the run by honest code on these traces, or by other provers for some parts."""
        records = change_records(self.records())
        key = self.keys.verifying
        buses = global_challenges((key.memory, key.shard), records)
        proofs = []
        for record in records:
            number = record.shard
            prover = (provers or {}).get(number, Prover)
            context = BoundaryContext(record, buses)
            mine = self.machine_keys(number).proving
            proofs.append(
                prover(mine, self.traces[number], self.values[number], default_device(), boundary=context).run()
            )
        return encode_bundle(key, Bundle(tuple(records), tuple(proofs)))

    def verify(self, proof: bytes) -> RunResult:
        """The verifier's answer."""
        return verify_run(self.keys.verifying, proof)

    def refusal(self, proof: bytes) -> str:
        """Name of the verifier's error; empty where it accepts."""
        try:
            self.verify(proof)
        except VerificationError as error:
            return type(error).__name__
        return ""


def changed_ends(shard: ShardInput, **changes: object) -> ShardInput:
    """The shard with other public values."""
    return replace(shard, ends=replace(shard.ends, **changes))  # type: ignore[arg-type]


def renumbered(keys: ShardKeys, plan: Plan, order: Sequence[int]) -> Plan:
    """A plan of some shards in another order, given by their numbers, numbered anew; all of them and the memory name the shard that
    touched a word before as it is in the new order."""
    ledger = MemoryLedger(keys.program)
    shards = []
    for place, number in enumerate(order, 1):
        shard = plan.shards[number - 1]
        _, previous = ledger.touch(place, shard.touched.addresses, shard.touched.last)
        shards.append(replace(shard, number=place, touched=replace(shard.touched, previous=previous)))
    return Plan(shards, FinalMemory(ledger.addresses, ledger.values, ledger.shards))


def propagated(keys: ShardKeys, shards: Sequence[ShardInput]) -> Plan:
    """Runs shards one after the other, each from the memory and registers that those before left, wherever they start."""
    ledger = MemoryLedger(keys.program)
    registers = np.zeros(REGISTER_COUNT, np.uint32)
    result = []
    for shard in shards:
        touched = shard.touched
        words = int(np.searchsorted(touched.addresses, P - REGISTER_COUNT))
        first, previous = (column.copy() for column in ledger.touch(shard.number, touched.addresses, touched.last))
        told = replace(shard, registers=registers.copy(), touched=replace(touched, first=first, previous=previous))
        ran = rerun(keys, told)
        ledger.touch(shard.number, touched.addresses, ran.touched.last)
        registers[P - 1 - touched.addresses[words:]] = ran.touched.last[words:]
        result.append(ran)
    return Plan(result, FinalMemory(ledger.addresses, ledger.values, ledger.shards))


def with_first(shard: ShardInput, address: int, value: int, previous: int | None = None) -> ShardInput:
    """The shard as it runs when a word seems to hold another value at its start, left by another shard."""
    touched = shard.touched
    at = int(np.flatnonzero(touched.addresses == address)[0])
    first, shards = touched.first.copy(), touched.previous.copy()
    first[at] = value
    shards[at] = shards[at] if previous is None else previous
    return replace(shard, touched=replace(touched, first=first, previous=shards))


def rerun(keys: ShardKeys, shard: ShardInput) -> ShardInput:
    """The shard with last values and times of its real run."""
    execution = execute_shard(keys.program, shard, keys.coprocessors)
    touched = shard.touched
    words = len(execution.touched[0])
    assert np.array_equal(touched.addresses[:words], execution.touched[0])
    used = np.flatnonzero(execution.registers[:, 1])
    last = np.concatenate([execution.touched[1], execution.registers[used, 0]]).astype(np.int64)
    times = np.concatenate([execution.touched[2], execution.registers[used, 1]]).astype(np.int64)
    return replace(shard, touched=replace(touched, last=last, times=times))
