"""The table of cases is complete and names tests that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soundness.faults.cases import CASES, NOT_YET

SOUNDNESS = Path(__file__).resolve().parents[1]


def test_every_case_is_in_the_table() -> None:
    assert sorted([*CASES, *NOT_YET]) == list(range(27, 46))


@pytest.mark.parametrize("number", CASES)
def test_named_tests_exist(number: int) -> None:
    for name in CASES[number][1]:
        file, _, function = name.partition("::")
        assert f"def {function}(" in (SOUNDNESS / file).read_text(), name
