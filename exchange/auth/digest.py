"""The digest a native request is signed over, form (a) of decision 7, hashed by the native core where it is built.

`matching.codec.signing_digest` is the readable form of the same bytes; pure Python Poseidon2 takes 3 ms per request.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from importlib import import_module
from typing import cast

from exchange.venue import VenueId
from matching.codec import Command, canonical_body
from matching.spec.poseidon2 import absorb as absorb_readable

TAG_REQUEST = 8
Absorb = Callable[[bytes], bytes]


def _find_absorb() -> Absorb:
    try:
        native = cast(Callable[[int, bytes, int], bytes], import_module("matching._core").absorb)
    except (ImportError, AttributeError):
        return lambda data: absorb_readable(TAG_REQUEST, data)
    return lambda data: native(TAG_REQUEST, data, 0)


_absorb = _find_absorb()


def compute_request_digest(venue: VenueId, command: Command) -> bytes:
    """32 bytes: absorb(8, chain id | contract | zero 4 | canonical body | nonce | account | zero 4 | expires_ms)."""
    head = struct.pack("<Q20s4x", venue.chain_id, venue.exchange)
    tail = struct.pack("<QI4xQ", command.nonce, command.account, command.expires_ms)
    return _absorb(head + canonical_body(command.body) + tail)
