"""Fixed byte layouts as dataclasses: every field names its offset, whatever no field covers is zero padding.

Integers are little-endian. Decoding is strict: a wrong length or a non-zero padding byte is a CodecError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

from matching.errors import CodecError, CodecReason

_WIDTHS = {"B": 1, "H": 2, "I": 4, "i": 4, "Q": 8, "q": 8}


@dataclass(frozen=True, slots=True)
class _Slot:
    offset: int
    code: str  # struct character, "s" for raw bytes, "R" for nested structures
    count: int  # elements (bytes for "s"); 0 = a single scalar
    nested: type[Structure] | None = None

    @property
    def width(self) -> int:
        if self.nested is not None:
            return self.nested.SIZE * self.count
        return self.count if self.code == "s" else _WIDTHS[self.code] * max(1, self.count)

    @property
    def format(self) -> str:
        if self.nested is not None or self.code == "s":
            return f"{self.width}s"
        return f"{self.count or ''}{self.code}"


def _scalar(code: str, offset: int) -> Any:
    return field(default=0, metadata={"slot": _Slot(offset, code, 0)})


def u8(offset: int) -> Any:
    return _scalar("B", offset)


def u16(offset: int) -> Any:
    return _scalar("H", offset)


def u32(offset: int) -> Any:
    return _scalar("I", offset)


def i32(offset: int) -> Any:
    return _scalar("i", offset)


def u64(offset: int) -> Any:
    return _scalar("Q", offset)


def i64(offset: int) -> Any:
    return _scalar("q", offset)


def raw(offset: int, width: int) -> Any:
    """A byte string of fixed width."""
    return field(default=bytes(width), metadata={"slot": _Slot(offset, "s", width)})


def array(offset: int, code: str, count: int) -> Any:
    """`count` integers of one struct code, a list."""
    return field(default_factory=lambda: [0] * count, metadata={"slot": _Slot(offset, code, count)})


def nested(offset: int, kind: type[Structure], count: int) -> Any:
    """`count` structures of one kind, a list."""
    return field(
        default_factory=lambda: [kind() for _ in range(count)],
        metadata={"slot": _Slot(offset, "R", count, kind)},
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    packer: struct.Struct
    names: tuple[str, ...]
    slots: tuple[_Slot, ...]


def _layout(cls: type[Structure]) -> _Layout:
    layout = _layouts.get(cls)
    if layout is None:
        layout = _layouts[cls] = _new_layout(cls)
    return layout


def _new_layout(cls: type[Structure]) -> _Layout:
    pairs = sorted(((f.metadata["slot"], f.name) for f in fields(cls)), key=lambda pair: pair[0].offset)
    form, position = "<", 0
    for slot, name in pairs:
        if slot.offset < position:
            raise TypeError(f"{cls.__name__}.{name} overlaps its predecessor")
        form += f"{slot.offset - position}x{slot.format}"
        position = slot.offset + slot.width
    form += f"{cls.SIZE - position}x"
    return _Layout(struct.Struct(form), tuple(name for _, name in pairs), tuple(slot for slot, _ in pairs))


_layouts: dict[type, _Layout] = {}


@dataclass(slots=True)
class Structure:
    """Base of all fixed layouts; subclasses are dataclasses that set SIZE (bytes)."""

    SIZE: ClassVar[int] = 0

    def encode(self) -> bytes:
        """The SIZE bytes of this value. Raises CodecError(RANGE) when a value does not fit its field."""
        layout = _layout(type(self))
        values: list[Any] = []
        for slot, name in zip(layout.slots, layout.names, strict=True):
            value = getattr(self, name)
            if slot.code == "s":
                _check_width(type(self).__name__, name, slot.count, len(value))
                values.append(value)
            elif slot.count == 0:
                values.append(value)
            else:
                _check_width(type(self).__name__, name, slot.count, len(value))
                values.extend([b"".join(item.encode() for item in value)] if slot.nested else value)
        try:
            return layout.packer.pack(*values)
        except struct.error as error:
            raise CodecError(CodecReason.RANGE, f"{type(self).__name__}: {error}") from error

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Inverse of `encode`. Raises CodecError(LENGTH or PADDING)."""
        if len(data) != cls.SIZE:
            raise CodecError(CodecReason.LENGTH, f"{cls.__name__}: expected {cls.SIZE} bytes, found {len(data)}")
        layout = _layout(cls)
        flat = iter(layout.packer.unpack(data))
        values: dict[str, Any] = {}
        for slot, name in zip(layout.slots, layout.names, strict=True):
            if slot.code == "s" or slot.count == 0:
                values[name] = next(flat)
            elif slot.nested:
                values[name] = _split(slot.nested, next(flat))
            else:
                values[name] = [next(flat) for _ in range(slot.count)]
        value = cls(**values)
        if value.encode() != data:
            raise CodecError(CodecReason.PADDING, f"{cls.__name__}: a reserved byte is not zero")
        return value


def _split(kind: type[Structure], data: bytes) -> list[Structure]:
    return [kind.decode(data[i : i + kind.SIZE]) for i in range(0, len(data), kind.SIZE)]


def _check_width(owner: str, name: str, expected: int, found: int) -> None:
    if expected != found:
        raise CodecError(CodecReason.RANGE, f"{owner}.{name}: expected {expected} elements, found {found}")
