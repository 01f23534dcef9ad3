"""What a batch tells L1 (settlement 5.3, decisions 19-22), computed from the model alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matching.codec import L1_KINDS
from matching.spec.machine import Model
from matching.spec.money import Withdrawal
from matching.spec.queue import EMPTY_PREFIX, QueueEntry, extend_prefix
from matching.spec.withdrawals import keccak256, withdrawals_root

MAGIC = 0x42420001
PUBLIC_INPUTS_BYTES = 492


@dataclass(frozen=True, slots=True)
class PublicInputs:
    """The fields of the 492 bytes that are used now; the others are zero."""

    chain_id: int
    exchange: bytes
    batch_number: int
    time_ms: int
    previous_root: bytes
    new_root: bytes
    seq_first: int
    seq_last: int
    receipt_head: bytes
    priority_count: int
    priority_hash: bytes
    withdrawals_root: bytes
    withdrawal_count: int
    withdrawal_total_e6: int
    liabilities_e6: int

    def encode(self) -> bytes:
        """The 492 bytes, big-endian."""
        zero = bytes(32)
        data = b"".join(
            (
                _uint(MAGIC, 4),
                _uint(self.chain_id, 8),
                self.exchange,
                _uint(self.batch_number, 8),
                _uint(self.time_ms, 8),
                self.previous_root,
                self.new_root,
                _uint(self.seq_first, 8),
                _uint(self.seq_last, 8),
                self.receipt_head,
                zero,  # receiptsRoot
                _uint(self.priority_count, 8),
                self.priority_hash,
                self.withdrawals_root,
                _uint(self.withdrawal_count, 8),
                _uint(self.withdrawal_total_e6, 16),
                _uint(self.liabilities_e6, 16),
            )
        )
        return data.ljust(PUBLIC_INPUTS_BYTES, b"\0")

    @property
    def digest(self) -> bytes:
        """h = keccak256 of the bytes: the proof's output words 0..7."""
        return keccak256(self.encode())


def _uint(value: int, width: int) -> bytes:
    return value.to_bytes(width, "big")


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Public inputs of a batch and the withdrawals that it opens."""

    public_inputs: PublicInputs
    withdrawals: tuple[Withdrawal, ...]


class SettlementModel:
    """Runs whole batches through the model and computes what L1 must be told."""

    def __init__(self, model: Model, chain_id: int, exchange: bytes) -> None:
        """`model` at the state whose root L1 holds, with an empty queue prefix; `exchange`: contract address, 20 bytes."""
        self.model = model
        self.chain_id = chain_id
        self.exchange = exchange
        self.root = model.state_root()
        self.priority_hash = EMPTY_PREFIX

    def run_batch(self, commands: Sequence[bytes], queue: Sequence[QueueEntry]) -> BatchResult:
        """Applies a batch, BatchOpen to BatchClose; `queue` has an entry for each of its L1 commands, in order.

        Raises CoreHalted as `Model.apply`, ValueError when entries and L1 commands do not pair up.
        """
        requests = [data for data in commands if int.from_bytes(data[:2], "little") in L1_KINDS]
        if len(requests) != len(queue):
            raise ValueError(f"expected {len(requests)} queue entries, found {len(queue)}")
        entries = iter(queue)
        for data in commands:
            entry = next(entries) if int.from_bytes(data[:2], "little") in L1_KINDS else None
            taken = self.model.state.system.priority_done
            self.model.apply(data)
            if entry and self.model.state.system.priority_done > taken:
                self.priority_hash = extend_prefix(self.priority_hash, entry, data)
        result = BatchResult(self._public_inputs(len(commands)), tuple(self.model.withdrawals))
        self.root = result.public_inputs.new_root
        return result

    def _public_inputs(self, command_count: int) -> PublicInputs:
        system, withdrawals = self.model.state.system, self.model.withdrawals
        return PublicInputs(
            chain_id=self.chain_id,
            exchange=self.exchange,
            batch_number=system.batch_no,
            time_ms=system.time_ms,
            previous_root=self.root,
            new_root=self.model.state_root(),
            seq_first=system.seq - command_count + 1,
            seq_last=system.seq,
            receipt_head=system.command_chain,
            priority_count=system.priority_done,
            priority_hash=self.priority_hash,
            withdrawals_root=withdrawals_root(system.batch_no, withdrawals),
            withdrawal_count=system.withdraw_count,
            withdrawal_total_e6=sum(withdrawal.amount_e6 for withdrawal in withdrawals),
            liabilities_e6=system.vault_total_e6 - system.withdraw_pending_e6,
        )
