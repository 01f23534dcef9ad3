"""The input of the batch proof: the hints of the guest and the 492 public-input bytes (settlement 5.3, decisions 19..24).

The guest is `zk/guests/batch/main.cpp`: the same core, compiled for the machine that is proven. `build_batch_input` runs
the same program on the host, so a batch that cannot be proven is found here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching import _core
from matching.codec import L1_KINDS
from matching.engine import Witness
from matching.errors import BatchRefused, HaltReason

PUBLIC_INPUT_BYTES = 492


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """What the L1 queue knows of a request beside its body: the 20-byte sender and the block timestamp in seconds."""

    sender: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class BatchInput:
    """Hints (u32 words) for the guest, the public-input bytes that it hashes, and their keccak256 (output words 0..7)."""

    hints: NDArray[np.uint32]
    public_inputs: bytes
    public_inputs_hash: bytes


def is_from_queue(command: bytes) -> bool:
    """Whether the command is an L1 request."""
    return int.from_bytes(command[:2], "little") in L1_KINDS


def encode_hints(
    witness: Witness,
    commands: Sequence[bytes],
    queue: Sequence[QueueEntry],
    chain_id: int,
    exchange: bytes,
    priority_prefix: bytes = bytes(32),
) -> bytes:
    """The guest's private words, little-endian. `queue` has an entry for each L1 command, in their order.

    exchange: 20 bytes; priority_prefix: the queue's prefix hash before the batch. Raises ValueError for lengths.
    """
    if len(exchange) != 20 or len(priority_prefix) != 32:
        raise ValueError(f"exchange has {len(exchange)} bytes, priority_prefix {len(priority_prefix)}; expected 20, 32")
    entries = iter(queue)
    parts = [
        struct.pack("<Q", chain_id),
        exchange,
        priority_prefix,
        witness.opening_root,
        witness.state_words,
        struct.pack("<I", len(commands)),
    ]
    for command in commands:
        parts += [struct.pack("<I", len(command)), command, bytes(-len(command) % 16)]
        if not is_from_queue(command):
            continue
        entry = next(entries, None)
        if entry is None or len(entry.sender) != 20:
            raise ValueError("an L1 command lacks its queue entry, or the entry's sender has not 20 bytes")
        parts += [entry.sender, struct.pack("<Q", entry.timestamp)]
    if next(entries, None) is not None:
        raise ValueError("more queue entries than L1 commands")
    return b"".join(parts)


def run_batch(hints: bytes) -> tuple[bytes, bytes]:
    """Runs the batch program on the host: (492 public-input bytes, their keccak256). Raises BatchRefused."""
    reason, public_inputs, digest = _core.run_batch(hints)
    if reason:
        raise BatchRefused(HaltReason(reason))
    return public_inputs, digest


def build_batch_input(
    witness: Witness,
    commands: Sequence[bytes],
    queue: Sequence[QueueEntry],
    chain_id: int,
    exchange: bytes,
    priority_prefix: bytes = bytes(32),
) -> BatchInput:
    """Hints and public inputs of one recorded batch: BatchOpen first, BatchClose last. Arguments as `encode_hints`.

    Raises ValueError for lengths, BatchRefused when the program does not accept the batch.
    """
    hints = encode_hints(witness, commands, queue, chain_id, exchange, priority_prefix)
    public_inputs, digest = run_batch(hints)
    return BatchInput(np.frombuffer(hints, dtype="<u4").astype(np.uint32), public_inputs, digest)
