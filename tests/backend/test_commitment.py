"""Commitments, openings, univariate evaluation and grinding: all back ends equal the reference and the golden vectors."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from Crypto.Hash import keccak

from gpu.cpu import CpuDevice
from gpu.device import Device, ExtValue, HashName, Opening
from gpu.reference import ReferenceDevice

from .conftest import P

HASHES: list[HashName] = ["poseidon2", "keccak"]
GENERATOR = 0x6AC49F88


def randoms(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, P, shape, dtype=np.uint32)


def digest_of(words: list[int]) -> bytes:
    return np.array(words, dtype="<u4").tobytes()


def keccak256(data: bytes) -> bytes:
    return keccak.new(data=data, digest_bits=256).digest()


def constant_rows(values: range, count: int) -> np.ndarray:
    """Columns of constant polynomials, so that every row is `values`."""
    columns = np.zeros((len(values), count), dtype=np.uint32)
    columns[:, 0] = list(values)
    return columns


def test_poseidon2_leaf_and_node_golden_vectors(device: Device) -> None:
    leaf = [463075021, 466862344, 498561855, 66377110, 204530711, 1224977616, 718820031, 853132970]
    node = [1236232733, 1122874083, 380119526, 1938612580, 1408562902, 99688911, 2029939245, 481937543]
    columns = device.upload(constant_rows(range(10), 1))
    assert device.commit("poseidon2", columns, 0).root == digest_of(leaf)
    assert device.commit("poseidon2", columns, 1).root == digest_of(node)


def test_keccak_leaf_golden_vector(device: Device) -> None:
    root = device.commit("keccak", device.upload(constant_rows(range(10), 1)), 0).root
    assert root.hex() == "e08c55310fe982c4d63e499cafbd266e56b4d906126b518794e18b306105d1a0"


@pytest.mark.parametrize("width", [1, 2, 33, 34, 35, 67, 68, 69])
def test_keccak_leaf_and_node_equal_the_hash_of_bytes(native: CpuDevice, width: int) -> None:
    values = range(P - width, P)
    leaf = keccak256(b"\x00" + b"".join(v.to_bytes(4, "big") for v in values))
    columns = native.upload(constant_rows(values, 1))
    assert native.commit("keccak", columns, 0).root == leaf
    assert native.commit("keccak", columns, 1).root == keccak256(b"\x01" + leaf + leaf)


@pytest.mark.parametrize(
    ("log_rows", "log_inv_rate"), [(0, 0), (0, 3), (1, 1), (3, 2), (6, 1), (8, 1), (9, 3), (11, 4), (12, 0)]
)
def test_rows_are_values_of_the_column_polynomials(native: CpuDevice, log_rows: int, log_inv_rate: int) -> None:
    columns = randoms(log_rows, 3, 1 << log_rows)
    commitment = native.commit("poseidon2", native.upload(columns), log_inv_rate)
    domain = 1 << (log_rows + log_inv_rate)
    positions = sorted({0, 1 % domain, domain // 3, domain // 2, domain - 1})
    g = pow(GENERATOR, (1 << 24) // domain, P)
    expected = [
        [sum(int(c) * pow(g, position * t, P) for t, c in enumerate(column)) % P for column in columns]
        for position in positions
    ]
    assert commitment.open(positions).rows.tolist() == expected


@pytest.mark.parametrize("hash_name", HASHES)
@pytest.mark.parametrize(("log_rows", "log_inv_rate"), [(0, 1), (2, 1), (4, 4), (7, 2), (9, 1), (8, 3)])
def test_commitment_equals_the_reference(
    native: CpuDevice, hash_name: HashName, log_rows: int, log_inv_rate: int
) -> None:
    reference = ReferenceDevice()
    columns = randoms(3, 13, 1 << log_rows)
    ours = native.commit(hash_name, native.upload(columns), log_inv_rate)
    theirs = reference.commit(hash_name, reference.upload(columns), log_inv_rate)
    assert ours.root == theirs.root
    domain = 1 << (log_rows + log_inv_rate)
    for positions in ([], [0], [domain - 1], list(range(domain)), sorted({domain // 2, domain // 2 - 1, domain // 5})):
        assert_equal_openings(ours.open(positions), theirs.open(positions))


@pytest.mark.parametrize("hash_name", HASHES)
def test_extension_commitment_equals_the_reference(native: CpuDevice, hash_name: HashName) -> None:
    reference = ReferenceDevice()
    values = randoms(4, 5, 1 << 10)
    for log_width, log_inv_rate in [(0, 1), (2, 3), (4, 5)]:
        ours = native.commit_extension(hash_name, native.upload(values), log_width, log_inv_rate)
        theirs = reference.commit_extension(hash_name, reference.upload(values), log_width, log_inv_rate)
        assert ours.root == theirs.root
        assert_equal_openings(ours.open([3, 9, 10]), theirs.open([3, 9, 10]))


def assert_equal_openings(ours: Opening, theirs: Opening) -> None:
    assert np.array_equal(ours.rows, theirs.rows)
    assert ours.path == theirs.path


@pytest.mark.parametrize("positions", [[1, 1], [2, 1], [8]])
def test_opening_refuses_positions_out_of_order_or_range(native: CpuDevice, positions: list[int]) -> None:
    commitment = native.commit("poseidon2", native.upload(randoms(5, 2, 4)), 1)
    with pytest.raises(ValueError, match="ascending"):
        commitment.open(positions)


def test_domain_beyond_the_two_adicity_is_refused(native: CpuDevice) -> None:
    with pytest.raises(ValueError, match=r"2\^24"):
        native.commit("poseidon2", native.upload(randoms(6, 1, 2)), 24)


@pytest.mark.parametrize("size", [1, 15, 16, 255, 256, 257, 5000, 70000])
def test_univariate_evaluation_equals_the_reference(native: CpuDevice, size: int) -> None:
    reference = ReferenceDevice()
    point: ExtValue = (5, P - 1, 77, 123456789, 2**30)
    for values in (randoms(7, size), randoms(8, 5, size)):
        expected = reference.evaluate_univariate(reference.upload(values), point)
        assert native.evaluate_univariate(native.upload(values), point) == expected


def poseidon2_state_after_first_message() -> bytes:
    """The duplex after observe(1, [1..8]) and the tag of the nonce message (section 4)."""
    device = CpuDevice("portable")
    state = np.zeros((16, 1), dtype=np.uint32)
    state[:8, 0] = [(1 << 16) + 8, 1, 2, 3, 4, 5, 6, 7]
    tensor = device.upload(state)
    device.kernels.poseidon2_permute(tensor)
    lanes = device.download(tensor)[:, 0]
    lanes[:2] = [8, (0x70 << 16) + 1]
    return np.array([*lanes, 2], dtype="<u4").tobytes()


def test_grinding_golden_vectors(device: Device) -> None:
    message = ((1 << 16) + 8).to_bytes(4, "big") + b"".join(i.to_bytes(4, "big") for i in range(1, 9))
    keccak_state = keccak256(b"\x02" + bytes(32) + message)
    assert device.grind("keccak", keccak_state, 8) == 69
    assert device.grind("poseidon2", poseidon2_state_after_first_message(), 8) == 118


@pytest.mark.parametrize("bits", [0, 1, 11, 14])
def test_grinding_finds_the_smallest_nonce(native: CpuDevice, bits: int) -> None:
    reference = ReferenceDevice()
    for seed in range(3):
        words = randoms(seed, 17)
        words[16] = seed
        keccak_state = hashlib.sha256(bytes([seed])).digest()
        state = words.astype("<u4").tobytes()
        assert native.grind("poseidon2", state, bits) == reference.grind("poseidon2", state, bits)
        if bits < 14:
            assert native.grind("keccak", keccak_state, bits) == reference.grind("keccak", keccak_state, bits)


@pytest.mark.soak
def test_large_codewords_hold_the_values_of_their_polynomials() -> None:
    """2^20 coefficients at rate 1/16: coset by coset, opened rows evaluated again; and at rate 1/2, where the codeword is kept."""
    device = CpuDevice()
    columns = device.upload(randoms(9, 2, 1 << 20))
    for log_inv_rate in (1, 4):
        domain = 1 << (20 + log_inv_rate)
        positions = sorted({0, 1, 17, domain // 3, domain // 2 + 5, domain - 1})
        rows = device.commit("keccak", columns, log_inv_rate).open(positions).rows
        for position, row in zip(positions, rows.tolist(), strict=True):
            point = pow(GENERATOR, position << (4 - log_inv_rate), P)
            for column, value in zip(columns, row, strict=True):
                assert device.evaluate_univariate(column, (point, 0, 0, 0, 0)) == (value, 0, 0, 0, 0)
