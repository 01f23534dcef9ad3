"""Arguments and options that several sub-commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from zk.files import read_words


class Config(StrEnum):
    """Configuration of the proof system."""

    P2 = "P2"
    K = "K"
    KA = "KA"


class Coprocessor(StrEnum):
    """Coprocessor calls that a machine may have."""

    P2 = "P2"
    P2_PATH = "P2_PATH"
    EXT_DOT = "EXT_DOT"


def _word(text: str) -> int:
    try:
        word = int(text, 0)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no number") from None
    if not 0 <= word < 1 << 32:
        raise typer.BadParameter(f"{text} is not a 32-bit word")
    return word


ElfArgument = Annotated[Path, typer.Argument(metavar="ELF", help="Guest program (ELF32 RISC-V).", show_default=False)]
HintsOption = Annotated[Path | None, typer.Option("--hints", help="File of private words, little-endian u32.")]
HintOption = Annotated[
    list[int] | None,
    typer.Option("--hint", parser=_word, metavar="WORD", help="One private word, decimal or 0x...; may be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ConfigOption = Annotated[
    Config,
    typer.Option(
        "--config",
        help="P2: Poseidon2. K: Keccak, for verification on chain. KA: Keccak, proven faster, larger proofs.",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors; the exit status tells.")]
CoprocessorsOption = Annotated[
    list[Coprocessor],
    typer.Option("--coprocessor", help="Call that the machine has; may be repeated (part of the key)."),
]
LogRowsOption = Annotated[
    int | None,
    typer.Option(
        "--log-rows", min=14, max=23, help="Largest log2 of stacked rows that the key admits (part of the key)."
    ),
]


def hint_words(path: Path | None, words: list[int] | None) -> NDArray[np.uint32]:
    """The private words of a run: those given one by one, then those of the file. Raises InputFileError."""
    from_file = read_words(path) if path is not None else np.zeros(0, np.uint32)
    return np.concatenate([np.array(words or [], np.uint32), from_file])


def coprocessor_names(coprocessors: list[Coprocessor]) -> tuple[str, ...]:
    """In the order of the machine, so that the order of the options does not matter."""
    return tuple(name.value for name in Coprocessor if name in coprocessors)
