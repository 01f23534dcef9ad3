"""The largest proof that a verifier of guests agrees to read: heights at their bounds, then zeros."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from gpu.device import HashName, Tensor
from gpu.reference import ReferenceDevice
from tests.fuzz.elf_bytes import seed_files
from tests.fuzz.proof_bytes import ProofMutation, argument_ignored
from tests.soundness.fields import proof_fields
from zk.configuration import ConfigName
from zk.errors import ShapeError, TrailingBytesError
from zk.machine.keys import VerifyingKey, setup
from zk.machine.proof import encode_header
from zk.machine.shape import derive_shape
from zk.machine.verifier import check_shape, verify
from zk.vm.elf import load_elf
from zk.vm.keys import LOG_ROWS_MAX, PARAMETER_SETS
from zk.vm.machine import COPROCESSORS, rv32im_machine

BYTES_MAX = 1 << 22


class _RootlessDevice(ReferenceDevice):
    """Commits to nothing: the roots of the preprocessed columns do not matter where no proof is accepted."""

    def commit(self, hash_name: HashName, columns: Tensor, log_inv_rate: int) -> Any:
        return SimpleNamespace(root=bytes(32))


@cache
def large_key(config: ConfigName) -> VerifyingKey:
    """A key of the largest machine that admits all sizes, with preprocessed roots that are zero."""
    machine, preprocessed = rv32im_machine(load_elf(seed_files()[0]), tuple(COPROCESSORS), twins=config == "P2")
    return setup(machine, preprocessed, config, PARAMETER_SETS[config], _RootlessDevice(), LOG_ROWS_MAX[config])[1]


def largest_heights(key: VerifyingKey) -> list[int | None]:
    """Every chip as high as its bound, the highest lowered one by one until the key admits the shape."""
    heights = [chip.log_height_max for chip in key.chips]
    while True:
        try:
            check_shape(key, derive_shape(key.chips, heights, key.log_rows_min))
            return list(heights)
        except ShapeError:
            candidates = [i for i, chip in enumerate(key.chips) if heights[i] > chip.log_height_min]
            tallest = max(candidates, key=lambda i: (heights[i], key.chips[i].program.main_count))
            heights[tallest] -= 1


@cache
def large_header(config: ConfigName) -> bytes:
    """A header with these heights and public values zero."""
    key = large_key(config)
    return encode_header(key, largest_heights(key), [0] * key.machine.public_value_count)


def read_form(config: ConfigName, data: bytes) -> None:
    """Decodes a proof for the key; claims, paths and grinding are ignored."""
    with argument_ignored():
        verify(large_key(config), data)


@cache
def large_proof(config: ConfigName) -> bytes:
    """The header and as many zeros as its verifier reads."""
    data = large_header(config) + bytes(BYTES_MAX)
    try:
        read_form(config, data)
    except TrailingBytesError as error:
        left = int(str(error).split("found ")[1].split()[0])
        return data[: len(data) - left]
    raise AssertionError(f"a proof reads all of {BYTES_MAX} bytes")


@cache
def large_mutation(config: ConfigName) -> ProofMutation:
    """Changes of the large proof."""
    with argument_ignored():
        fields = proof_fields(large_key(config), large_proof(config))
    return ProofMutation.of(fields, large_key(config), len(large_proof(config)))
