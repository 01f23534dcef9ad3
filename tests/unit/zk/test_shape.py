"""Shapes and the index map against direct constructions (proof system, section 6)."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gpu.program import ChipProgram, InteractionProgram, Node, Op
from zk.machine.keys import stack_preprocessed
from zk.machine.shape import ChipKey, Shape, ceil_log2, default_log_width, derive_shape


def _chip(name: str, main: int, preprocessed: int = 0, interactions: int = 1) -> ChipKey:
    program = ChipProgram(
        name=name,
        main_count=main,
        preprocessed_count=preprocessed,
        virtual=(),
        nodes=(Node(Op.CONST, 1),),
        constraints=(),
        interactions=tuple(InteractionProgram(1, 0, (0,)) for _ in range(interactions)),
    )
    return ChipKey(program, 4, 22, True)


def _random_shape(seed: int) -> tuple[list[ChipKey], Shape]:
    rng = random.Random(seed)
    chips = [
        _chip(str(i), rng.randrange(1, 9), rng.choice([0, 0, 3]), rng.randrange(1, 4))
        for i in range(rng.randrange(1, 8))
    ]
    heights = [rng.randrange(4, 11) if i == 0 or rng.random() < 0.8 else None for i in range(len(chips))]
    return chips, derive_shape(chips, heights, 0)


@pytest.mark.parametrize("seed", range(30))
def test_columns_are_aligned_and_disjoint_and_trees_follow_each_other(seed: int) -> None:
    _, shape = _random_shape(seed)
    used = np.zeros(1 << shape.log_size, dtype=np.int64)
    for column in shape.columns:
        assert column.offset % (1 << column.log_height) == 0
        used[column.offset : column.offset + (1 << column.log_height)] += 1
    assert used.max() == 1
    for tree in shape.trees:
        first, last = tree.start << shape.log_rows, (tree.start + tree.width) << shape.log_rows
        assert used[first:last].sum() == tree.cells
        assert tree.cells > (tree.width - 1) << shape.log_rows
    assert shape.trees[-1].start + tree.width <= 1 << shape.log_width


@pytest.mark.parametrize("seed", range(30))
def test_order_is_by_descending_height_then_by_number(seed: int) -> None:
    _, shape = _random_shape(seed)
    keys = [(-(shape.heights[c] or 0), c) for c in shape.order]
    assert keys == sorted(keys)
    assert sorted(shape.order) == list(shape.present)


@pytest.mark.parametrize("seed", range(30))
def test_segments_tile_the_leaves_in_order(seed: int) -> None:
    chips, shape = _random_shape(seed)
    offset = 0
    expected = [(c, i) for c in shape.order for i in range(len(chips[c].program.interactions))]
    assert [(s.chip, s.interaction) for s in shape.segments] == expected
    for segment in shape.segments:
        assert segment.offset == offset
        assert offset % (1 << segment.log_height) == 0
        offset += 1 << segment.log_height
    assert 1 << shape.log_leaves >= offset > 1 << (shape.log_leaves - 1) or offset == 1


@pytest.mark.parametrize("seed", range(30))
def test_main_columns_fill_more_than_half_of_the_default_width(seed: int) -> None:
    _, shape = _random_shape(seed)
    assert shape.log_width >= 5
    assert 16 < shape.trees[0].width <= 32


def test_default_width_grows_with_the_cells() -> None:
    assert [default_log_width(1 << k) for k in (10, 21, 24, 27)] == [5, 5, 6, 7]
    assert [default_log_width((1 << k) + 1) for k in (21, 24)] == [6, 7]


def test_ceil_log2_is_exact_at_powers() -> None:
    assert [ceil_log2(n) for n in (1, 2, 3, 4, 5, 8, 9)] == [0, 1, 2, 2, 3, 3, 4]


def test_preprocessed_stack_is_the_preprocessed_tree() -> None:
    chips = [_chip("a", 4, 2), _chip("b", 9), _chip("c", 4, 1)]
    shape = derive_shape(chips, [5, 8, 6], 0)
    rng = np.random.default_rng(1)
    columns = {0: rng.integers(0, 99, (2, 32), dtype=np.uint32), 2: rng.integers(0, 99, (1, 64), dtype=np.uint32)}
    matrix = stack_preprocessed(columns, shape.log_rows)
    tree = shape.trees[1]
    assert matrix.shape == (tree.width, 1 << shape.log_rows)
    flat = matrix.reshape(-1)
    for place in tree.columns:
        start = place.offset - (tree.start << shape.log_rows)
        number = place.column - chips[place.chip].program.main_count
        assert (flat[start : start + (1 << place.log_height)] == columns[place.chip][number]).all()
