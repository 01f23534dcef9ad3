"""The golden proof of a guest: a program of a few instructions, written as words so that no compiler has a say.

The file holds the digest of the proof, not its 100 kB: they are made again from the program, byte for byte on every device.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from gpu.device import Device
from tests.soundness.golden import as_line, golden_path, write_golden
from tests.soundness.transcript_record import record_transcript
from tests.unit.vm import assembler
from zk.configuration import ConfigName
from zk.vm.elf import GuestProgram
from zk.vm.keys import GuestKeys, guest_keys
from zk.vm.proving import prove_guest

LOG_ROWS_MAX = 14
HINTS = (3, 7)


def program() -> GuestProgram:
    """Reads two hints, multiplies, divides, stores, loads, and commits what it found."""
    words = [*assembler.call(1), assembler.immediate_form("addi", 5, 10, 0)]
    words += [*assembler.call(1), assembler.immediate_form("addi", 6, 10, 0)]
    words += [assembler.register_form("mul", 7, 5, 6), assembler.register_form("divu", 8, 7, 5)]
    words += [*assembler.constant(30, assembler.DATA), assembler.store("sw", 7, 30, 4), assembler.load("lw", 11, 30, 4)]
    words += [*assembler.constant(17, 2), *assembler.constant(10, 0), assembler.ECALL]
    return assembler.program(words + assembler.finish(0, first=1), [5])


def keys(config: ConfigName, device: Device) -> GuestKeys:
    """The key of the program as the machine is now."""
    return guest_keys(program(), config, device=device, log_rows_max=LOG_ROWS_MAX)


def description(config: ConfigName, device: Device) -> dict[str, Any]:
    """Proves the program: what the golden file holds."""
    own = keys(config, device)
    proven = prove_guest(own, np.array(HINTS, np.uint32), device)
    return {
        "instruction_words": program().instruction_words.tolist(),
        "image_id": program().image_id.hex(),
        "hints": list(HINTS),
        "key_digest": own.verifying.digest.hex(),
        "public_values": proven.public_values,
        "proof_bytes": len(proven.proof),
        "proof_sha256": hashlib.sha256(proven.proof).hexdigest(),
        "transcript": record_transcript(own.verifying, proven.proof).as_json(),
    }


def read(config: ConfigName) -> dict[str, Any]:
    """The golden file."""
    value: dict[str, Any] = json.loads(golden_path(config, "json", "guest").read_text())
    return value


def write(config: ConfigName, device: Device) -> None:
    """Writes the golden file. It gives way where the machine has another key, not where equal keys give another proof."""
    path, content = golden_path(config, "json", "guest"), description(config, device)
    if path.exists() and read(config)["key_digest"] != content["key_digest"]:
        path.unlink()
    write_golden(path, as_line(content))
