"""Commands: the 48-byte header of rules 4.1 and one body."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from matching.codec.bodies import COMMAND_BODIES, CancelItem, CancelOrders, CommandBody, ModifyItem, ModifyOrders
from matching.codec.codes import SIGNED_KINDS, CommandKind
from matching.codec.layout import Structure, u8, u16, u32, u64
from matching.errors import CodecError, CodecReason

VERSION = 1


@dataclass(slots=True)
class CommandHeader(Structure):
    """The 48 bytes before every command body (rules 4.1)."""

    SIZE: ClassVar[int] = 48
    kind: int = u16(0)
    version: int = u16(2)
    body_len: int = u32(4)
    seq: int = u64(8)
    account: int = u32(16)
    signer_slot: int = u8(20)
    nonce: int = u64(24)
    expires_ms: int = u64(32)
    payload_tag: int = u64(40)


@dataclass(slots=True)
class Command:
    """A command; kind, version and body_len of the header follow from the body."""

    seq: int
    body: CommandBody
    account: int = 0
    signer_slot: int = 0
    nonce: int = 0
    expires_ms: int = 0
    payload_tag: int = 0

    @property
    def kind(self) -> CommandKind:
        return self.body.KIND

    def encode(self) -> bytes:
        """Header and body. Raises CodecError(RANGE or COUNT)."""
        body = self.body.encode()
        header = CommandHeader(
            self.kind,
            VERSION,
            len(body),
            self.seq,
            self.account,
            self.signer_slot,
            self.nonce,
            self.expires_ms,
            self.payload_tag,
        )
        return header.encode() + body


def decode_command(data: bytes) -> Command:
    """The command of these bytes, every later kind included. Raises CodecError with its reason."""
    header = CommandHeader.decode(data[: CommandHeader.SIZE])
    if header.kind not in COMMAND_BODIES:
        raise CodecError(CodecReason.ENUM, f"command kind {header.kind} is unknown")
    kind = CommandKind(header.kind)
    if header.version != VERSION:
        raise CodecError(CodecReason.ENUM, f"version: expected {VERSION}, found {header.version}")
    if header.body_len != len(data) - CommandHeader.SIZE:
        raise CodecError(
            CodecReason.LENGTH, f"body_len {header.body_len}, found {len(data) - CommandHeader.SIZE} bytes of body"
        )
    unsigned_fields = (header.account, header.signer_slot, header.nonce, header.expires_ms, header.payload_tag)
    if kind not in SIGNED_KINDS and any(unsigned_fields):
        raise CodecError(CodecReason.PADDING, f"{kind.name}: signer fields of an unsigned command are not zero")
    return Command(
        header.seq,
        COMMAND_BODIES[kind].decode(data[CommandHeader.SIZE :]),
        header.account,
        header.signer_slot,
        header.nonce,
        header.expires_ms,
        header.payload_tag,
    )


def split_commands(data: bytes) -> list[bytes]:
    """Cuts concatenated commands at their headers' lengths. Raises CodecError(LENGTH) on a cut-off command."""
    commands = []
    position = 0
    while position < len(data):
        if len(data) - position < CommandHeader.SIZE:
            raise CodecError(CodecReason.LENGTH, f"{len(data) - position} bytes left of a header")
        end = position + CommandHeader.SIZE + int.from_bytes(data[position + 4 : position + 8], "little")
        if end > len(data):
            raise CodecError(CodecReason.LENGTH, f"a command of {end - position} bytes is cut off")
        commands.append(data[position:end])
        position = end
    return commands


def without_hints(body: CommandBody) -> CommandBody:
    """The body with every `hint` zero: hints are the sequencer's and are not signed (decision 26)."""
    if isinstance(body, CancelOrders):
        return CancelOrders([CancelItem(item.market, item.by_client, 0, item.id) for item in body.items])
    if isinstance(body, ModifyOrders):
        return ModifyOrders([ModifyItem(item.market, item.by_client, 0, item.id, item.leg) for item in body.items])
    return replace(body)


def canonical_body(body: CommandBody) -> bytes:
    """What a user signs of a body: `kind u16, version u16, body_len u32, body` without hints (decision 26)."""
    data = without_hints(body).encode()
    return body.KIND.to_bytes(2, "little") + VERSION.to_bytes(2, "little") + len(data).to_bytes(4, "little") + data
