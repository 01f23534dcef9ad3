"""`blindbook zkvm profile`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zk.commands.zkvm.options import (
    Config,
    ConfigOption,
    Coprocessor,
    CoprocessorsOption,
    ElfArgument,
    HintOption,
    HintsOption,
    JsonOption,
    QuietOption,
    coprocessor_names,
    hint_words,
)
from zk.commands.zkvm.output import (
    EXIT_REFUSED,
    described_faults,
    identity,
    print_result,
    progress_bars,
    reported_errors,
)
from zk.files import check_writable, write_atomically
from zk.flame_graph import flame_graph, folded
from zk.vm.elf import FILE_BYTES_LIMIT, read_elf

if TYPE_CHECKING:
    from zk.vm.profile import Profile


class Weight(StrEnum):
    """What flame graph and folded stacks measure."""

    CYCLES = "cycles"
    CELLS = "cells"


def profile(
    elf: ElfArgument,
    hints: HintsOption = None,
    hint: HintOption = None,
    config: ConfigOption = Config.P2,
    coprocessor: CoprocessorsOption = [Coprocessor.P2],  # noqa: B006 (typer reads it, nobody changes it)
    max_cycles: Annotated[int, typer.Option(min=1, max=2**29 - 1, help="Give up after this many.")] = 2**29 - 1,
    top: Annotated[int, typer.Option(min=1, help="Lines of each table.")] = 20,
    flame: Annotated[Path | None, typer.Option("--flame", help="Write a flame graph (SVG).")] = None,
    stacks: Annotated[Path | None, typer.Option("--folded", help="Write folded stacks, one line a call path.")] = None,
    weight: Annotated[Weight, typer.Option("--weight", help="What --flame and --folded measure.")] = Weight.CYCLES,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Execute a guest and show its cycles by function and the cells of its proof by chip."""
    from zk.files import read_bytes
    from zk.shards.programs import shard_size
    from zk.vm.keys import TWINS
    from zk.vm.machine import rv32im_machine
    from zk.vm.profile import profile_guest

    with reported_errors(as_json), progress_bars(as_json, quiet) as report:
        program, words, names = read_elf(elf), hint_words(hints, hint), coprocessor_names(coprocessor)
        for path in (flame, stacks):
            if path is not None:
                check_writable(path)
        report("profile", 0.0)
        machine, _ = rv32im_machine(program, names, twins=TWINS[config.value])
        content = read_bytes(elf, FILE_BYTES_LIMIT)
        with described_faults(elf, program, words, names):
            result = profile_guest(program, content, machine, words, names, max_cycles, shard_size(config.value)[0])
        weights = {path: int(getattr(cost, weight.value)) for path, cost in result.paths.items()}
        if flame is not None:
            title = f"{elf.name}: {sum(weights.values()):,} {weight.value}"
            write_atomically(flame, flame_graph(weights, title, weight.value).encode())
        if stacks is not None:
            write_atomically(stacks, folded(weights).encode())
    if as_json:
        print_result({**identity(program), **_as_dict(result)}, as_json)
    elif not quiet:
        _print_profile(result, identity(program), top)
    if result.exit_code:
        raise typer.Exit(EXIT_REFUSED)


def _as_dict(profile: Profile) -> dict[str, Any]:
    proof = profile.proof
    return {
        "cycles": profile.cycles,
        "exit_code": profile.exit_code,
        "hints_read": profile.hints_read,
        "outputs": list(profile.outputs),
        "functions": [asdict(function) for function in profile.functions()],
        "paths": [{"path": list(path), **asdict(cost)} for path, cost in profile.paths.items()],
        "rows": dict(profile.rows),
        "proof": None
        if proof is None
        else {
            "used_cells": proof.used_cells,
            "committed_cells": proof.committed_cells,
            "log_rows": proof.log_rows,
            "log_size": proof.log_size,
            "chips": [{**asdict(chip), "cells": chip.cells} for chip in proof.chips],
        },
    }


def _print_profile(profile: Profile, head: dict[str, Any], top: int) -> None:
    cells = sum(cost.cells for cost in profile.paths.values())
    print_result({**head, "cycles": profile.cycles, "exit_code": profile.exit_code, "row_cells": cells}, False)
    print()
    lines = [
        (
            f"{f.cycles:,}",
            _share(f.cycles, profile.cycles),
            f"{f.cumulative_cycles:,}",
            _share(f.cumulative_cycles, profile.cycles),
            f"{f.calls:,}",
            f"{f.cells:,}",
            f.name,
        )
        for f in profile.functions()[:top]
    ]
    _print_table(("cycles", "%", "with callees", "%", "calls", "cells", "function"), lines)
    heaviest = sorted(profile.paths.items(), key=lambda item: -item[1].cycles)[:top]
    paths = [
        (f"{cost.cycles:,}", _share(cost.cycles, profile.cycles), f"{cost.calls:,}", " > ".join(path))
        for path, cost in heaviest
    ]
    _print_table(("cycles", "%", "calls", "call path"), paths)
    if profile.proof is None:
        print("The run is proven in several shards. Its rows by chip:")
        _print_table(("rows", "chip"), [(f"{count:,}", name) for name, count in profile.rows.items()])
        return
    proof = profile.proof
    chips = [
        (
            f"{c.rows:,}" if c.rows else "table",
            f"2^{c.log_height}",
            f"{c.columns}",
            f"{c.cells:,}",
            _share(c.cells, proof.used_cells),
            c.chip,
        )
        for c in sorted(proof.chips, key=lambda chip: -chip.cells)[:top]
    ]
    _print_table(("rows", "height", "columns", "cells", "%", "chip"), chips)
    print(
        f"proof: {proof.used_cells:,} used cells, {proof.committed_cells:,} committed, 2^{proof.log_rows} stacked rows"
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f}"


def _print_table(heading: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Aligned columns, numbers to the right, the name at the end; an empty line follows."""
    table = [heading, *lines]
    widths = [max(len(line[i]) for line in table) for i in range(len(heading) - 1)]
    for line in table:
        print("  ".join([*(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=False)), line[-1]]))
    print()
