"""Writes the golden proofs: `python -m tests.soundness.golden`. A change of their bytes is a change of format.

tests/vectors/toy_<config>_v<n>.proof: the proof of the toy machine. The .json beside it: the verifying key in words, its canonical
bytes, and every challenge, message, claim and query position by name, as `verify_traced` returns them.
tests/vectors/transcript_<config>_v<n>.json: all that its verifier absorbs and draws, in order; replayed by Python, by the native
kernels and by the contracts' library (see transcript_record.py).
tests/vectors/guest_<config>_v<n>.json: a small RV32IM program, its key and its transcript, with the digest of the proof.

n is the version in the header of proofs. A file of the same version is never overwritten by other bytes: raise
`zk.machine.proof.VERSION` instead. The guest's file alone may be written again when the machine, and so its key, has changed.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gpu.device import Device
from tests.soundness import toy
from tests.soundness.transcript_record import record_transcript
from zk.configuration import ConfigName
from zk.machine.keys import ProvingKey, VerifyingKey, canonical_bytes, setup
from zk.machine.params import ParameterSetName
from zk.machine.proof import VERSION
from zk.machine.prover import prove
from zk.machine.shape import ChipKey
from zk.machine.verifier import verify_traced

FOLDER = Path(__file__).resolve().parent.parent / "vectors"
SETS: dict[ConfigName, ParameterSetName] = {"P2": "APP", "K": "ROOT", "KA": "APP_K"}
STATEMENT = {"steps": 300, "jumps": 5, "log_height": 9, "seed": 2026}


class FormatChanged(Exception):
    """A golden file of this version exists with other bytes."""


def golden_path(config: ConfigName, suffix: str, name: str = "toy") -> Path:
    """A golden file of the current version."""
    return FOLDER / f"{name}_{config}_v{VERSION}.{suffix}"


def write_golden(path: Path, content: bytes) -> None:
    """Writes a golden file once. Raises FormatChanged where one with other bytes is there."""
    if path.exists() and path.read_bytes() != content:
        raise FormatChanged(f"{path.name}: the bytes changed: raise zk.machine.proof.VERSION (now {VERSION})")
    path.write_bytes(content)


def golden_keys(config: ConfigName, device: Device) -> tuple[ProvingKey, VerifyingKey]:
    """The keys of the golden proofs."""
    return setup(toy.machine(), toy.rom_columns(), config, SETS[config], device)


def golden_proof(config: ConfigName, device: Device) -> bytes:
    """Proves the golden statement."""
    pk, _ = golden_keys(config, device)
    honest = toy.statement(**STATEMENT)
    return prove(pk, honest.traces, honest.public_values, device)


def description(key: VerifyingKey) -> dict[str, Any]:
    """A verifying key in words."""
    return {
        "config": key.configuration.name,
        "parameter_set": key.parameters.name,
        "digest": key.digest.hex(),
        "canonical_bytes": canonical_bytes(key).hex(),
        "log_rows_min": key.log_rows_min,
        "admissible": [list(pair) for pair in key.admissible],
        "preprocessed_roots": {str(rows): root.hex() for rows, root in key.preprocessed_roots.items()},
        "whir_rows": {
            f"{rows},{width}": asdict(key.parameters.rows[rows + width, width]) for rows, width in key.admissible
        },
        "chips": [_chip_description(chip) for chip in key.chips],
        "public_terms": "STATE(bus 1): +1 (0, pv[0]); -1 (pv[2], pv[1]). Rules: pv[2] <= 1024, pv[3] < 65536",
    }


def _chip_description(chip: ChipKey) -> dict[str, Any]:
    """A chip in words; what only shards have is left out where it is not used."""
    words = asdict(chip)
    return (
        words if chip.boundary else {name: words[name] for name in words if name not in ("boundary", "global_program")}
    )


def main() -> None:
    """Writes all files."""
    from gpu import default_device
    from tests.soundness import golden_guest

    FOLDER.mkdir(exist_ok=True)
    device = default_device()
    for config in SETS:
        _, key = golden_keys(config, device)
        proof = golden_proof(config, device)
        write_golden(golden_path(config, "proof"), proof)
        record = {"verifying_key": description(key), "values": verify_traced(key, proof)}
        write_golden(golden_path(config, "json"), as_line(record))
        write_golden(golden_path(config, "json", "transcript"), as_line(record_transcript(key, proof).as_json()))
        golden_guest.write(config, device)
        print(f"{config}: proof of {len(proof)} bytes")


def as_line(value: dict[str, Any]) -> bytes:
    """JSON without spaces, one line."""
    return (json.dumps(value, indent=None, separators=(",", ":")) + "\n").encode()


if __name__ == "__main__":
    main()
