"""Hashes and transcripts against the golden vectors of the proof system, sections 3 and 4."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from gpu import native_permutation
from gpu.reference import ReferenceDevice, poseidon2
from zk.configuration import configuration
from zk.field import P
from zk.field.poseidon2 import permute
from zk.hashing import digest_elements
from zk.transcript import Challenger, KeccakChallenger, Poseidon2Challenger

PERMUTATION_INPUT = (
    894848333, 1437655012, 1200606629, 1690012884, 71131202, 1749206695, 1717947831, 120589055,
    19776022, 42382981, 1831865506, 724844064, 171220207, 1299207443, 227047920, 1783754913,
)  # fmt: skip
PERMUTATION_OUTPUT = (
    1934285469, 604889435, 133449501, 1026180808, 1830659359, 176667110, 1391183747, 351743874,
    1238264085, 1292768839, 2023573270, 1201586780, 1360691759, 1230682461, 748270449, 651545025,
)  # fmt: skip
LEAF = (463075021, 466862344, 498561855, 66377110, 204530711, 1224977616, 718820031, 853132970)
NODE = (1236232733, 1122874083, 380119526, 1938612580, 1408562902, 99688911, 2029939245, 481937543)


def test_permutation_has_the_known_answer() -> None:
    assert permute(list(PERMUTATION_INPUT)) == list(PERMUTATION_OUTPUT)
    state = np.array([PERMUTATION_INPUT, range(16)], dtype=np.uint64).T
    assert poseidon2.permute(state)[:, 0].tolist() == list(PERMUTATION_OUTPUT)
    assert poseidon2.permute(state)[:, 1].tolist() == permute(list(range(16)))


def test_round_constants_equal_the_published_ones(shared: Path) -> None:
    vectors = json.loads((shared / "vectors/poseidon2/koalabear_poseidon2.json").read_text())
    published = next(instance for instance in vectors["instances"] if instance["width"] == 16)
    first, partial, last = poseidon2.round_constants()
    assert [list(row) for row in first] == published["external_initial"]
    assert list(partial) == published["internal"]
    assert [list(row) for row in last] == published["external_final"]


def test_poseidon2_leaf_and_node_are_the_golden_ones() -> None:
    hasher = configuration("P2").hasher
    (leaf,) = hasher.leaves([list(range(10))])
    assert digest_elements(leaf) == LEAF
    assert digest_elements(hasher.nodes([(leaf, leaf)])[0]) == NODE


def test_keccak_leaf_and_node_are_the_golden_ones() -> None:
    hasher = configuration("K").hasher
    assert (
        hasher.leaves([list(range(10))])[0].hex() == "e08c55310fe982c4d63e499cafbd266e56b4d906126b518794e18b306105d1a0"
    )
    one, two = hasher.leaves([[1], [2]])
    assert hasher.nodes([(one, two)])[0].hex() == "9f0965356c5236053138a8c9b348987f748f9cee16a990393c5467a976dc2b75"


def test_byte_strings_of_different_length_have_different_digests() -> None:
    for name in ("P2", "K"):
        hasher = configuration(name).hasher
        digests = {hasher.byte_string(data) for data in (b"", b"\0", b"\0\0", b"\0\0\0", b"\0\0\0\0")}
        assert len(digests) == 5
        assert all(hasher.is_canonical(digest) for digest in digests)


def test_poseidon2_transcript_is_the_golden_one() -> None:
    challenger = Poseidon2Challenger()
    challenger.observe(1, range(1, 9))
    assert challenger.sample_ext().c == (436249009, 1429215525, 926314885, 12464412, 841458132)
    assert challenger.sample_bits(10) == 469
    challenger.observe(4, [7])
    assert challenger.sample_ext().c == (959736129, 1400765143, 176321849, 1136758590, 779656372)


def test_keccak_transcript_is_the_golden_one() -> None:
    challenger = KeccakChallenger()
    challenger.observe(1, range(1, 9))
    assert challenger.sample_ext().c == (1891371545, 776878949, 991690016, 784023987, 1144499425)
    assert [challenger.sample_bits(10) for _ in range(3)] == [295, 755, 819]
    challenger.observe_digest(4, bytes(range(32)))
    assert challenger.sample_ext().c == (242018488, 2110132313, 1877455408, 243647298, 1949871465)


@pytest.mark.parametrize(("name", "nonce", "following"), [("P2", 118, 599), ("K", 69, 204)])
def test_smallest_nonce_is_the_golden_one(name: str, nonce: int, following: int) -> None:
    for candidate in range(nonce + 1):
        challenger = configuration(name).challenger()
        challenger.observe(1, range(1, 9))
        assert challenger.absorb_nonce(candidate, 8) == (candidate == nonce)
    assert challenger.sample_bits(10) == following


@pytest.mark.parametrize("name", ["P2", "K"])
@pytest.mark.parametrize("pending", range(1, 10))
def test_device_finds_the_smallest_nonce_at_every_fill_of_the_sponge(name: str, pending: int) -> None:
    def transcript() -> Challenger:
        challenger = configuration(name).challenger()
        challenger.observe(1, range(pending))
        return challenger

    state = transcript().grind_state()
    nonce = ReferenceDevice().grind(configuration(name).hasher.name, state, 4)
    for candidate in range(nonce + 1):
        assert transcript().absorb_nonce(candidate, 4) == (candidate == nonce)


def test_challenge_after_bits_drops_unread_chunks_of_the_keccak_word() -> None:
    one, other = KeccakChallenger(), KeccakChallenger()
    one.sample_bits(8)
    one.sample_ext()
    other.sample_bits(8)
    other.sample_bits(8)
    other.sample_ext()
    assert one.sample_bits(8) == other.sample_bits(8)


def test_messages_with_another_tag_or_split_give_other_challenges() -> None:
    for name in ("P2", "K"):
        drawn = set()
        for messages in ([(1, [5, 6])], [(2, [5, 6])], [(1, [5]), (1, [6])]):
            challenger = configuration(name).challenger()
            for tag, values in messages:
                challenger.observe(tag, values)
            drawn.add(challenger.sample_ext().c)
        assert len(drawn) == 3


def test_message_of_two_to_the_sixteen_values_is_refused() -> None:
    for name in ("P2", "K"):
        with pytest.raises(ValueError, match="count below"):
            configuration(name).challenger().observe(1, [0] * 2**16)


def test_native_permutation_equals_the_one_on_integers() -> None:
    native = native_permutation()
    if native is None:
        pytest.skip("the native module of gpu is not built")
    draw = random.Random(20)
    states = [[0] * 16, [P - 1] * 16, *([draw.randrange(P) for _ in range(16)] for _ in range(20))]
    assert [native(state) for state in states] == [permute(state) for state in states]
    for bad in ([0] * 15, [P] + [0] * 15):
        with pytest.raises(ValueError, match=r"expected|below"):
            native(bad)


@pytest.mark.parametrize("name", ["P2", "K"])
def test_accelerated_challenger_draws_the_same_challenges(name: str) -> None:
    plain, fast = configuration(name).challenger(), configuration(name).challenger()
    fast.accelerate()
    for challenger in (plain, fast):
        challenger.observe(1, list(range(21)))
    assert [plain.sample_ext() for _ in range(3)] == [fast.sample_ext() for _ in range(3)]
    assert plain.grind_state() == fast.grind_state()
    assert plain.absorb_nonce(5, 0) == fast.absorb_nonce(5, 0)
    assert plain.sample_bits(20) == fast.sample_bits(20)
