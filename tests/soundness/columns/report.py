"""The report: every column of every chip, who refuses its changes, and which columns are free for which reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.soundness.columns.free import FREE, Free
from tests.soundness.columns.perturbations import STANDARD
from tests.soundness.columns.subject import Unit, all_units
from tests.soundness.columns.sweep import PADDING, ChipSweep, ColumnTally, sweep_chip

REPORT = Path(__file__).resolve().parents[3] / "docs" / "reports" / "columns.md"
_RULES_SHOWN = 3

_HEAD = """# Every column matters

Written by `make columns`; a test compares it with a new run. Rows of an honest run (every instruction on edge operands, memory in
all corners, every mode of the coprocessors) are changed one at a time, and the rest of the trace stays. A change is refused if a
constraint of the row fails, a tuple that it looks up is not in the table, or a bus no longer balances; the judge is exact, and a
test compares it with the trace checker.

Each column is moved by 1, 2^8, 2^16, 2^-16 (both signs) and 1/4, negated, flipped (1 - x), replaced by random elements, swapped
with other columns of its row and with the same column of other rows; it is moved together with a second column that is solved so
that one constraint or one form on a bus keeps its value; and in chains of up to five columns, each repairing what the one before
it broke. Counts are changes; a change that several rules refuse counts for each.
Preprocessed and virtual columns are not the prover's to choose: the verifying key or the verifier fixes them.

What this does not show: the rest of the trace stays as it was, so a changed output of a row is refused by the bus alone on which
the old value is expected, whether or not a constraint ties the output to what the row reads. A column whose only rule below is a
permutation bus (`STATE`, `MEM`, ..) is shown to reach the bus, no more. That outputs follow from inputs is judged by
`make determinism`.

Rows of padding (all selectors 0) may hold anything in their other columns, as every multiplicity is 0 there, which the
generator proves for each chip (`zk/air/rules.py`); changes of selectors are refused there too.
"""


@cache
def standard_sweeps() -> tuple[ChipSweep, ...]:
    """All chips at the standard effort."""
    return tuple(sweep_chip(unit.witness, unit.chip, STANDARD) for unit in all_units())


def render(sweeps: Sequence[ChipSweep], units: Sequence[Unit]) -> str:
    """The report as Markdown."""
    parts = [_HEAD, _summary(sweeps, units), _free_table(sweeps), *(_chip_section(sweep) for sweep in sweeps)]
    return "\n".join(parts)


def current_report() -> str:
    """The report of the code as it is."""
    return render(standard_sweeps(), all_units())


def _summary(sweeps: Sequence[ChipSweep], units: Sequence[Unit]) -> str:
    rows = []
    for sweep, unit in zip(sweeps, units, strict=True):
        tallies = sweep.columns.values()
        tried, refused = sum(t.tried for t in tallies), sum(t.refused for t in tallies)
        padding = sum(t.free[PADDING] for t in tallies)
        free = tried - refused - padding - len(sweep.unexplained)
        cells = (
            sweep.chip,
            unit.machine,
            sweep.rows,
            len(sweep.columns),
            tried,
            refused,
            padding,
            free,
            len(sweep.unexplained),
        )
        rows.append(" | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells))
    twins = ", ".join(f"{unit.chip} is also {' and '.join(unit.same)}" for unit in units if unit.same)
    head = "| chip | machine | rows | columns | changes | refused | on padding | free | unexplained |\n|---|---|--:|--:|--:|--:|--:|--:|--:|"
    body = "\n".join(f"| {row} |" for row in rows)
    return f"## Chips\n\n{head}\n{body}\n\nA chip that several machines share is perturbed once, in the first of them. Under other names: {twins}.\n"


def _free_table(sweeps: Sequence[ChipSweep]) -> str:
    used: Counter[Free | str] = Counter()
    for sweep in sweeps:
        for tally in sweep.columns.values():
            used += tally.free
    lines = []
    for number, ((chip, reason), entries) in enumerate(_grouped().items(), start=1):
        by_condition: dict[str, list[str]] = {}
        for entry in entries:
            by_condition.setdefault(entry.condition, []).append(" with ".join(entry.columns))
        where = "; ".join(f"{', '.join(columns)} where `{condition}`" for condition, columns in by_condition.items())
        accepted = sum(used[entry] for entry in entries)
        lines.append(f"| {number} | {chip} | {where} | {accepted:,} | {_cell(reason)} |")
    head = "| | chip | columns | accepted | why that is harmless |\n|--:|---|---|--:|---|"
    return "## Free columns\n\n" + "\n".join([head, *lines]) + "\n"


def _grouped() -> dict[tuple[str, str], list[Free]]:
    """The entries of the table by chip and reason."""
    groups: dict[tuple[str, str], list[Free]] = {}
    for entry in FREE:
        groups.setdefault((entry.chip, entry.reason), []).append(entry)
    return groups


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _chip_section(sweep: ChipSweep) -> str:
    lines = [_column_line(name, tally) for name, tally in sweep.columns.items()]
    head = "| column | changes | refused by | free |\n|---|--:|---|---|"
    unexplained = "".join(f"\nUNEXPLAINED: {change}\n" for change in sweep.unexplained[:20])
    return f"## {sweep.chip}\n\n" + "\n".join([head, *lines]) + f"\n{unexplained}"


def _column_line(name: str, tally: ColumnTally) -> str:
    rules = sorted(tally.rules.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{_cell(rule)} {count:,}" for rule, count in rules[:_RULES_SHOWN])
    if len(rules) > _RULES_SHOWN:
        shown += f", {len(rules) - _RULES_SHOWN} more"
    free: Counter[int] = Counter()
    groups = list(_grouped())
    for entry, count in tally.free.items():
        if isinstance(entry, Free):
            free[groups.index((entry.chip, entry.reason)) + 1] += count
    reasons = ", ".join(f"{count:,} ({number})" for number, count in sorted(free.items()))
    return f"| {name} | {tally.tried:,} | {shown} | {reasons} |"
