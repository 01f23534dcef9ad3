"""The header of a batch, the 492 public-input bytes it stands for, and the record the contract keeps of it."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

from Crypto.Hash import keccak
from eth_abi.abi import encode

from exchange.errors import SettlementFault

PUBLIC_INPUTS_BYTES = 492
MAGIC = bytes.fromhex("42420001")

# name in Python, width in bytes, is it a hash: in the order of the contract's struct
_FIELDS: tuple[tuple[str, int, bool], ...] = (
    ("batch_number", 8, False),
    ("time_ms", 8, False),
    ("prev_state_hash", 32, True),
    ("new_state_hash", 32, True),
    ("seq_first", 8, False),
    ("seq_last", 8, False),
    ("receipt_head", 32, True),
    ("receipts_root", 32, True),
    ("priority_count", 8, False),
    ("priority_hash", 32, True),
    ("withdrawals_root", 32, True),
    ("withdrawal_count", 8, False),
    ("withdrawal_total_e6", 16, False),
    ("liabilities_e6", 16, False),
    ("insurance_e6", 16, False),
    ("fees_e6", 16, False),
    ("shortfall_e6", 16, False),
    ("oracle_set_hash", 32, True),
    ("config_hash", 32, True),
    ("da_digest", 32, True),
    ("oracle_time_min_ms", 8, False),
    ("accounts_checked", 4, False),
    ("liquidation_age_max_ms", 4, False),
    ("sweep_age_ms", 4, False),
    ("void_count", 4, False),
    ("record_count", 4, False),
    ("flags", 1, False),
)
# the bytes follow the struct, but for the shortfall, which comes last
_PACKED = (*(field for field in _FIELDS if field[0] != "shortfall_e6"), ("shortfall_e6", 16, False))
_PREFIX_BYTES = 32  # magic, chain id, contract
_PADDING = bytes(15)


class PublicInputsInvalid(SettlementFault):
    """Public-input bytes of the wrong length, magic, chain or contract, or with a non-zero padding byte."""


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it."""
    return keccak.new(digest_bits=256, data=data).digest()


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """What one batch claims. Hashes are 32 bytes, money is in e6, times in ms; fields as in settlement document 5.3."""

    batch_number: int
    time_ms: int
    prev_state_hash: bytes
    new_state_hash: bytes
    seq_first: int
    seq_last: int
    receipt_head: bytes
    receipts_root: bytes
    priority_count: int
    priority_hash: bytes
    withdrawals_root: bytes
    withdrawal_count: int
    withdrawal_total_e6: int
    liabilities_e6: int
    insurance_e6: int
    fees_e6: int
    shortfall_e6: int
    oracle_set_hash: bytes
    config_hash: bytes
    da_digest: bytes
    oracle_time_min_ms: int
    accounts_checked: int
    liquidation_age_max_ms: int
    sweep_age_ms: int
    void_count: int
    record_count: int
    flags: int

    def public_inputs(self, chain_id: int, exchange: bytes) -> bytes:
        """The 492 bytes, big-endian; `exchange` is the contract's address (20 bytes)."""
        parts = [MAGIC, chain_id.to_bytes(8, "big"), exchange]
        for name, width, is_hash in _PACKED:
            value = getattr(self, name)
            parts.append(value if is_hash else value.to_bytes(width, "big"))
        return b"".join(parts) + _PADDING

    def public_inputs_hash(self, chain_id: int, exchange: bytes) -> bytes:
        """What the batch guest outputs."""
        return keccak256(self.public_inputs(chain_id, exchange))

    def as_tuple(self) -> tuple[Any, ...]:
        """The fields in the order of the contract's struct."""
        return astuple(self)

    @classmethod
    def from_public_inputs(cls, data: bytes, chain_id: int, exchange: bytes) -> BatchHeader:
        """Reads the 492 bytes made for this chain and contract; raises PublicInputsInvalid for any others."""
        if len(data) != PUBLIC_INPUTS_BYTES:
            raise PublicInputsInvalid(f"public inputs: expected {PUBLIC_INPUTS_BYTES} bytes, found {len(data)}")
        prefix = MAGIC + chain_id.to_bytes(8, "big") + exchange
        if data[:_PREFIX_BYTES] != prefix:
            raise PublicInputsInvalid(f"public inputs: expected prefix {prefix.hex()}, found {data[:32].hex()}")
        if data[-len(_PADDING) :] != _PADDING:
            raise PublicInputsInvalid("public inputs: padding is not zero")
        values: dict[str, Any] = {}
        offset = _PREFIX_BYTES
        for name, width, is_hash in _PACKED:
            field = data[offset : offset + width]
            values[name] = field if is_hash else int.from_bytes(field, "big")
            offset += width
        return cls(**values)


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What the contract remembers of an executed batch, as a hash; `executed_at` is the block's time in seconds."""

    withdrawals_root: bytes
    receipts_root: bytes
    seq_first: int
    seq_last: int
    executed_at: int
    state_hash: bytes
    withdrawal_first: int

    def as_tuple(self) -> tuple[Any, ...]:
        """The fields in the order of the contract's struct."""
        return astuple(self)

    def hash(self) -> bytes:
        """keccak256 of the ABI encoding, as stored by the contract."""
        types = ["bytes32", "bytes32", "uint64", "uint64", "uint64", "bytes32", "uint64"]
        return keccak256(encode(types, self.as_tuple()))
