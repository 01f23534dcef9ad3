"""Fields and permutations of the native kernels against plain integers and published vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from Crypto.Hash import keccak

from gpu.cpu import CpuDevice, from_words, to_words
from gpu.device import ExtValue
from gpu.errors import TensorError

from .conftest import P

EDGES = [0, 1, 2, P - 1, P - 2, (P - 1) // 2, (P + 1) // 2, 2**24, 127 << 24, 2**30]


def ext_product(a: ExtValue, b: ExtValue) -> ExtValue:
    """Schoolbook product modulo X^5 + X^2 - 1."""
    full = [0] * 9
    for i in range(5):
        for j in range(5):
            full[i + j] += a[i] * b[j]
    for degree in (8, 7, 6, 5):  # X^d = X^(d-5) - X^(d-3)
        full[degree - 5] += full[degree]
        full[degree - 3] -= full[degree]
    c0, c1, c2, c3, c4 = (c % P for c in full[:5])
    return (c0, c1, c2, c3, c4)


def blocked(values: list[ExtValue]) -> np.ndarray:
    """Extension values in Montgomery form in blocks [n / 16][5][16]."""
    return np.ascontiguousarray(to_words(values).reshape(-1, 16, 5).transpose(0, 2, 1))


def test_upload_and_download_are_inverse(native: CpuDevice) -> None:
    values = np.array([*EDGES, *range(100)], dtype=np.uint32)
    assert np.array_equal(native.download(native.upload(values)), values)


def test_upload_uses_montgomery_form(native: CpuDevice) -> None:
    assert native.upload(np.array([1, 2], dtype=np.uint32)).tolist() == [2**32 % P, 2**33 % P]


def test_upload_refuses_values_that_are_not_canonical(native: CpuDevice) -> None:
    with pytest.raises(TensorError, match="expected values below"):
        native.upload(np.array([5, P], dtype=np.uint32))


def test_base_products_equal_integers(native: CpuDevice) -> None:
    rng = np.random.default_rng(1)
    a = np.array([x for x in EDGES for _ in EDGES] + rng.integers(0, P, 500).tolist(), dtype=np.uint32)
    b = np.array([x for _ in EDGES for x in EDGES] + rng.integers(0, P, 500).tolist(), dtype=np.uint32)
    product = np.empty_like(a)
    native.kernels.multiply_base(native.upload(a), native.upload(b), product)
    assert native.download(product).tolist() == [int(x) * int(y) % P for x, y in zip(a, b, strict=True)]


def test_extension_products_equal_integers(native: CpuDevice) -> None:
    rng = np.random.default_rng(2)
    extreme = [(P - 1,) * 5, (0,) * 5, (1, 0, 0, 0, 0), (P - 1, 0, P - 1, 0, P - 1)]
    pairs = [(x, y) for x in extreme for y in extreme]
    pairs += [
        (tuple(x), tuple(y))
        for x, y in zip(rng.integers(0, P, (240, 5)).tolist(), rng.integers(0, P, (240, 5)).tolist(), strict=True)
    ]
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    product = np.empty_like(blocked(a))
    native.kernels.multiply_extension(blocked(a), blocked(b), product)
    assert from_words(product.transpose(0, 2, 1)) == [ext_product(x, y) for x, y in pairs]


def test_extension_product_golden_vector() -> None:
    assert ext_product((1, 2, 3, 4, 5), (6, 7, 8, 9, 10)) == (70, 125, 61, 14, 25)


def test_poseidon2_equals_published_vector(native: CpuDevice, shared: Path) -> None:
    vectors = json.loads((shared / "vectors/poseidon2/koalabear_poseidon2.json").read_text())
    instance = next(i for i in vectors["instances"] if i["width"] == 16)
    known = instance["kat_default"]
    states = native.upload(np.repeat(np.array(known["input"], dtype=np.uint32)[:, None], 19, axis=1))
    native.kernels.poseidon2_permute(states)
    assert (native.download(states) == np.array(known["output"])[:, None]).all()


def test_poseidon2_known_answer(native: CpuDevice) -> None:
    start = [894848333, 1437655012, 1200606629, 1690012884, 71131202, 1749206695, 1717947831, 120589055]
    start += [19776022, 42382981, 1831865506, 724844064, 171220207, 1299207443, 227047920, 1783754913]
    end = [1934285469, 604889435, 133449501, 1026180808, 1830659359, 176667110, 1391183747, 351743874]
    end += [1238264085, 1292768839, 2023573270, 1201586780, 1360691759, 1230682461, 748270449, 651545025]
    states = native.upload(np.array(start, dtype=np.uint32)[:, None])
    native.kernels.poseidon2_permute(states)
    assert native.download(states)[:, 0].tolist() == end


def test_keccak_permutation_hashes_the_empty_string(native: CpuDevice) -> None:
    states = np.zeros((25, 11), dtype=np.uint64)
    states[0], states[16] = 1, 1 << 63
    native.kernels.keccak_permute(states)
    expected = keccak.new(digest_bits=256).digest()
    for lane in range(states.shape[1]):
        assert states[:4, lane].astype("<u8").tobytes() == expected
