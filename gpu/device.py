"""The interface through which the prover reaches its kernels.

A device owns tensors of field elements. A *base tensor* has shape (..., n); an *extension tensor* has shape (5, n): five planes,
lowest degree first. Their internal form (canonical, Montgomery, on which memory) is the device's affair: values enter and leave
through `upload` and `download`, always canonical u32 below p. Challenges and messages cross as `ExtValue`. Index bits, sumcheck
direction (highest variable first, contiguous halves) and message conventions are those of the proof system, sections 1, 7, 9.

`gpu.reference` is the readable NumPy device; `gpu.cpu` runs the kernels of `gpu/kernels` built for the CPU. Both give equal
results bit for bit; a proof does not depend on the device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gpu.program import ChipProgram

U32: TypeAlias = NDArray[np.uint32]
Tensor: TypeAlias = Any  # owned by the device; arrays of u32 on CPU devices
ExtValue: TypeAlias = tuple[int, int, int, int, int]
HashName: TypeAlias = Literal["poseidon2", "keccak"]


@dataclass(frozen=True, slots=True)
class Opening:
    """Opened rows of a committed matrix.

    `rows` has shape (positions, width), canonical. `path` holds the sibling digests of the multiproof (section 3): level by
    level from the leaves, left to right, those that are not computable; each 32 bytes (Poseidon2: 8 u32 little-endian).
    """

    rows: U32
    path: list[bytes]


class Commitment(ABC):
    """A Merkle-committed codeword matrix (section 9.1)."""

    root: bytes

    @abstractmethod
    def open(self, positions: Sequence[int]) -> Opening:
        """Opens distinct ascending row positions."""


class LoadedChip(ABC):
    """A chip program made ready for this device (compiled kernels)."""

    program: ChipProgram


@dataclass(frozen=True, slots=True)
class ChipColumns:
    """All columns of one chip of a trace: main, preprocessed, virtual, as a list of (columns, 2^log_height) base tensors."""

    chip: LoadedChip
    log_height: int
    main: Tensor  # (main_count, 2^log_height)
    preprocessed: Tensor | None
    virtual: Tensor | None


class LayerProver(ABC):
    """One layer of the LogUp-GKR sumcheck (section 7, steps 5 and 6)."""

    @abstractmethod
    def round(self) -> tuple[ExtValue, ExtValue]:
        """Message (d, e) of the next variable, highest first."""

    @abstractmethod
    def bind(self, challenge: ExtValue) -> None:
        """Binds that variable."""

    @abstractmethod
    def claims(self) -> tuple[ExtValue, ExtValue, ExtValue, ExtValue]:
        """(p(rho,0), p(rho,1), q(rho,0), q(rho,1)) after all rounds."""


class FractionTree(ABC):
    """The tree of fractions over the LogUp leaves (section 7, step 4). Layer 0 is the root, layer N the leaves."""

    @abstractmethod
    def root(self) -> tuple[ExtValue, ExtValue]:
        """(p_0, q_0)."""

    @abstractmethod
    def layer(
        self, index: int, point: Sequence[ExtValue], combination: ExtValue, claim: ExtValue | None = None
    ) -> LayerProver:
        """The prover of layer `index` >= 1 for the claim p(point) + combination * q(point) on layer index - 1.

        Layers are proven from the root on. `claim` is the value of the claim where the caller knows it, which saves work; with a
        false one the messages are unspecified.
        """


class ZerocheckProver(ABC):
    """The batched zerocheck (section 8)."""

    @abstractmethod
    def round(self) -> tuple[ExtValue, ExtValue, ExtValue]:
        """Message (d, e2, e3) of the next variable, highest first."""

    @abstractmethod
    def bind(self, challenge: ExtValue) -> None:
        """Binds that variable."""

    @abstractmethod
    def column_evaluations(self) -> list[list[ExtValue]]:
        """After all rounds: for each chip, every column (main, preprocessed, virtual) at r[0..log_height)."""


@dataclass(frozen=True, slots=True)
class ColumnClaim:
    """Part `coefficient * eq(r[0..log_height), b - offset)` of the opening weights, for b inside the column."""

    offset: int
    log_height: int
    coefficient: ExtValue


class WeightedSumProver(ABC):
    """Plain sumcheck over sum_b f(b) w(b) with folding (section 9.3). Starts on base values, continues on extension values."""

    @abstractmethod
    def round(self) -> tuple[ExtValue, ExtValue]:
        """Message (c0, c2) of the next variable, highest first."""

    @abstractmethod
    def bind(self, challenge: ExtValue) -> None:
        """Binds that variable in f and in w."""

    @abstractmethod
    def values(self) -> Tensor:
        """The folded f as an extension tensor (5, 2^remaining)."""

    @abstractmethod
    def add_univariate(self, terms: Sequence[tuple[ExtValue, ExtValue]]) -> None:
        """Adds sum of coefficient * point^b to the weights, for (coefficient, point) in terms."""


class Device(ABC):
    """A place where kernels run."""

    name: str

    @abstractmethod
    def upload(self, values: U32) -> Tensor:
        """Canonical values of any shape to a base tensor of that shape (extension: shape (5, n))."""

    def stack(self, parts: Sequence[U32], shape: tuple[int, int]) -> Tensor:
        """A base tensor of `shape` that holds the canonical values of `parts` one after another, then zeros."""
        flat = np.zeros(shape[0] * shape[1], dtype=np.uint32)
        end = 0
        for part in parts:
            flat[end : end + part.size] = part.reshape(-1)
            end += part.size
        return self.upload(flat.reshape(shape))

    @abstractmethod
    def download(self, tensor: Tensor) -> U32:
        """The canonical values of a tensor."""

    def view(self, tensor: Tensor, offset: int, shape: tuple[int, ...]) -> Tensor:
        """The values from flat position `offset` of a base tensor as a tensor of `shape`, not copied."""
        count = int(np.prod(shape))
        return tensor.reshape(-1)[offset : offset + count].reshape(shape)

    @abstractmethod
    def load(self, program: ChipProgram) -> LoadedChip:
        """Prepares the kernels of a chip. Results are cached."""

    @abstractmethod
    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Commitment:
        """Commits to the univariate codewords of `columns` (width, 2^l): row i = (F_j(g^i))_j, g of order 2^(l + log_inv_rate)."""

    @abstractmethod
    def commit_extension(self, hash_name: HashName, values: Tensor, log_width: int, log_inv_rate: int) -> Commitment:
        """The same for an extension vector (5, 2^m) cut into 2^log_width columns; a leaf is 5 * 2^log_width base elements,
        column-major, c0..c4 each."""

    @abstractmethod
    def evaluate_univariate(self, values: Tensor, point: ExtValue) -> ExtValue:
        """sum_b values[b] point^b; `values` flat base (n,) or extension (5, n), any length."""

    @abstractmethod
    def grind(self, hash_name: HashName, state: bytes, bits: int) -> int:
        """Smallest nonce that passes (section 4).

        `state` under keccak: S. Under poseidon2: sixteen u32 little-endian lanes in which all pending inputs and the tag word of
        the nonce are written already, then the lane of the nonce as u32; the result of one permutation decides.
        """

    @abstractmethod
    def fraction_tree(
        self, chips: Sequence[ChipColumns], alpha: ExtValue, beta: ExtValue, log_leaves: int
    ) -> FractionTree:
        """Leaves in the order of section 6.5 (chips in the given order, interactions in declaration order), then the tree."""

    @abstractmethod
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
        """Sum over x of eq(point, x) sum_c G_c(x), with G_c = sum_i interaction_weights[c][i] (multiplicity + combination *
        fingerprint) + sum_k constraint_weights[c][k] constraint_k; `point` has nmax coordinates, chips in the given order."""

    @abstractmethod
    def opening(
        self,
        pieces: Sequence[tuple[int, Tensor]],
        log_size: int,
        out_of_domain: ExtValue,
        point: Sequence[ExtValue],
        claims: Sequence[ColumnClaim],
    ) -> WeightedSumProver:
        """The stacked opening (section 9.2): f of length 2^log_size is the flat base tensors of `pieces` at their offsets, zero
        elsewhere; weights w_0(b) = out_of_domain^b + sum of claims, each with eq over point[0..log_height)."""
