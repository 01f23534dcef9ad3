"""Writes the report: `python -m tests.soundness.columns`."""

from __future__ import annotations

import sys

from tests.soundness.columns.report import REPORT, current_report, standard_sweeps


def main() -> int:
    """Writes the report and names what is unexplained; the exit code says whether something is."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(current_report())
    unexplained = [change for sweep in standard_sweeps() for change in sweep.unexplained]
    print(f"{REPORT}: {sum(len(s.columns) for s in standard_sweeps())} columns, {len(unexplained)} unexplained changes")
    for change in unexplained[:50]:
        print(f"  {change}")
    return int(bool(unexplained))


if __name__ == "__main__":
    sys.exit(main())
