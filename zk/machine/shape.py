"""Shapes: everything that follows from a verifying key and the heights of a proof (proof system, section 6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpu.program import ChipProgram
from zk.multilinear.zerocheck import Segment

MAIN, PREPROCESSED, BOUNDARY = "main", "preprocessed", "boundary"
LOG_HEIGHT_MIN = 4


@dataclass(frozen=True, slots=True)
class ChipKey:
    """What a verifying key says of a chip. The main columns of a `boundary` chip are committed in a tree of their own (section 15);
    `global_program` holds its interactions across shards."""

    program: ChipProgram
    log_height_min: int
    log_height_max: int
    optional: bool
    boundary: bool = False
    global_program: ChipProgram | None = None


@dataclass(frozen=True, slots=True)
class ColumnPlace:
    """A committed column: chip number, column number in the chip, stacked index of its first cell, log2 height."""

    chip: int
    column: int
    offset: int
    log_height: int


@dataclass(frozen=True, slots=True)
class TreeLayout:
    """One committed tree: its first stack column, its width in stack columns, its columns in order."""

    name: str
    start: int
    width: int
    columns: tuple[ColumnPlace, ...]

    @property
    def cells(self) -> int:
        """Used cells."""
        return sum(1 << column.log_height for column in self.columns)


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of one proof. `heights` by chip number in key order, None where absent; `order` is sigma."""

    heights: tuple[int | None, ...]
    order: tuple[int, ...]
    log_rows: int
    log_width: int
    trees: tuple[TreeLayout, ...]
    segments: tuple[Segment, ...]
    log_leaves: int
    log_height_max: int
    global_segments: tuple[Segment, ...]
    log_global_leaves: int
    log_boundary_height_max: int

    @property
    def log_size(self) -> int:
        """n, the number of stacked variables."""
        return self.log_rows + self.log_width

    @property
    def columns(self) -> Iterator[ColumnPlace]:
        """All committed columns in the order of the column evaluations."""
        return (column for tree in self.trees for column in tree.columns)

    @property
    def present(self) -> tuple[int, ...]:
        """Numbers of the present chips in key order."""
        return tuple(number for number, height in enumerate(self.heights) if height is not None)


def default_log_width(cells: int) -> int:
    """kappa*: the number of fold variables of the first WHIR round for this many main cells."""
    if cells <= 1 << 21:
        return 5
    return 6 if cells <= 1 << 24 else 7


def ceil_log2(value: int) -> int:
    """Smallest k with 2^k >= value, for value >= 1."""
    return (value - 1).bit_length()


def main_cells(chips: Sequence[ChipKey], heights: Sequence[int | None]) -> int:
    """Cells of all main columns, those of boundary chips included."""
    return sum(chip.program.main_count << h for chip, h in zip(chips, heights, strict=True) if h is not None)


def fold_cells(shape: Shape) -> int:
    """The cells that decide the number of fold variables: those of all main columns."""
    return sum(tree.cells for tree in shape.trees if tree.name != PREPROCESSED)


def derive_shape(chips: Sequence[ChipKey], heights: Sequence[int | None], log_rows_min: int) -> Shape:
    """The shape for heights that lie within the bounds of the key."""
    order = tuple(sorted((c for c, h in enumerate(heights) if h is not None), key=lambda c: (-_height(heights, c), c)))
    cells = main_cells(chips, heights)
    log_rows = max(log_rows_min, ceil_log2(max(cells, 1)) - default_log_width(cells))
    main_columns, boundary_columns = (
        [(c, column) for c in order if chips[c].boundary is apart for column in range(chips[c].program.main_count)]
        for apart in (False, True)
    )
    preprocessed = [
        (c, chips[c].program.main_count + column)
        for c in order
        for column in range(chips[c].program.preprocessed_count)
    ]
    trees: list[TreeLayout] = []
    for name, columns in ((MAIN, main_columns), (PREPROCESSED, preprocessed), (BOUNDARY, boundary_columns)):
        if columns:
            trees.append(_place_tree(name, columns, heights, log_rows, trees[-1] if trees else None))
    width = trees[-1].start + trees[-1].width
    segments, used = _place_segments({c: chips[c].program for c in order}, heights)
    shared = {c: program for c in order if (program := chips[c].global_program) is not None}
    global_segments, global_used = _place_segments(shared, heights)
    return Shape(
        heights=tuple(heights),
        order=order,
        log_rows=log_rows,
        log_width=ceil_log2(width),
        trees=tuple(trees),
        segments=segments,
        log_leaves=ceil_log2(used),
        log_height_max=max(_height(heights, c) for c in order),
        global_segments=global_segments,
        log_global_leaves=ceil_log2(max(global_used, 1)),
        log_boundary_height_max=max((_height(heights, c) for c in order if chips[c].boundary), default=0),
    )


def _height(heights: Sequence[int | None], chip: int) -> int:
    height = heights[chip]
    if height is None:
        raise ValueError(f"chip {chip} is absent")
    return height


def _place_tree(
    name: str,
    columns: Sequence[tuple[int, int]],
    heights: Sequence[int | None],
    log_rows: int,
    previous: TreeLayout | None,
) -> TreeLayout:
    """Columns at running offsets. The start is a multiple of the highest column, so every offset is one of its length."""
    highest = max(_height(heights, chip) for chip, _ in columns)
    step = 1 << max(0, highest - log_rows)
    end = previous.start + previous.width if previous else 0
    start = -(-end // step) * step
    offset = start << log_rows
    places = []
    for chip, column in columns:
        height = _height(heights, chip)
        places.append(ColumnPlace(chip, column, offset, height))
        offset += 1 << height
    cells = offset - (start << log_rows)
    return TreeLayout(name, start, -(-cells >> log_rows), tuple(places))


def _place_segments(
    programs: Mapping[int, ChipProgram], heights: Sequence[int | None]
) -> tuple[tuple[Segment, ...], int]:
    """Segments of the interactions of these chips, in the given order, and the leaves that they use."""
    segments = []
    offset = 0
    for chip, program in programs.items():
        height = _height(heights, chip)
        for interaction in range(len(program.interactions)):
            segments.append(Segment(chip, interaction, offset, height))
            offset += 1 << height
    return tuple(segments), offset
