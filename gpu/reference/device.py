"""The reference device: every kernel as plain NumPy on canonical u64 arrays, on one thread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpu.device import (
    U32,
    ChipColumns,
    ColumnClaim,
    Commitment,
    Device,
    ExtValue,
    FractionTree,
    HashName,
    LoadedChip,
    Opening,
    Tensor,
    WeightedSumProver,
    ZerocheckProver,
)
from gpu.program import ChipProgram
from gpu.reference import field, merkle, poseidon2
from gpu.reference.field import U64
from gpu.reference.sumcheck import (
    ReferenceFractionTree,
    ReferenceWeightedSumProver,
    ReferenceZerocheckProver,
    fraction_leaves,
)

GRIND_BATCH = 1 << 12


class ReferenceCommitment(Commitment):
    """Rows of the codeword matrix with all layers of their tree."""

    def __init__(self, hash_name: HashName, rows: U64) -> None:
        self._rows = rows
        self._layers = merkle.layers(hash_name, rows)
        self.root = self._layers[-1][0]

    def open(self, positions: Sequence[int]) -> Opening:
        rows = self._rows[np.array(positions, dtype=np.int64)].astype(np.uint32)
        return Opening(rows, merkle.multiproof(self._layers, positions))


class ReferenceLoadedChip(LoadedChip):
    """A chip that is interpreted."""

    def __init__(self, program: ChipProgram) -> None:
        self.program = program


class ReferenceDevice(Device):
    """NumPy kernels. Meant for heights up to about 2^12."""

    name = "reference"

    def upload(self, values: U32) -> Tensor:
        if values.size and int(values.max()) >= field.P:
            raise ValueError(f"upload: expected values below {field.P}, found {int(values.max())}")
        return values.astype(np.uint64)

    def download(self, tensor: Tensor) -> U32:
        result: U32 = tensor.astype(np.uint32)
        return result

    def load(self, program: ChipProgram) -> LoadedChip:
        return ReferenceLoadedChip(program)

    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Commitment:
        return ReferenceCommitment(hash_name, field.encode(columns, log_inv_rate).T)

    def commit_extension(self, hash_name: HashName, values: Tensor, log_width: int, log_inv_rate: int) -> Commitment:
        columns = values.reshape(5, 1 << log_width, -1)
        codewords = field.encode(columns, log_inv_rate)  # (5, width, rows)
        rows = codewords.transpose(2, 1, 0).reshape(codewords.shape[2], -1)
        return ReferenceCommitment(hash_name, rows)

    def evaluate_univariate(self, values: Tensor, point: ExtValue) -> ExtValue:
        coefficients = values if values.ndim == 2 else field.embed(values)
        powers = field.ext_powers(point, coefficients.shape[1])
        return field.value(field.ext_sum(field.ext_mul(coefficients, powers)))

    def grind(self, hash_name: HashName, state: bytes, bits: int) -> int:
        return _grind_poseidon2(state, bits) if hash_name == "poseidon2" else _grind_keccak(state, bits)

    def fraction_tree(
        self, chips: Sequence[ChipColumns], alpha: ExtValue, beta: ExtValue, log_leaves: int
    ) -> FractionTree:
        return ReferenceFractionTree(*fraction_leaves(chips, alpha, beta, log_leaves))

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
        return ReferenceZerocheckProver(chips, point, combination, alpha, beta, interaction_weights, constraint_weights)

    def opening(
        self,
        pieces: Sequence[tuple[int, Tensor]],
        log_size: int,
        out_of_domain: ExtValue,
        point: Sequence[ExtValue],
        claims: Sequence[ColumnClaim],
    ) -> WeightedSumProver:
        f = np.zeros((5, 1 << log_size), dtype=np.uint64)
        for offset, piece in pieces:
            flat = piece.reshape(-1)
            f[0, offset : offset + flat.size] = flat
        w = field.ext_powers(out_of_domain, 1 << log_size)
        for claim in claims:
            place = slice(claim.offset, claim.offset + (1 << claim.log_height))
            weights = field.ext_mul(field.eq_table(point[: claim.log_height]), field.ext(claim.coefficient))
            w[:, place] = field.add(w[:, place], weights)
        return ReferenceWeightedSumProver(f, w)


def _grind_keccak(state: bytes, bits: int) -> int:
    nonce = 0
    while int.from_bytes(merkle.keccak256(b"\x04" + state + nonce.to_bytes(8, "big")), "big") >> (256 - bits):
        nonce += 1
    return nonce


def _grind_poseidon2(state: bytes, bits: int) -> int:
    *lanes, position = np.frombuffer(state, dtype="<u4").astype(np.uint64)
    mask = np.uint64((1 << bits) - 1)
    for start in range(0, field.P, GRIND_BATCH):
        nonces = np.arange(start, min(start + GRIND_BATCH, field.P), dtype=np.uint64)
        candidates = np.repeat(np.array(lanes)[:, None], len(nonces), axis=1)
        candidates[int(position)] = nonces
        hits = np.flatnonzero((poseidon2.permute(candidates)[0] & mask) == 0)
        if hits.size:
            return int(nonces[hits[0]])
    raise ArithmeticError(f"no nonce shows {bits} bits of work")
