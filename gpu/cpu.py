"""The CPU device: kernels of `gpu/kernels` built for the instruction set of the processor.

A tensor is a contiguous NumPy array of u32 in Montgomery form; slices along the first axis and reshapes are tensors again.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np

from gpu import _native
from gpu.device import (
    U32,
    ChipColumns,
    ColumnClaim,
    Commitment,
    Device,
    ExtValue,
    FractionTree,
    HashName,
    LayerProver,
    LoadedChip,
    Opening,
    Tensor,
    WeightedSumProver,
    ZerocheckProver,
)
from gpu.errors import TensorError
from gpu.jit import RowEvaluators, compile_chip
from gpu.printer import affine_forms
from gpu.program import ChipProgram

P = 2**31 - 2**24 + 1
MESSAGE_LENGTH_MAX = 15  # of a bus (section 5.1)
_R = pow(2, 32, P)
_R_INVERSE = pow(_R, -1, P)


def instruction_sets() -> list[str]:
    """The instruction sets that this processor and this build have, best first."""
    return list(_native.instruction_sets())


def to_words(values: Sequence[ExtValue]) -> U32:
    """Extension values in Montgomery form, shape (n, 5)."""
    return np.array([[c * _R % P for c in value] for value in values], dtype=np.uint32).reshape(-1, 5)


def from_words(words: U32) -> list[ExtValue]:
    """The inverse of `to_words` for an array of shape (..., 5)."""
    rows = words.reshape(-1, 5).tolist()
    return [
        (a * _R_INVERSE % P, b * _R_INVERSE % P, c * _R_INVERSE % P, d * _R_INVERSE % P, e * _R_INVERSE % P)
        for a, b, c, d, e in rows
    ]


class CpuCommitment(Commitment):
    """A commitment whose tree is held natively."""

    def __init__(self, native: _native.Commitment) -> None:
        self._native = native
        self.root = native.root

    def open(self, positions: Sequence[int]) -> Opening:
        rows = np.empty((len(positions), self._native.width), dtype=np.uint32)
        path = self._native.open(list(positions), rows)
        return Opening(rows, path)


class CpuLoadedChip(LoadedChip):
    """A chip whose row evaluators are compiled when they are first needed."""

    def __init__(self, program: ChipProgram, instruction_set: str) -> None:
        self.program = program
        self._instruction_set = instruction_set
        self._lock = Lock()
        self._evaluators: RowEvaluators | None = None

    def evaluators(self) -> RowEvaluators:
        """The compiled functions; compiles them at the first call."""
        with self._lock:
            if self._evaluators is None:
                self._evaluators = compile_chip(self.program, self._instruction_set)
            return self._evaluators


class CpuLayerProver(LayerProver):
    """A layer whose tables are folded natively."""

    def __init__(self, native: _native.LayerProver) -> None:
        self._native = native

    def round(self) -> tuple[ExtValue, ExtValue]:
        d, e = _values(self._native.round())
        return d, e

    def bind(self, challenge: ExtValue) -> None:
        self._native.bind(to_words([challenge]))

    def claims(self) -> tuple[ExtValue, ExtValue, ExtValue, ExtValue]:
        p0, p1, q0, q1 = _values(self._native.claims())
        return p0, p1, q0, q1


class CpuFractionTree(FractionTree):
    """All layers of a tree. Each layer is proven once: its prover takes its memory over."""

    def __init__(self, native: _native.FractionTree) -> None:
        self._native = native

    def root(self) -> tuple[ExtValue, ExtValue]:
        p, q = _values(self._native.root)
        return p, q

    def layer(
        self, index: int, point: Sequence[ExtValue], combination: ExtValue, claim: ExtValue | None = None
    ) -> LayerProver:
        known = to_words([] if claim is None else [claim])
        return CpuLayerProver(self._native.layer(index, to_words(point), to_words([combination]), known))


class CpuZerocheckProver(ZerocheckProver):
    """The zerocheck over native tables; holds the chips, whose columns the first round reads."""

    def __init__(self, native: _native.ZerocheckProver, chips: list[_native.Chip]) -> None:
        self._native = native
        self._chips = chips

    def round(self) -> tuple[ExtValue, ExtValue, ExtValue]:
        d, e2, e3 = _values(self._native.round())
        return d, e2, e3

    def bind(self, challenge: ExtValue) -> None:
        self._native.bind(to_words([challenge]))

    def column_evaluations(self) -> list[list[ExtValue]]:
        return [_values(columns) for columns in self._native.column_evaluations()]


class CpuWeightedSumProver(WeightedSumProver):
    """The opening sumcheck; holds the pieces of f until they are folded."""

    def __init__(self, native: _native.WeightedSumProver, pieces: list[tuple[int, U32]]) -> None:
        self._native = native
        self._pieces = pieces

    def round(self) -> tuple[ExtValue, ExtValue]:
        c0, c2 = _values(self._native.round())
        return c0, c2

    def bind(self, challenge: ExtValue) -> None:
        self._native.bind(to_words([challenge]))

    def values(self) -> Tensor:
        planes = _native.empty((5, self._native.size))
        self._native.copy_values(planes)
        return planes

    def add_univariate(self, terms: Sequence[tuple[ExtValue, ExtValue]]) -> None:
        self._native.add_univariate(to_words([c for c, _ in terms]), to_words([p for _, p in terms]))


class CpuDevice(Device):
    """Kernels on all hardware threads (BLINDBOOK_THREADS overrides their number).

    `instruction_set` is one of `instruction_sets()`, by default the best; it changes speed, never results.
    """

    def __init__(self, instruction_set: str | None = None) -> None:
        self.kernels = _native.kernels(instruction_set or instruction_sets()[0])
        self.name = f"cpu-{self.kernels.name}"
        self._loaded: dict[ChipProgram, CpuLoadedChip] = {}

    def upload(self, values: U32) -> Tensor:
        tensor = _native.empty(values.shape)
        self._convert(values, tensor)
        return tensor

    def stack(self, parts: Sequence[U32], shape: tuple[int, int]) -> Tensor:
        tensor = _native.empty(shape)
        flat, end = tensor.reshape(-1), 0
        for part in parts:
            self._convert(part, flat[end : end + part.size])
            end += part.size
        flat[end:] = 0
        return tensor

    def _convert(self, values: U32, tensor: Tensor) -> None:
        try:
            self.kernels.to_montgomery(np.ascontiguousarray(values, dtype=np.uint32), tensor)
        except ValueError as error:
            raise TensorError(f"upload: expected values below {P}, found {int(values.max())}") from error

    def download(self, tensor: Tensor) -> U32:
        values = np.empty(tensor.shape, dtype=np.uint32)
        self.kernels.from_montgomery(_contiguous(tensor), values)
        return values

    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Commitment:
        return CpuCommitment(self.kernels.commit(hash_name, _contiguous(columns), log_inv_rate))

    def commit_extension(self, hash_name: HashName, values: Tensor, log_width: int, log_inv_rate: int) -> Commitment:
        return CpuCommitment(self.kernels.commit_extension(hash_name, _contiguous(values), log_width, log_inv_rate))

    def evaluate_univariate(self, values: Tensor, point: ExtValue) -> ExtValue:
        planes = values if values.ndim == 2 else values[None]
        sums = [self._evaluate_plane(plane, point) for plane in planes]
        # The plane of coefficient k counts X^k times; X is (0, 1, 0, 0, 0).
        result = sums[-1]
        for lower in reversed(sums[:-1]):
            result = add(lower, _times_x(result))
        return result

    def _evaluate_plane(self, values: Tensor, point: ExtValue) -> ExtValue:
        result = np.empty(5, dtype=np.uint32)
        self.kernels.evaluate_univariate(_contiguous(values), to_words([point])[0], result)
        return from_words(result)[0]

    def grind(self, hash_name: HashName, state: bytes, bits: int) -> int:
        if hash_name == "keccak":
            return int(self.kernels.grind_keccak(np.frombuffer(state, dtype="<u8").copy(), bits))
        *lanes, position = np.frombuffer(state, dtype="<u4").tolist()
        words = np.array([lane * _R % P for lane in lanes], dtype=np.uint32)
        return int(self.kernels.grind_poseidon2(words, position, bits))

    def load(self, program: ChipProgram) -> LoadedChip:
        loaded = self._loaded.get(program)
        if loaded is None:
            loaded = self._loaded[program] = CpuLoadedChip(program, self.kernels.name)
        return loaded

    def fraction_tree(
        self, chips: Sequence[ChipColumns], alpha: ExtValue, beta: ExtValue, log_leaves: int
    ) -> FractionTree:
        constants = [alpha]
        for power in range(1, MESSAGE_LENGTH_MAX + 1):
            constants.append(beta if power == 1 else multiply(constants[-1], beta))
        native = self.kernels.fraction_tree(self._native_chips(chips), to_words(constants), log_leaves)
        return CpuFractionTree(native)

    def zerocheck(
        self,
        chips: Sequence[ChipColumns],
        point: Sequence[ExtValue],
        combination: ExtValue,
        alpha: ExtValue,
        beta: ExtValue,
        interaction_weights: Sequence[Sequence[ExtValue]],
        constraint_weights: Sequence[Sequence[ExtValue]],
    ) -> ZerocheckProver:
        affine = [
            to_words(interaction_factors(chip.chip.program, combination, beta, weights))
            for chip, weights in zip(chips, interaction_weights, strict=True)
        ]
        weights = [to_words(chip_weights) for chip_weights in constraint_weights]
        native_chips = self._native_chips(chips)
        return CpuZerocheckProver(self.kernels.zerocheck(native_chips, weights, affine, to_words(point)), native_chips)

    def opening(
        self,
        pieces: Sequence[tuple[int, Tensor]],
        log_size: int,
        out_of_domain: ExtValue,
        point: Sequence[ExtValue],
        claims: Sequence[ColumnClaim],
    ) -> WeightedSumProver:
        flat = [(offset, _contiguous(piece).reshape(-1)) for offset, piece in pieces]
        native = self.kernels.opening(
            flat,
            log_size,
            to_words([out_of_domain]),
            to_words(point),
            [(claim.offset, claim.log_height) for claim in claims],
            to_words([claim.coefficient for claim in claims]),
        )
        return CpuWeightedSumProver(native, flat)

    def _native_chips(self, chips: Sequence[ChipColumns]) -> list[_native.Chip]:
        with ThreadPoolExecutor(_native.thread_count()) as pool:
            return list(pool.map(_native_chip, chips))


def interaction_factors(
    program: ChipProgram, combination: ExtValue, beta: ExtValue, weights: Sequence[ExtValue]
) -> list[ExtValue]:
    """The interaction part of G as a linear form: a factor for each column (its constant is left out: no message needs it).

    sum_i weights[i] (multiplicity_i + combination * sum_j beta^j entry_ij).
    """
    if len(weights) != len(program.interactions):
        raise TensorError(f"chip {program.name}: expected {len(program.interactions)} weights, found {len(weights)}")
    roots = [n for i in program.interactions for n in (i.multiplicity, *i.message)]
    forms = affine_forms(program, roots)
    factors = [[0] * 5 for _ in range(program.column_count)]
    for weight, interaction in zip(weights, program.interactions, strict=True):
        scale = weight
        for power, root in enumerate((interaction.multiplicity, *interaction.message)):
            if power == 1:
                scale = multiply(weight, combination)
            if power >= 1:
                scale = multiply(scale, beta)
            for column, coefficient in forms[root].items():
                if column >= 0:
                    factors[column] = [f + coefficient * s for f, s in zip(factors[column], scale, strict=True)]
    return [(a % P, b % P, c % P, d % P, e % P) for a, b, c, d, e in factors]


def _native_chip(chip: ChipColumns) -> _native.Chip:
    if not isinstance(chip.chip, CpuLoadedChip):
        raise TensorError("a chip was loaded by another device")
    program, evaluators = chip.chip.program, chip.chip.evaluators()
    counts = (program.main_count, program.preprocessed_count, len(program.virtual))
    parts = [
        _columns(program.name, part, count, chip.log_height)
        for part, count in zip((chip.main, chip.preprocessed, chip.virtual), counts, strict=True)
        if part is not None or count
    ]
    addresses = [evaluators.interactions, evaluators.constraints_base, evaluators.constraints_extension]
    return _native.Chip(parts, chip.log_height, addresses, len(program.interactions), len(program.constraints))


def _columns(name: str, part: Tensor | None, count: int, log_height: int) -> Tensor:
    shape = None if part is None else tuple(part.shape)
    if part is None or shape != (count, 1 << log_height):
        raise TensorError(f"chip {name}: expected columns of shape {(count, 1 << log_height)}, found {shape}")
    return _contiguous(part)


def multiply(a: ExtValue, b: ExtValue) -> ExtValue:
    """a * b in the extension, X^5 = 1 - X^2."""
    c = [0] * 9
    for i in range(5):
        for j in range(5):
            c[i + j] += a[i] * b[j]
    return (
        (c[0] + c[5] - c[8]) % P,
        (c[1] + c[6]) % P,
        (c[2] - c[5] + c[7] + c[8]) % P,
        (c[3] - c[6] + c[8]) % P,
        (c[4] - c[7]) % P,
    )


def _values(lists: Sequence[Sequence[int]]) -> list[ExtValue]:
    return from_words(np.array(lists, dtype=np.uint32))


def add(a: ExtValue, b: ExtValue) -> ExtValue:
    """a + b in the extension."""
    return ((a[0] + b[0]) % P, (a[1] + b[1]) % P, (a[2] + b[2]) % P, (a[3] + b[3]) % P, (a[4] + b[4]) % P)


def _times_x(a: ExtValue) -> ExtValue:
    return (a[4], a[0], (a[1] - a[4]) % P, a[2], a[3])


def _contiguous(tensor: Tensor) -> Tensor:
    if not isinstance(tensor, np.ndarray) or tensor.dtype != np.uint32:
        raise TensorError(f"expected a tensor of this device, found {type(tensor).__name__}")
    return np.ascontiguousarray(tensor)
