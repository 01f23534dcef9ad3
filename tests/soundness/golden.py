"""Writes the golden proofs of the toy machine: `python -m tests.soundness.golden`. A change of their bytes is a change of format.

tests/vectors/toy_<config>_v1.proof: the proof. The .json beside it: the verifying key in words, its canonical bytes, and every
challenge, message, claim and query position by name, as `verify_traced` returns them.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gpu.device import Device
from tests.soundness import toy
from zk.configuration import ConfigName
from zk.machine.keys import ProvingKey, VerifyingKey, canonical_bytes, setup
from zk.machine.params import ParameterSetName
from zk.machine.prover import prove
from zk.machine.shape import ChipKey
from zk.machine.verifier import verify_traced

FOLDER = Path(__file__).resolve().parent.parent / "vectors"
SETS: dict[ConfigName, ParameterSetName] = {"P2": "APP", "K": "ROOT"}
STATEMENT = {"steps": 300, "jumps": 5, "log_height": 9, "seed": 2026}


def golden_path(config: ConfigName, suffix: str) -> Path:
    """A file of the golden proof."""
    return FOLDER / f"toy_{config}_v1.{suffix}"


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
    from gpu.reference import ReferenceDevice

    FOLDER.mkdir(exist_ok=True)
    device = ReferenceDevice()
    for config in SETS:
        _, key = golden_keys(config, device)
        proof = golden_proof(config, device)
        (FOLDER / f"toy_{config}_v1.proof").write_bytes(proof)
        record = {"verifying_key": description(key), "values": verify_traced(key, proof)}
        (FOLDER / f"toy_{config}_v1.json").write_text(json.dumps(record, indent=None, separators=(",", ":")) + "\n")
        print(f"toy_{config}_v1: {len(proof)} bytes")


if __name__ == "__main__":
    main()
