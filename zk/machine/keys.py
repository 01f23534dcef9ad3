"""Setup: from a machine and its preprocessed columns to a proving key and a verifying key (proof system, section 14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gpu import default_device
from gpu.device import Commitment, Device, Tensor
from gpu.program import ChipProgram, Op
from zk.air.chip import Machine
from zk.configuration import ConfigName, Configuration, configuration
from zk.errors import SetupError
from zk.field import P
from zk.machine.params import (
    LOG_DOMAIN_MAX,
    LOG_LEAVES_MAX,
    PROTOCOL,
    ParameterSet,
    ParameterSetName,
    WhirParameters,
    parameter_set,
    parameters_digest,
)
from zk.machine.shape import LOG_HEIGHT_MIN, ChipKey, Shape, ceil_log2, default_log_width, main_cells
from zk.machine.soundness import ProtocolCounts, SoundnessReport, judge
from zk.multilinear.virtual import check_kind

Columns = NDArray[np.uint32]

MESSAGE_LENGTH_MAX = 15
CONSTRAINT_DEGREE_MAX = 3
CHIP_COUNT_MAX = 254


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """Everything a verifier relies on. `preprocessed_roots` by log_rows; empty when no chip has preprocessed columns."""

    machine: Machine
    configuration: Configuration
    parameters: ParameterSet
    chips: tuple[ChipKey, ...]
    log_rows_min: int
    admissible: tuple[tuple[int, int], ...]
    preprocessed_roots: Mapping[int, bytes]
    digest: bytes = b""

    @property
    def is_sharded(self) -> bool:
        """Whether proofs under this key are about one shard of a run (section 15)."""
        return any(chip.boundary for chip in self.chips)

    def whir(self, shape: Shape) -> WhirParameters:
        """The parameter row of a shape."""
        return self.parameters.rows[shape.log_size, shape.log_width]

    def security(self) -> SoundnessReport:
        """The weakest report over all admissible shapes, with the counts of this key and the largest heights."""
        counts = _counts(self.chips)
        reports = [judge(self.parameters.rows[rows + width, width], counts) for rows, width in self.admissible]
        return min(reports, key=lambda report: report.total)

    @property
    def security_bits(self) -> float:
        """Bits of the sum of all errors, over the weakest admissible shape."""
        return self.security().total


@dataclass(slots=True)
class ProvingKey:
    """The verifying key with the preprocessed columns, by chip number."""

    verifying_key: VerifyingKey
    preprocessed: dict[int, Columns]
    _cache: dict[tuple[int, int], tuple[Tensor, Commitment]] = field(default_factory=dict)

    def commit_preprocessed(self, device: Device, shape: Shape) -> tuple[Tensor, Commitment]:
        """Stacked preprocessed columns of this shape on the device and their tree; the last result is kept."""
        key = (id(device), shape.log_rows)
        if key not in self._cache:
            self._cache.clear()
            self._cache[key] = _commit_preprocessed(device, self.verifying_key, self.preprocessed, shape)
        return self._cache[key]


def setup(
    machine: Machine,
    preprocessed: Mapping[str, Columns],
    config: ConfigName,
    parameter_set_name: ParameterSetName,
    device: Device | None = None,
    log_rows_max: int | None = None,
    *,
    preprocessed_roots: Mapping[int, bytes] | None = None,
) -> tuple[ProvingKey, VerifyingKey]:
    """Builds both keys.

    `preprocessed`: chip name -> (preprocessed_count, 2^height) canonical values. `log_rows_max` bounds the stacked rows that the
    key admits (the preprocessed columns are committed once for each admitted number of rows). Raises SetupError.
    """
    parameters = parameter_set(parameter_set_name)
    if parameters.configuration != config:
        raise SetupError(
            f"parameter set {parameters.name}: expected configuration {parameters.configuration}, found {config}"
        )
    chips = tuple(chip_keys(machine))
    columns = dict(_preprocessed_by_number(machine, chips, preprocessed))
    log_rows_min = smallest_log_rows(chips)
    admissible = _admissible(chips, parameters, log_rows_min, log_rows_max)
    key = VerifyingKey(machine, configuration(config), parameters, chips, log_rows_min, admissible, {})
    if columns:
        roots = preprocessed_roots or _preprocessed_roots(device or default_device(), key, columns)
        key = replace(key, preprocessed_roots=roots)
    key = replace(key, digest=key.configuration.hasher.byte_string(canonical_bytes(key)))
    report = key.security()
    if not report.is_sound:
        raise SetupError(
            f"machine {machine.name}: expected at least 100 bits, found {report.total:.1f} ({report.terms})"
        )
    return ProvingKey(key, columns), key


def canonical_bytes(key: VerifyingKey) -> bytes:
    """The canonical byte string of a verifying key: big-endian u32 integers, byte strings and lists after their length."""
    return b"".join(
        [
            _text(PROTOCOL),
            _text(parameters_digest(key.parameters.name)),
            _text(key.parameters.name.encode()),
            _text(key.configuration.name.encode()),
            _text(key.machine.name.encode()),
            _number(key.machine.public_value_count),
            _number(key.log_rows_min),
            _list([_chip_bytes(key, chip) for chip in key.chips]),
            _list([_numbers(bus.number, bus.length, bus.kind == "lookup") for bus in key.machine.buses]),
            _list([_numbers(*pair) + _text(key.preprocessed_roots.get(pair[0], b"")) for pair in key.admissible]),
            _list([_text(name.encode()) + _text(value) for name, value in key.machine.parameters]),
            _number(key.is_sharded),
            *([_list([_global_bytes(key, chip) for chip in key.chips])] if key.is_sharded else []),
        ]
    )


def _global_bytes(key: VerifyingKey, chip: ChipKey) -> bytes:
    """Whether a chip is a boundary chip, and its interactions across shards."""
    return _text(b"" if chip.global_program is None else _graph_digest(key, chip.global_program))


def _graph_digest(key: VerifyingKey, program: ChipProgram) -> bytes:
    graph = b"".join(
        [
            _list([_numbers(node.op, node.a, node.b) for node in program.nodes]),
            _list([_number(constraint) for constraint in program.constraints]),
            _list([_numbers(i.bus, i.multiplicity, len(i.message), *i.message) for i in program.interactions]),
        ]
    )
    return key.configuration.hasher.byte_string(graph)


def _chip_bytes(key: VerifyingKey, chip: ChipKey) -> bytes:
    program = chip.program
    return b"".join(
        [
            _text(program.name.encode()),
            _numbers(program.main_count, program.preprocessed_count),
            _list([_text(kind.encode()) for kind in program.virtual]),
            _text(_graph_digest(key, program)),
            _numbers(chip.log_height_min, chip.log_height_max, chip.optional),
        ]
    )


def _number(value: int) -> bytes:
    return int(value).to_bytes(4, "big")


def _numbers(*values: int) -> bytes:
    return b"".join(_number(value) for value in values)


def _text(value: bytes) -> bytes:
    return _number(len(value)) + value


def _list(items: Sequence[bytes]) -> bytes:
    return _number(len(items)) + b"".join(items)


def chip_keys(machine: Machine) -> list[ChipKey]:
    if not 1 <= len(machine.chips) <= CHIP_COUNT_MAX:
        raise SetupError(f"machine {machine.name}: expected 1..{CHIP_COUNT_MAX} chips, found {len(machine.chips)}")
    if len({chip.name for chip in machine.chips}) != len(machine.chips):
        raise SetupError(f"machine {machine.name}: a chip name occurs twice")
    keys = []
    for chip in machine.chips:
        program = chip.lower()
        if not LOG_HEIGHT_MIN <= chip.height_log_min <= chip.height_log_max:
            raise SetupError(
                f"chip {chip.name}: heights 2^{chip.height_log_min}..2^{chip.height_log_max}, expected from 2^4"
            )
        if program.preprocessed_count and (chip.optional or chip.height_log_min != chip.height_log_max):
            raise SetupError(f"chip {chip.name}: preprocessed columns need a fixed height and a mandatory chip")
        for kind in program.virtual:
            check_kind(kind, chip.height_log_min)
        _check_program(program)
        if chip.boundary and chip.optional:
            raise SetupError(f"chip {chip.name}: boundary columns belong to a mandatory chip")
        shared = chip.lower_global()
        if chip.boundary != (shared is not None):
            raise SetupError(f"chip {chip.name}: boundary columns and global interactions demand each other")
        if shared is not None:
            _check_program(shared)
        key = ChipKey(program, chip.height_log_min, chip.height_log_max, chip.optional, chip.boundary, shared)
        keys.append(key)
    return keys


def _check_program(program: ChipProgram) -> None:
    """The rules of form that the argument relies on: degrees, message lengths, at least one interaction."""
    degrees: list[int] = []
    for node in program.nodes:
        if node.op in (Op.CONST, Op.COLUMN):
            degrees.append(int(node.op is Op.COLUMN))
        else:
            a, b = degrees[node.a], degrees[node.b]
            degrees.append(a + b if node.op is Op.MUL else max(a, b))
    if not program.interactions:
        raise SetupError(f"chip {program.name}: expected at least one interaction, found none")
    for number, constraint in enumerate(program.constraints):
        if degrees[constraint] > CONSTRAINT_DEGREE_MAX:
            raise SetupError(
                f"chip {program.name}, constraint {number}: expected degree <= 3, found {degrees[constraint]}"
            )
    for number, interaction in enumerate(program.interactions):
        if len(interaction.message) > MESSAGE_LENGTH_MAX:
            raise SetupError(
                f"chip {program.name}, interaction {number}: expected <= 15 entries, found {len(interaction.message)}"
            )
        if max(degrees[node] for node in (interaction.multiplicity, *interaction.message)) > 1:
            raise SetupError(f"chip {program.name}, interaction {number}: expected affine forms")


def _preprocessed_by_number(
    machine: Machine, chips: Sequence[ChipKey], preprocessed: Mapping[str, Columns]
) -> list[tuple[int, Columns]]:
    expected = {chip.program.name for chip in chips if chip.program.preprocessed_count}
    if set(preprocessed) != expected:
        raise SetupError(
            f"machine {machine.name}: expected preprocessed columns of {sorted(expected)}, found {sorted(preprocessed)}"
        )
    result = []
    for number, chip in enumerate(chips):
        if not chip.program.preprocessed_count:
            continue
        columns, shape = preprocessed[chip.program.name], (chip.program.preprocessed_count, 1 << chip.log_height_min)
        if columns.shape != shape or columns.dtype != np.uint32 or int(columns.max()) >= P:
            raise SetupError(
                f"chip {chip.program.name}: expected canonical u32 columns of shape {shape}, found {columns.shape}"
            )
        result.append((number, columns))
    return result


def _extreme_heights(chips: Sequence[ChipKey], *, largest: bool) -> list[int | None]:
    if largest:
        return [chip.log_height_max for chip in chips]
    return [None if chip.optional else chip.log_height_min for chip in chips]


def smallest_log_rows(chips: Sequence[ChipKey]) -> int:
    """log_rows of the smallest proof, so that the minimum never binds: every proof has kappa* or kappa* + 1 fold variables."""
    cells = main_cells(chips, _extreme_heights(chips, largest=False))
    log_rows = ceil_log2(max(cells, 1)) - default_log_width(cells)
    if log_rows < LOG_HEIGHT_MIN:
        raise SetupError(f"the mandatory chips have {cells} cells at their smallest heights: expected more than 2^8")
    return log_rows


def _admissible(
    chips: Sequence[ChipKey], parameters: ParameterSet, log_rows_min: int, log_rows_max: int | None
) -> tuple[tuple[int, int], ...]:
    """(log_rows, log_width) pairs within the heights of the chips that have a parameter row."""
    cells = main_cells(chips, _extreme_heights(chips, largest=True))
    largest = ceil_log2(cells) - default_log_width(cells)
    largest = min(
        largest, LOG_DOMAIN_MAX - parameters.log_inv_rate, log_rows_max if log_rows_max is not None else largest
    )
    pairs = []
    for log_rows in range(log_rows_min, largest + 1):
        widths = {
            width + extra
            for width, smallest, biggest in ((5, 0, 21), (6, 22, 24), (7, 25, 64))
            if smallest <= log_rows + width <= biggest
            for extra in (0, 1)
        }
        pairs += [(log_rows, width) for width in sorted(widths) if (log_rows + width, width) in parameters.rows]
    if not pairs:
        raise SetupError(f"no admissible shape: parameter set {parameters.name}, rows 2^{log_rows_min}..2^{largest}")
    return tuple(pairs)


def _preprocessed_roots(device: Device, key: VerifyingKey, columns: Mapping[int, Columns]) -> dict[int, bytes]:
    roots = {}
    for log_rows in sorted({rows for rows, _ in key.admissible}):
        matrix = stack_preprocessed(columns, log_rows)
        commitment = device.commit(key.configuration.hasher.name, device.upload(matrix), key.parameters.log_inv_rate)
        roots[log_rows] = commitment.root
    return roots


def _commit_preprocessed(
    device: Device, key: VerifyingKey, columns: Mapping[int, Columns], shape: Shape
) -> tuple[Tensor, Commitment]:
    tensor = device.upload(stack_preprocessed(columns, shape.log_rows))
    return tensor, device.commit(key.configuration.hasher.name, tensor, key.parameters.log_inv_rate)


def stack_preprocessed(columns: Mapping[int, Columns], log_rows: int) -> Columns:
    """The preprocessed stack matrix (width, 2^log_rows): chips by descending height, ties by number."""
    order = sorted(columns, key=lambda number: (-columns[number].shape[1], number))
    flat = np.concatenate([columns[number].reshape(-1) for number in order])
    width = -(-flat.size >> log_rows)
    matrix = np.zeros(width << log_rows, dtype=np.uint32)
    matrix[: flat.size] = flat
    return matrix.reshape(width, 1 << log_rows)


def _counts(chips: Sequence[ChipKey]) -> ProtocolCounts:
    """Counts for the calculator: all chips present, as many leaves as a verifier admits."""
    return ProtocolCounts(
        log_leaves=LOG_LEAVES_MAX,
        constraints=sum(len(chip.program.constraints) for chip in chips),
        columns=sum(chip.program.main_count + chip.program.preprocessed_count for chip in chips),
        log_height_max=max(chip.log_height_max for chip in chips),
    )
