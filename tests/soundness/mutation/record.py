"""The committed record: every mutant of the Python verifier and of the contracts with the case that killed it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.soundness.mutation.outcome import Kill, Mutant, Outcome

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reports"
RECORD, REPORT = FOLDER / "mutations.json", FOLDER / "mutations.md"
PARTS = ("verifier", "contracts")

# Surviving mutants of checks, and why that is harmless.
REVIEWED: dict[Mutant, str] = {
    Mutant(
        "zk.pcs.merkle", "check_path_digests: if digests and (not hasher.is_canonical(digests))", "without `digests`"
    ): "equivalent: no digest at all is canonical; the condition saves the call",
}


def load(part: str) -> list[Outcome]:
    """The recorded outcomes of a part; none where it never ran."""
    if not RECORD.exists():
        return []
    rows = json.loads(RECORD.read_text())[part]
    return [
        Outcome(Mutant(place, rule, change), Kill(kill) if kill else None, killer, detail)
        for place, rule, change, kill, killer, detail in rows
    ]


def save(parts: Mapping[str, Iterable[Outcome]]) -> None:
    """Writes the parts; the others stay as they are."""
    rows = {part: [_row(o) for o in parts.get(part, load(part))] for part in PARTS}
    lines = [
        f' "{part}": [\n' + ",\n".join(f"  {json.dumps(row)}" for row in own) + "\n ]" for part, own in rows.items()
    ]
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _row(outcome: Outcome) -> list[str]:
    mutant = outcome.mutant
    return [mutant.place, mutant.rule, mutant.change, outcome.kill or "", outcome.killer, outcome.detail]
