"""Each check of the batch program on its hints, one false witness per check."""

from __future__ import annotations

import struct

import pytest

from matching.batch import BatchInput, encode_hints, run_batch
from matching.codec import AccountHeader, Arena, BatchClose, CancelItem, CancelOrders, Command, OrderAccepted
from matching.engine import Witness
from matching.errors import BatchRefused, HaltReason, InvariantViolation
from tests.integration.batch.recorded import CHAIN_ID, EXCHANGE, BatchPlayer, RecordedBatch
from tests.spec.venue import BUY, POST_ONLY, bodies

ACCOUNT_HEADER_WORDS = 32
# arena: words of a page (an account's follow from its header), depth of its tree; in the order of the hints
SHAPES = {
    Arena.ACCOUNT: (0, 24),
    Arena.SIGNER: (128, 26),
    Arena.ORDER: (24, 21),
    Arena.LEVEL: (64, 29),
    Arena.TRIE: (32, 23),
    Arena.BOOK_HEAD: (16, 6),
    Arena.MARKET_CONFIG: (64, 6),
    Arena.MARKET_STATE: (32, 6),
    Arena.SYSTEM: (128, 0),
}


@pytest.fixture(scope="module")
def batch() -> RecordedBatch:
    return BatchPlayer(seed=21, accounts=8, prepared_orders=60).order_batch(12)


def words_of(witness: Witness) -> list[int]:
    return list(struct.unpack(f"<{len(witness.state_words) // 4}I", witness.state_words))


def refusal(batch: RecordedBatch, words: list[int]) -> HaltReason:
    """Why the program refuses this witness."""
    witness = Witness(batch.witness.opening_root, batch.witness.closing_root, struct.pack(f"<{len(words)}I", *words))
    with pytest.raises(BatchRefused) as refused:
        run_batch(encode_hints(witness, batch.commands, batch.queue, CHAIN_ID, EXCHANGE))
    return refused.value.reason


class Sections:
    """Where the pages and siblings of a witness lie."""

    def __init__(self, words: list[int]) -> None:
        self.words = words
        self.pages: dict[Arena, list[int]] = {}
        self.siblings: dict[Arena, list[int]] = {}
        at = 0
        for arena in SHAPES:
            at = self._section(arena, at)
        assert at == len(words)

    def _section(self, arena: Arena, at: int) -> int:
        count, at = self.words[at], at + 1
        pages, indices = [], []
        for _ in range(count):
            pages.append(at)
            indices.append(self.words[at])
            length = SHAPES[arena][0] or ACCOUNT_HEADER_WORDS + 16 * (self.words[at + 32] >> 24)
            at += 1 + length
        self.pages[arena], self.siblings[arena] = pages, []
        for _ in range(SHAPES[arena][1]):
            parents: list[int] = []
            for index in indices:
                if index ^ 1 not in indices:
                    self.siblings[arena].append(at)
                    at += 9 if self.words[at] else 1
                if index >> 1 not in parents:
                    parents.append(index >> 1)
            indices = parents
        return at


@pytest.fixture
def sections(batch: RecordedBatch) -> Sections:
    return Sections(words_of(batch.witness))


def test_the_true_witness_is_accepted(batch: RecordedBatch) -> None:
    built: BatchInput = batch.build()
    assert built.public_inputs[80:112] == batch.witness.closing_root


def test_page_numbers_must_rise(batch: RecordedBatch, sections: Sections) -> None:
    first, second = sections.pages[Arena.ORDER][:2]
    sections.words[second] = sections.words[first]
    assert refusal(batch, sections.words) is HaltReason.PAGE_FORM


def test_page_numbers_stay_in_the_arena(batch: RecordedBatch, sections: Sections) -> None:
    sections.words[sections.pages[Arena.ORDER][-1]] = 2**21
    assert refusal(batch, sections.words) is HaltReason.PAGE_FORM


def test_an_account_has_at_most_62_positions(batch: RecordedBatch, sections: Sections) -> None:
    last_word = sections.pages[Arena.ACCOUNT][0] + ACCOUNT_HEADER_WORDS
    sections.words[last_word] = (sections.words[last_word] & 0xFFFFFF) | 63 << 24
    assert refusal(batch, sections.words) is HaltReason.PAGE_FORM


def test_an_account_has_a_known_fee_tier(batch: RecordedBatch, sections: Sections) -> None:
    sections.words[sections.pages[Arena.ACCOUNT][0] + ACCOUNT_HEADER_WORDS] |= 8 << 16
    assert refusal(batch, sections.words) is HaltReason.PAGE_FORM


def test_a_signer_has_at_most_56_nonces(batch: RecordedBatch, sections: Sections) -> None:
    sections.words[sections.pages[Arena.SIGNER][0] + 1 + 40 // 4] = 57
    assert refusal(batch, sections.words) is HaltReason.PAGE_FORM


@pytest.mark.parametrize("shift", [16, 24])
def test_an_order_has_a_known_list_and_side(batch: RecordedBatch, sections: Sections, shift: int) -> None:
    sections.words[sections.pages[Arena.ORDER][0] + 1 + 12 // 4] |= 4 << shift
    assert refusal(batch, sections.words) is HaltReason.PAGE_FORM


def test_a_market_has_at_most_four_tiers(batch: RecordedBatch, sections: Sections) -> None:
    sections.words[sections.pages[Arena.MARKET_CONFIG][0] + 1 + 168 // 4] = 50 | 5 << 8
    assert refusal(batch, sections.words) is HaltReason.PAGE_FORM


def test_there_are_at_most_62_markets(batch: RecordedBatch, sections: Sections) -> None:
    sections.words[sections.pages[Arena.SYSTEM][0] + 1 + 52 // 4] = 63
    assert refusal(batch, sections.words) is HaltReason.PAGE_FORM


def test_a_sibling_is_zero_or_given(batch: RecordedBatch, sections: Sections) -> None:
    sections.words[sections.siblings[Arena.ACCOUNT][0]] = 2
    assert refusal(batch, sections.words) is HaltReason.PAGE_FORM


def test_a_zero_sibling_for_a_given_one_is_refused(batch: RecordedBatch, sections: Sections) -> None:
    at = next(at for at in sections.siblings[Arena.ACCOUNT] if sections.words[at] == 1)
    words = [*sections.words[:at], 0, *sections.words[at + 9 :]]
    assert refusal(batch, words) is HaltReason.OPENING_ROOT


def test_more_pages_than_the_program_holds_are_refused(batch: RecordedBatch, sections: Sections) -> None:
    sections.words[0] = 24_001
    assert refusal(batch, sections.words) is HaltReason.CAPACITY


def test_exchanged_pages_are_refused(batch: RecordedBatch, sections: Sections) -> None:
    first, second = sections.pages[Arena.SIGNER][:2]
    size = SHAPES[Arena.SIGNER][0]
    words = sections.words
    one, two = words[first + 1 : first + 1 + size], words[second + 1 : second + 1 + size]
    words[first + 1 : first + 1 + size], words[second + 1 : second + 1 + size] = two, one
    assert refusal(batch, words) is HaltReason.OPENING_ROOT


def test_a_state_that_contradicts_itself_stops_engine_and_guest() -> None:
    player = BatchPlayer(seed=22, accounts=2, prepared_orders=0)
    player.venue.open_batch()
    account = player.accounts[0]
    placed = bodies(player.venue.place(account, BUY, 999_000, 5, POST_ONLY), OrderAccepted)[0]
    player.venue.close_batch()
    player.machine.edit(Arena.ACCOUNT, account, AccountHeader, position_count=0)  # the order's position is gone
    player.start()
    body = CancelOrders([CancelItem.by_order_id(0, placed.order_id)])
    cancel = Command(player.venue.seq + 1, body, account=account, nonce=player.venue.now + 99).encode()
    with pytest.raises(InvariantViolation, match="contradicts"):
        player.machine.apply(cancel)
    commands = [*player.machine.commands, cancel, Command(player.venue.seq + 2, BatchClose()).encode()]
    hints = encode_hints(player.machine.engine.take_witness(), commands, [], CHAIN_ID, EXCHANGE)
    with pytest.raises(BatchRefused) as refused:
        run_batch(hints)
    assert refused.value.reason is HaltReason.CONTRADICTION
