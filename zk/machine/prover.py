"""prove(): the protocol in order (proof system, section 7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gpu.device import ChipColumns, ColumnClaim, Commitment, Device, FractionTree, Tensor, ZerocheckProver
from gpu.program import ChipProgram
from zk.channel import ProverChannel
from zk.errors import ShapeError, TraceError
from zk.field import Ext, P, zero
from zk.field.extension import powers
from zk.machine.boundary import (
    BoundaryClaims,
    BoundaryContext,
    BoundaryRecord,
    observe_boundary,
    record_point,
    record_value,
)
from zk.machine.keys import ProvingKey, VerifyingKey
from zk.machine.proof import encode_header
from zk.machine.shape import BOUNDARY, MAIN, PREPROCESSED, Shape, TreeLayout, derive_shape
from zk.machine.verifier import check_shape, observe_statement
from zk.multilinear.gkr import FractionClaim, prove_layers, prove_root
from zk.multilinear.linear import LinearProver
from zk.multilinear.virtual import virtual_column
from zk.multilinear.zerocheck import BusChallenges, chip_weights, prove_zerocheck, segment_weights
from zk.pcs.whir import prove_opening
from zk.transcript import Tag

Trace = NDArray[np.uint32]
Progress = Callable[[str, float], None]


@dataclass(slots=True)
class ProofStatistics:
    """Measurements of one proof. Used cells are those of the chips; committed cells those of the stacked matrices."""

    used_cells: int = 0
    committed_cells: int = 0
    leaves: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def prove(
    pk: ProvingKey,
    traces: Mapping[str, Trace],
    public_values: Sequence[int],
    device: Device,
    progress: Progress | None = None,
) -> bytes:
    """A proof that the traces satisfy the machine with these public values.

    `traces`: chip name -> canonical (main_count, 2^height); absent chips are missing. `progress` receives the stage (commit, gkr,
    zerocheck, open) and the done part of it. Raises TraceError where a trace does not fit the machine; a trace that violates a
    constraint gives a proof that no verifier accepts.
    """
    return Prover(pk, traces, public_values, device, progress).run()


def prove_measured(
    pk: ProvingKey,
    traces: Mapping[str, Trace],
    public_values: Sequence[int],
    device: Device,
    progress: Progress | None = None,
) -> tuple[bytes, ProofStatistics]:
    """`prove` with its measurements."""
    prover = Prover(pk, traces, public_values, device, progress)
    return prover.run(), prover.statistics


class Prover:
    """One run of the prover; `statistics` is complete after `run`."""

    def __init__(
        self,
        pk: ProvingKey,
        traces: Mapping[str, Trace],
        public_values: Sequence[int],
        device: Device,
        progress: Progress | None = None,
        boundary: BoundaryContext | None = None,
    ) -> None:
        self.key = pk.verifying_key
        self.boundary = boundary
        if self.key.is_sharded is not (boundary is not None):
            raise TraceError(
                f"machine {self.key.machine.name}: a record of the boundary belongs to a key of shards only"
            )
        self.device = device
        self.public_values = tuple(int(value) for value in public_values)
        self.statistics = ProofStatistics()
        self.channel = ProverChannel(self.key.configuration)
        self._pk = pk
        self._progress = progress or (lambda stage, done: None)
        heights = _heights(pk, traces)
        self.shape: Shape = derive_shape(self.key.chips, heights, self.key.log_rows_min)
        _check_admissible(self.key, self.shape)
        self._traces = {number: traces[self.key.chips[number].program.name] for number in self.shape.present}

    def run(self) -> bytes:
        """The steps of section 7."""
        channel = self.channel
        self.announce()
        if self.boundary is not None:
            observe_boundary(channel, self.boundary)
        with self._stage("commit"):
            self.commit()
            sample = channel.challenge("z0")
            channel.send(Tag.OUT_OF_DOMAIN, [self.out_of_domain(sample)])
        buses = BusChallenges(channel.challenge("alpha"), channel.challenge("beta"))
        with self._stage("gkr"):
            claim = self.prove_buses(self.chip_columns(), buses)
            shared = None if self.boundary is None else self.prove_global_buses(self.boundary.buses)
        with self._stage("zerocheck"):
            point = self.prove_rows(claim, buses, shared)
        gamma = channel.challenge("gamma")
        with self._stage("open"):
            self.prove_openings(sample, point, gamma)
        return channel.proof()

    def announce(self) -> None:
        """The header, and step 0: key, heights and public values enter the transcript."""
        self.channel.raw(encode_header(self.key, self.shape.heights, self.public_values))
        observe_statement(self.channel, self.key, self.shape.heights, self.public_values)

    def commit(self) -> None:
        """Step 2: stacks, encodes and hashes the main columns. The boundary columns are in the record already."""
        self.stacks: dict[str, Tensor] = {}
        self.commitments: list[Commitment] = []
        hash_name, log_inv_rate = self.key.configuration.hasher.name, self.key.parameters.log_inv_rate
        for tree in self.shape.trees:
            if tree.name == PREPROCESSED:
                stack, commitment = self._pk.commit_preprocessed(self.device, self.shape)
            else:
                stack = upload_stack(self.device, self.shape, tree, self._traces)
                commitment = self.device.commit(hash_name, stack, log_inv_rate)
                self._send_root(tree.name, commitment.root)
            self.stacks[tree.name] = stack
            self.commitments.append(commitment)
            self.statistics.used_cells += tree.cells
            self.statistics.committed_cells += tree.width << self.shape.log_rows

    def out_of_domain(self, sample: Ext) -> Ext:
        """Step 3: F(z_0) over the cells of all trees."""
        result = zero()
        for tree in self.shape.trees:
            flat = self.device.view(self.stacks[tree.name], 0, (tree.width << self.shape.log_rows,))
            value = Ext(self.device.evaluate_univariate(flat, sample.c))
            result = result + value * sample ** (tree.start << self.shape.log_rows)
        return result

    def chip_columns(self) -> list[ChipColumns]:
        """The columns of all present chips on the device, in the order sigma. Main columns are views of the stack."""
        return [self._chip_columns(number) for number in self.shape.order]

    def prove_buses(self, chips: Sequence[ChipColumns], buses: BusChallenges) -> FractionClaim:
        """Steps 4 to 6: the sum of all fractions, down to the leaves."""
        self._chips = chips
        tree = self.fraction_tree(chips, buses)
        self.statistics.leaves = sum(1 << segment.log_height for segment in self.shape.segments)
        claim = prove_root(self.channel, tree)
        return self.prove_layers(tree, claim)

    def fraction_tree(self, chips: Sequence[ChipColumns], buses: BusChallenges) -> FractionTree:
        """Step 4."""
        return self.device.fraction_tree(chips, buses.alpha.c, buses.beta.c, self.shape.log_leaves)

    def prove_layers(self, tree: FractionTree, claim: FractionClaim) -> FractionClaim:
        """Steps 5 and 6."""
        return prove_layers(self.channel, tree, claim, self.shape.log_leaves, lambda done: self._progress("gkr", done))

    def prove_global_buses(self, buses: BusChallenges) -> FractionClaim:
        """The same for the global fractions of a shard (section 15), whose sum balances with those of the other shards."""
        tree = self.global_fraction_tree(buses)
        claim = prove_root(self.channel, tree)
        return prove_layers(self.channel, tree, claim, self.shape.log_global_leaves, lambda done: None, "global")

    def global_fraction_tree(self, buses: BusChallenges) -> FractionTree:
        """The tree over the global interactions of the boundary chips."""
        chips = []
        for number in self.shape.order:
            program = self.key.chips[number].global_program
            if program is not None:
                chips.append(replace(self._chip_columns(number), chip=self.device.load(program)))
        return self.device.fraction_tree(chips, buses.alpha.c, buses.beta.c, self.shape.log_global_leaves)

    def prove_rows(self, claim: FractionClaim, buses: BusChallenges, shared: FractionClaim | None) -> list[Ext]:
        """Steps 7 and 8: the zerocheck, then all column evaluations at its point."""
        combination = self.channel.challenge("zerocheck.lambda")
        prover = self.zerocheck(claim, combination, buses)
        linear: list[LinearProver] = []
        if self.boundary is not None and shared is not None:
            claims = BoundaryClaims(self.key, self.shape, self.boundary, shared, combination)
            linear = claims.provers(self._boundary_columns())
        point = prove_zerocheck(self.channel, prover, self.shape.log_height_max, linear)
        self.channel.send(Tag.COLUMN_EVALUATIONS, self.column_evaluations(prover))
        return point

    def zerocheck(self, claim: FractionClaim, combination: Ext, buses: BusChallenges) -> ZerocheckProver:
        """The prover of section 8 for the claim on the leaves."""
        shape = self.shape
        programs = {number: self.key.chips[number].program for number in shape.present}
        weights = chip_weights(programs, shape.segments, segment_weights(shape.segments, claim.point), combination)
        return self.device.zerocheck(
            self._chips,
            [x.c for x in claim.point[: shape.log_height_max]],
            combination.c,
            buses.alpha.c,
            buses.beta.c,
            [[w.c for w in weights[number].interactions] for number in shape.order],
            [[w.c for w in weights[number].constraints] for number in shape.order],
        )

    def column_evaluations(self, prover: ZerocheckProver) -> list[Ext]:
        """Evaluations of all committed columns in tree order."""
        by_chip = dict(zip(self.shape.order, prover.column_evaluations(), strict=True))
        return [Ext(by_chip[place.chip][place.column]) for place in self.shape.columns]

    def prove_openings(self, sample: Ext, point: Sequence[Ext], gamma: Ext) -> None:
        """Step 9."""
        shape = self.shape
        columns = list(shape.columns)
        claims = [
            ColumnClaim(column.offset, column.log_height, coefficient.c)
            for column, coefficient in zip(columns, powers(gamma, len(columns), gamma), strict=True)
        ]
        pieces = [
            (tree.start << shape.log_rows, self.device.view(self.stacks[tree.name], 0, (tree.width << shape.log_rows,)))
            for tree in shape.trees
        ]
        prover = self.device.opening(pieces, shape.log_size, sample.c, [x.c for x in point], claims)
        parameters = self.key.whir(shape)
        prove_opening(
            self.channel,
            self.device,
            parameters,
            self.commitments,
            prover,
            lambda done: self._progress("open", done),
        )

    def _send_root(self, tree_name: str, root: bytes) -> None:
        if tree_name == MAIN:
            self.channel.send_digest(Tag.ROOT, root)
        elif self.boundary is None or root != self.boundary.record.root:
            raise TraceError("boundary columns: their root is not the one of the record")

    def _boundary_columns(self) -> dict[int, Trace]:
        """Main, preprocessed and virtual columns of the boundary chips, by number."""
        result = {}
        for number in self.shape.present:
            if not self.key.chips[number].boundary:
                continue
            program, rows = self.key.chips[number].program, self._traces[number].shape[1]
            virtual = self._virtual_columns(program, rows.bit_length() - 1)
            preprocessed = [self._pk.preprocessed[number]] if program.preprocessed_count else []
            result[number] = np.concatenate([self._traces[number], *preprocessed, *virtual])
        return result

    def _virtual_columns(self, program: ChipProgram, height: int) -> list[Trace]:
        """The virtual columns as one array (columns, 2^height), or nothing."""
        shard = 0 if self.boundary is None else self.boundary.record.shard
        columns = [virtual_column(kind, height, shard) for kind in program.virtual]
        return [np.stack(columns).astype(np.uint32)] if columns else []

    def _chip_columns(self, number: int) -> ChipColumns:
        program, height = self.key.chips[number].program, self.shape.heights[number]
        assert height is not None
        virtual = self._virtual_columns(program, height)
        tree = BOUNDARY if self.key.chips[number].boundary else MAIN
        return ChipColumns(
            chip=self.device.load(program),
            log_height=height,
            main=self._columns_of(tree, number, program.main_count, height),
            preprocessed=self._columns_of(PREPROCESSED, number, program.preprocessed_count, height),
            virtual=self.device.upload(virtual[0]) if virtual else None,
        )

    def _columns_of(self, tree_name: str, number: int, count: int, height: int) -> Tensor | None:
        """The columns of one chip in one tree, which are adjacent in its stack."""
        if not count:
            return None
        tree = next(tree for tree in self.shape.trees if tree.name == tree_name)
        first = next(place.offset for place in tree.columns if place.chip == number)
        return self.device.view(
            self.stacks[tree_name], first - (tree.start << self.shape.log_rows), (count, 1 << height)
        )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self._progress(name, 0.0)
        start = time.perf_counter()
        yield
        self.statistics.seconds[name] = time.perf_counter() - start
        self._progress(name, 1.0)


def make_record(
    pk: ProvingKey, shard: int, heights: Sequence[int | None], traces: Mapping[str, Trace], device: Device
) -> BoundaryRecord:
    """Commits the boundary columns of shard `shard`: the first thing that is fixed of it (section 15).

    `heights` of all chips of the shard's proof in key order; `traces` of the boundary chips, (main_count, 2^h).
    """
    key = pk.verifying_key
    shape = derive_shape(key.chips, heights, key.log_rows_min)
    _check_admissible(key, shape)
    numbered = {c: traces[key.chips[c].program.name] for c in shape.present if key.chips[c].boundary}
    tree = next(tree for tree in shape.trees if tree.name == BOUNDARY)
    stack = upload_stack(device, shape, tree, numbered)
    root = device.commit(key.configuration.hasher.name, stack, key.parameters.log_inv_rate).root
    point = record_point(key, shard, heights, root)
    return BoundaryRecord(shard, tuple(heights), root, record_value(shape, point, numbered))


def upload_stack(device: Device, shape: Shape, tree: TreeLayout, traces: Mapping[int, Trace]) -> Tensor:
    """The stack matrix (width, 2^log_rows) of a tree of trace columns, tail zero, on the device. `traces` by chip number.

    Columns lie at running offsets (section 6.4), so the matrix is their concatenation.
    """
    columns = [traces[place.chip][place.column] for place in tree.columns]
    return device.stack(columns, (tree.width, 1 << shape.log_rows))


def _check_admissible(key: VerifyingKey, shape: Shape) -> None:
    try:
        check_shape(key, shape)
    except ShapeError as error:
        raise TraceError(f"traces of a size that the key does not admit: {error}") from error


def _heights(pk: ProvingKey, traces: Mapping[str, Trace]) -> list[int | None]:
    """log2 heights by chip number; raises TraceError for traces that do not fit."""
    chips = pk.verifying_key.chips
    unknown = set(traces) - {chip.program.name for chip in chips}
    if unknown:
        raise TraceError(f"traces: chips {sorted(unknown)} are not in the machine")
    heights: list[int | None] = []
    for chip in chips:
        trace = traces.get(chip.program.name)
        heights.append(None if trace is None else _height(chip.program.name, chip.program.main_count, trace))
        height = heights[-1]
        if height is None and not chip.optional:
            raise TraceError(f"chip {chip.program.name}: expected a trace, found none")
        if height is not None and not chip.log_height_min <= height <= chip.log_height_max:
            raise TraceError(
                f"chip {chip.program.name}: expected height 2^{chip.log_height_min}..2^{chip.log_height_max}, found 2^{height}"
            )
    return heights


def _height(name: str, main_count: int, trace: Trace) -> int:
    if trace.ndim != 2 or trace.dtype != np.uint32 or trace.shape[0] != main_count:
        raise TraceError(
            f"chip {name}: expected u32 columns of shape ({main_count}, 2^h), found {trace.dtype} {trace.shape}"
        )
    height = int(trace.shape[1]).bit_length() - 1
    if trace.shape[1] != 1 << height:
        raise TraceError(f"chip {name}: expected a power of two of rows, found {trace.shape[1]}")
    if trace.size and int(trace.max()) >= P:
        raise TraceError(f"chip {name}: expected values below {P}, found {int(trace.max())}")
    return height
