"""JSON messages as fuzzing input."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from tests.fuzz.targets import mutate_bytes

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**64, 10**400, 0.5, 1e308, float("nan"), float("inf"), "", "\0", "\ud800", "P2", "x" * 300,
    "[/red]", [], [[]], ["P2", 1], {}, {"id": 1}, [["cycles", 1]],
)  # fmt: skip


def mutate_json(data: bytes, randomness: Random) -> bytes:
    """A value anywhere in the document becomes an odd one, a member vanishes or is added, all is nested deeply; or blind changes."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, randomness)
    match randomness.randrange(8):
        case 0:
            return mutate_bytes(data, randomness)
        case 1:
            depth = randomness.choice((10, 900, 100_000))
            return b"[" * depth + data + b"]" * depth
    return json.dumps(_changed(document, randomness)).encode()


def _changed(value: Any, randomness: Random) -> Any:
    """The value with one change somewhere below it."""
    if isinstance(value, dict) and value and randomness.random() < 0.9:
        key = randomness.choice(list(value))
        match randomness.randrange(6):
            case 0:
                return {k: v for k, v in value.items() if k != key}
            case 1:
                return {**value, randomness.choice(("verify", "progress", "error", "id", "x")): randomness.choice(ODD)}
        return {**value, key: _changed(value[key], randomness)}
    if isinstance(value, list) and value and randomness.random() < 0.8:
        position = randomness.randrange(len(value))
        return [*value[:position], _changed(value[position], randomness), *value[position + 1 :]]
    return randomness.choice(ODD)
