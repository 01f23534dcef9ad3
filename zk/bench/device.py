"""A CPU device that measures: every call becomes a span with its stage, its time and its work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gpu.cpu import CpuDevice
from gpu.device import (
    U32,
    ChipColumns,
    ColumnClaim,
    Commitment,
    ExtValue,
    FractionTree,
    HashName,
    LayerProver,
    Tensor,
    WeightedSumProver,
    ZerocheckProver,
)
from zk.bench.work import (
    Work,
    commitment_work,
    evaluation_work,
    hashes,
    layer_work,
    opening_work,
    tree_work,
    used_leaves,
    weights_work,
    zerocheck_work,
)


@dataclass(frozen=True, slots=True)
class Span:
    """One call of the device. Seconds are wall time."""

    stage: str
    name: str
    seconds: float
    work: Work


class MeasuredDevice(CpuDevice):
    """The best instruction set of this machine; `spans` grows with every call."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Span] = []

    @contextmanager
    def span(self, stage: str, name: str, work: Work = Work()) -> Iterator[None]:  # noqa: B008 (frozen)
        """Measures what happens inside."""
        start = time.perf_counter()
        yield
        self.spans.append(Span(stage, name, time.perf_counter() - start, work))

    def stack(self, parts: Sequence[U32], shape: tuple[int, int]) -> Tensor:
        cells = shape[0] * shape[1]
        with self.span("commit", "stack", Work(base_multiplications=cells, bytes=8 * cells)):
            return super().stack(parts, shape)

    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Commitment:
        width, rows = columns.shape
        with self.span("commit", "commit", commitment_work(hash_name, width, _log2(rows), log_inv_rate)):
            return super().commit(hash_name, columns, log_inv_rate)

    def commit_extension(self, hash_name: HashName, values: Tensor, log_width: int, log_inv_rate: int) -> Commitment:
        log_rows = _log2(values.shape[1]) - log_width
        with self.span("open", "commit", commitment_work(hash_name, 5 << log_width, log_rows, log_inv_rate)):
            return super().commit_extension(hash_name, values, log_width, log_inv_rate)

    def evaluate_univariate(self, values: Tensor, point: ExtValue) -> ExtValue:
        stage = "commit" if values.ndim == 1 else "open"
        with self.span(stage, "out of domain", evaluation_work(values.size)):
            return super().evaluate_univariate(values, point)

    def grind(self, hash_name: HashName, state: bytes, bits: int) -> int:
        start = time.perf_counter()
        nonce = super().grind(hash_name, state, bits)
        self.spans.append(Span("open", "grind", time.perf_counter() - start, hashes(hash_name, nonce + 1)))
        return nonce

    def fraction_tree(
        self, chips: Sequence[ChipColumns], alpha: ExtValue, beta: ExtValue, log_leaves: int
    ) -> FractionTree:
        with self.span("gkr", "tree", tree_work(chips, log_leaves)):
            tree = super().fraction_tree(chips, alpha, beta, log_leaves)
        return _MeasuredTree(self, tree, log_leaves, used_leaves(chips))

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
        with self.span("zerocheck", "rounds", zerocheck_work(chips)):
            prover = super().zerocheck(chips, point, combination, alpha, beta, interaction_weights, constraint_weights)
        return _MeasuredZerocheck(self, prover)

    def opening(
        self,
        pieces: Sequence[tuple[int, Tensor]],
        log_size: int,
        out_of_domain: ExtValue,
        point: Sequence[ExtValue],
        claims: Sequence[ColumnClaim],
    ) -> WeightedSumProver:
        cells = sum(piece.size for _, piece in pieces)
        with self.span("open", "sumcheck", opening_work(cells, log_size)):
            prover = super().opening(pieces, log_size, out_of_domain, point, claims)
        return _MeasuredSum(self, prover)


class _MeasuredTree(FractionTree):
    def __init__(self, device: MeasuredDevice, inner: FractionTree, log_leaves: int, leaves: int) -> None:
        self._device, self._inner, self._log_leaves, self._leaves = device, inner, log_leaves, leaves

    def root(self) -> tuple[ExtValue, ExtValue]:
        return self._inner.root()

    def layer(
        self, index: int, point: Sequence[ExtValue], combination: ExtValue, claim: ExtValue | None = None
    ) -> LayerProver:
        name = f"layer {index}" if index + 8 > self._log_leaves else "small layers"
        with self._device.span("gkr", name, layer_work(index, self._log_leaves, self._leaves)):
            inner = self._inner.layer(index, point, combination, claim)
        return _MeasuredLayer(self._device, inner, name)


class _MeasuredLayer(LayerProver):
    def __init__(self, device: MeasuredDevice, inner: LayerProver, name: str) -> None:
        self._device, self._inner, self._name = device, inner, name

    def round(self) -> tuple[ExtValue, ExtValue]:
        with self._device.span("gkr", self._name):
            return self._inner.round()

    def bind(self, challenge: ExtValue) -> None:
        with self._device.span("gkr", self._name):
            self._inner.bind(challenge)

    def claims(self) -> tuple[ExtValue, ExtValue, ExtValue, ExtValue]:
        return self._inner.claims()


class _MeasuredZerocheck(ZerocheckProver):
    def __init__(self, device: MeasuredDevice, inner: ZerocheckProver) -> None:
        self._device, self._inner = device, inner

    def round(self) -> tuple[ExtValue, ExtValue, ExtValue]:
        with self._device.span("zerocheck", "rounds"):
            return self._inner.round()

    def bind(self, challenge: ExtValue) -> None:
        with self._device.span("zerocheck", "folds"):
            self._inner.bind(challenge)

    def column_evaluations(self) -> list[list[ExtValue]]:
        return self._inner.column_evaluations()


class _MeasuredSum(WeightedSumProver):
    def __init__(self, device: MeasuredDevice, inner: WeightedSumProver) -> None:
        self._device, self._inner = device, inner

    def round(self) -> tuple[ExtValue, ExtValue]:
        with self._device.span("open", "sumcheck"):
            return self._inner.round()

    def bind(self, challenge: ExtValue) -> None:
        with self._device.span("open", "sumcheck"):
            self._inner.bind(challenge)

    def values(self) -> Tensor:
        with self._device.span("open", "sumcheck"):
            return self._inner.values()

    def add_univariate(self, terms: Sequence[tuple[ExtValue, ExtValue]]) -> None:
        size = self._inner.values().shape[1]
        with self._device.span("open", "weights", weights_work(size, len(terms))):
            self._inner.add_univariate(terms)


def _log2(size: int) -> int:
    return int(size).bit_length() - 1
