"""`python -m zk.determinism [CHIP ...]`: proves the claims about the rows of the chips, and prints them."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from zk.determinism.report import chips_without_cases, distinct_chips, prove_chips, table_of


def main() -> int:
    """0 where every claim is proven, else 1."""
    parser = argparse.ArgumentParser(prog="python -m zk.determinism", description=__doc__)
    parser.add_argument("chips", nargs="*", metavar="CHIP", help="names of chips; default: all of the machines")
    parser.add_argument("--processes", type=int, default=1, help="how many chips are proven at once")
    options = parser.parse_args()
    known = list(distinct_chips())
    unknown = sorted(set(options.chips) - set(known))
    if unknown:
        parser.error(f"chips {unknown} are unknown; expected some of {known}")
    console = Console()
    findings = []
    for group in prove_chips(options.chips or known, options.processes):
        if group:
            console.print(table_of(group))
        findings += group
    exempt = [name for name in options.chips or known if name in chips_without_cases()]
    if exempt:
        console.print(
            f"no claims about {', '.join(exempt)}: tables, whose rows are what the contracts say (tests/determinism)"
        )
    still_open = [finding for finding in findings if not finding.proven]
    console.print(f"{len(findings) - len(still_open)} of {len(findings)} claims proven")
    return 1 if still_open else 0


if __name__ == "__main__":
    sys.exit(main())
