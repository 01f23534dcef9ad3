"""What the lookup buses provide: which tuples are legal, from the providing chips themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tests.soundness.columns.draw import Draw
from tests.soundness.vm.witness import Witness
from zk.air.check import evaluate, virtual_column
from zk.air.chip import Chip

U64 = NDArray[np.uint64]
Mask = NDArray[np.bool_]
_KEPT = 8
# Odd constants for hashes of tuples; any fixed choice serves, as equality is decided on the tuples themselves.
_FACTORS = Draw("factors").words(64) | np.uint64(1)


def is_provider(chip: Chip) -> bool:
    """Whether the chip provides its lookup buses, with multiplicities that its prover chooses (rule 5.3b)."""
    return not chip.selectors and any(i.bus.kind == "lookup" for i in chip.interactions)


def whole(chip: Chip) -> Chip:
    """The chip with its interactions across shards among the others."""
    return replace(chip, interactions=[*chip.interactions, *chip.global_interactions], global_interactions=[])


def fixed_columns(witness: Witness, chip: Chip) -> list[U64]:
    """Preprocessed and virtual columns of a chip of the witness."""
    height = witness.traces[chip.name].shape[1]
    preprocessed = witness.preprocessed.get(chip.name, np.zeros((0, height), np.uint32))
    virtual = [virtual_column(kind, height.bit_length() - 1, witness.shard) for kind in chip.virtual]
    return [*(column.astype(np.uint64) for column in preprocessed), *virtual]


def tuple_hash(entries: Sequence[U64]) -> U64:
    """A 64-bit hash of tuples, given as one array per entry (broadcast against each other)."""
    result = np.full(np.broadcast_shapes(*(entry.shape for entry in entries)), _FACTORS[-3])
    for entry, factor in zip(entries, _FACTORS, strict=False):
        result = result + entry * factor
    result = (result ^ result >> np.uint64(32)) * _FACTORS[-1]
    result = (result ^ result >> np.uint64(29)) * _FACTORS[-2]
    mixed: U64 = result ^ result >> np.uint64(32)
    return mixed


class LegalTuples:
    """The tuples of one lookup bus."""

    def __init__(self, tuples: U64) -> None:
        self._tuples = np.unique(tuples, axis=1)  # (length, n)
        hashes = tuple_hash(list(self._tuples))
        order = np.argsort(hashes)
        self._hashes, self._tuples = hashes[order], self._tuples[:, order]
        if len(np.unique(self._hashes)) != len(self._hashes):
            raise ValueError("two legal tuples have the same hash: choose other factors")

    def contains(self, entries: Sequence[U64]) -> Mask:
        """For each tuple (one array per entry): whether the bus provides it. Exact."""
        hashes = tuple_hash(entries)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        legal: Mask = self._hashes[at] == hashes
        for entry, column in zip(entries, self._tuples, strict=True):
            legal &= column[at] == entry
        return legal


_known: dict[int, tuple[Witness, dict[str, LegalTuples]]] = {}


def legal_tuples(witness: Witness) -> dict[str, LegalTuples]:
    """Of every lookup bus of the machine; kept for the last few witnesses."""
    if id(witness) not in _known:
        if len(_known) >= _KEPT:
            _known.clear()
        _known[id(witness)] = (witness, _provided(witness))
    return _known[id(witness)][1]


def _provided(witness: Witness) -> dict[str, LegalTuples]:
    provided: dict[str, list[U64]] = {}
    for chip in witness.machine.chips:
        if not is_provider(chip):
            continue
        program = chip.lower()
        values = evaluate(program, [*witness.traces[chip.name].astype(np.uint64), *fixed_columns(witness, chip)])
        for interaction, lowered in zip(chip.interactions, program.interactions, strict=True):
            if interaction.bus.kind == "lookup":
                message = np.stack([values[node] for node in lowered.message])
                provided.setdefault(interaction.bus.name, []).append(message)
    return {name: LegalTuples(np.concatenate(parts, axis=1)) for name, parts in provided.items()}
