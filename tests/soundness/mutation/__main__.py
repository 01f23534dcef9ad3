"""`python -m tests.soundness.mutation [air] [verifier] [contracts]`: runs these parts (all by default) and writes the report.

Exit status 1 where a mutant survives that nobody has reviewed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.soundness.mutation import air, record
from tests.soundness.mutation.outcome import Outcome
from tests.soundness.mutation.report import render
from tests.soundness.mutation.verifier import verifier_outcomes


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=("air", "verifier", "contracts", []), help="all by default")
    chosen = parser.parse_args().parts or ("air", "verifier", "contracts")
    runs: dict[str, Callable[[], list[Outcome]]] = {"verifier": verifier_outcomes, "contracts": _contract_outcomes}
    found = {part: _timed(part, run) for part, run in runs.items() if part in chosen}
    record.save(found)
    chips = _timed("air", air.all_outcomes)  # quick, and the report needs it
    parts = [chips, record.load("verifier"), record.load("contracts")]
    record.REPORT.write_text(render(*parts))
    reviewed = {**air.REVIEWED, **record.REVIEWED}
    survivors = [o.mutant for part in parts for o in part if o.survived and o.mutant not in reviewed]
    for mutant in survivors:
        print(f"survived: {mutant}", file=sys.stderr)
    return 1 if survivors else 0


def _contract_outcomes() -> list[Outcome]:
    from tests.soundness.mutation.contracts import contract_outcomes  # needs the contract tools

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        return contract_outcomes(Path(folder) / "contracts")


def _timed(part: str, run: Callable[[], list[Outcome]]) -> list[Outcome]:
    start = time.perf_counter()
    outcomes = run()
    survived = sum(outcome.survived for outcome in outcomes)
    print(f"{part}: {len(outcomes)} mutants, {survived} survived, {time.perf_counter() - start:.0f} s", flush=True)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
