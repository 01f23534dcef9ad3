"""The shipped parameter rows against the table of the proof system, section 10, and against the calculator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zk.machine import params, schedule
from zk.machine.params import LOG_DOMAIN_MAX, parameter_set, parameter_sets
from zk.machine.soundness import ProtocolCounts, SoundnessReport, judge

# set n | k_i ; m_M | lr_i | D_i | m | t_i | query min | fold min | OOD min | comb | LogUp | sum
PUBLISHED = """
APP 20 | 5,4,4,4;3 | 1,2,5,8 | 16,13,12,11 | 42,61,13,15 | 172,84,34,21 | 103.0 | 107 | 124 | 139.8 | 128.9 | 100.8
APP 21 | 5,4,4,4;4 | 1,2,5,8 | 17,14,13,12 | 36,31,13,15 | 173,85,34,21 | 103.0 | 107 | 124 | 140.2 | 127.9 | 100.9
APP 22 | 6,4,4,4;4 | 1,2,5,8 | 17,14,13,12 | 36,31,13,15 | 173,85,34,21 | 103.0 | 106 | 123 | 140.2 | 126.9 | 100.8
APP 23 | 6,4,4,4;5 | 1,2,5,8 | 18,15,14,13 | 28,31,13,15 | 175,85,34,21 | 103.0 | 107 | 122 | 140.2 | 125.9 | 100.8
APP 24 | 6,4,4,4;6 | 1,2,5,8 | 19,16,15,14 | 26,31,13,15 | 176,85,34,21 | 103.0 | 106 | 121 | 140.2 | 124.9 | 100.8
APP 25 | 7,4,4,4;6 | 1,3,6,9 | 19,17,16,15 | 23,17,5,6 | 177,57,29,19 | 103.0 | 106 | 121 | 141.0 | 123.9 | 100.8
APP 26 | 7,4,4,4,4;3 | 1,3,6,9,10 | 20,18,17,16,13 | 20,19,6,7,8 | 180,57,29,19,17 | 103.4 | 106 | 120 | 140.4 | 122.9 | 100.9
APP 27 | 7,4,4,4,4;4 | 1,3,6,9,10 | 21,19,18,17,14 | 17,19,6,7,8 | 182,57,29,19,17 | 103.4 | 106 | 120 | 140.4 | 121.9 | 100.8
REC 20 | 5,4,4,4;3 | 2,3,6,9 | 17,14,13,12 | 31,41,20,6 | 85,56,28,19 | 103.0 | 107 | 124 | 140.4 | 128.9 | 100.8
REC 21 | 5,4,4,4;4 | 2,3,6,9 | 18,15,14,13 | 21,41,20,6 | 86,56,28,19 | 103.0 | 106 | 124 | 140.4 | 127.9 | 100.8
REC 22 | 6,4,4,4;4 | 2,4,7,10 | 18,16,15,14 | 21,11,4,6 | 86,43,25,17 | 103.0 | 107 | 123 | 141.4 | 126.9 | 101.0
REC 23 | 6,4,4,4;5 | 2,4,7,10 | 19,17,16,15 | 21,11,4,6 | 86,43,25,17 | 103.0 | 106 | 122 | 141.4 | 125.9 | 100.9
REC 24 | 6,4,4,4;6 | 2,4,7,10 | 20,18,17,16 | 16,11,4,6 | 87,43,25,17 | 103.0 | 107 | 122 | 141.4 | 124.9 | 101.0
REC 25 | 7,4,4,4;6 | 2,5,8,10 | 20,19,18,16 | 16,13,3,6 | 87,34,22,17 | 103.0 | 106 | 121 | 141.2 | 123.9 | 100.8
REC 26 | 7,4,4,4,4;3 | 2,5,8,10,10 | 21,20,19,17,13 | 14,6,4,3,8 | 88,35,22,18,17 | 103.5 | 106 | 120 | 141.2 | 122.9 | 101.2
REC 27 | 7,4,4,4,4;4 | 2,5,8,10,10 | 22,21,20,18,14 | 12,6,4,3,8 | 89,35,22,18,17 | 103.5 | 106 | 120 | 141.2 | 121.9 | 101.2
ROOT 20 | 5,4,4,4;3 | 4,6,9,10 | 19,17,16,13 | 10,7,3,3 | 42,28,19,17 | 103.0 | 110 | 125 | 142.1 | 128.9 | 101.2
ROOT 21 | 5,4,4,4;4 | 4,6,9,10 | 20,18,17,14 | 10,7,3,3 | 42,28,19,17 | 103.0 | 109 | 124 | 142.1 | 127.9 | 101.1
ROOT 22 | 6,4,4,4;4 | 4,7,10,10 | 20,19,18,14 | 10,6,3,3 | 42,24,17,17 | 103.0 | 108 | 123 | 141.9 | 126.9 | 101.1
ROOT 23 | 6,4,4,4;5 | 4,7,10,10 | 21,20,19,15 | 10,6,3,3 | 42,24,17,17 | 103.0 | 107 | 122 | 141.9 | 125.9 | 100.9
ROOT 24 | 6,4,4,4,4;2 | 4,7,10,10,10 | 22,21,20,16,12 | 7,7,4,4,4 | 43,24,17,17,17 | 103.6 | 106 | 122 | 141.3 | 124.9 | 101.2
ROOT 25 | 7,4,4,4,4;2 | 4,8,10,10,10 | 22,22,20,16,12 | 7,3,4,4,4 | 43,22,17,17,17 | 103.7 | 107 | 121 | 141.5 | 123.9 | 101.4
ROOT 26 | 7,4,4,4,4;3 | 4,8,10,10,10 | 23,23,21,17,13 | 5,3,3,4,4 | 44,22,18,17,17 | 103.9 | 107 | 121 | 141.5 | 122.9 | 101.9
ROOT 27 | 7,4,4,4,4;4 | 4,8,10,10,10 | 24,24,22,18,14 | 5,3,3,4,4 | 44,22,18,17,17 | 103.9 | 106 | 120 | 141.5 | 121.9 | 101.6
"""
LINES = [[cell.strip() for cell in line.split("|")] for line in PUBLISHED.strip().split("\n")]
ASSUMED_CONSTRAINTS, ASSUMED_COLUMNS = 1500, 600


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _counts(n: int) -> ProtocolCounts:
    return ProtocolCounts(log_leaves=n + 1, constraints=ASSUMED_CONSTRAINTS, columns=ASSUMED_COLUMNS, log_height_max=22)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_shipped_row_is_the_published_one(line: list[str]) -> None:
    name, n = line[0].split()
    folds, final = line[1].split(";")
    row = parameter_set(name).rows[int(n), _numbers(folds)[0]]
    assert (row.folds, row.log_sizes[-1]) == (_numbers(folds), int(final))
    assert row.log_inv_rates == _numbers(line[2])
    assert row.log_domains == _numbers(line[3])
    assert row.johnson == _numbers(line[4])
    assert row.queries == _numbers(line[5])


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_calculator_recomputes_the_published_bits(line: list[str]) -> None:
    name, n = line[0].split()
    report = judge(parameter_set(name).rows[int(n), _numbers(line[1].split(";")[0])[0]], _counts(int(n)))
    query, fold, sample, combination, logup, total = (float(cell) for cell in line[6:])
    assert round(min(report.queries), 1) == query
    assert round(min(report.folds)) == fold
    assert round(min(report.out_of_domain)) == sample
    assert round(report.terms["combination"], 1) == combination
    assert round(report.terms["logup"], 1) == logup
    assert round(report.total, 1) == total
    assert report.terms["gkr"] >= 145
    assert report.terms["zerocheck"] >= 144
    assert round(report.terms["stacking"]) >= 146
    assert report.terms["final"] >= 151


def _all_rows() -> list[tuple[str, params.WhirParameters]]:
    return [(each.name, row) for each in parameter_sets() for row in each.rows.values()]


def test_every_shipped_row_reaches_one_hundred_bits() -> None:
    rows = _all_rows()
    assert len(rows) > 100
    for name, row in rows:
        report = judge(row, _counts(row.log_size))
        assert report.is_sound, (name, row, report)
        assert max(row.log_domains) <= LOG_DOMAIN_MAX
        assert row.grinding_bits == parameter_set(name).grinding_bits


def test_shipped_rows_are_the_derived_ones() -> None:
    for name, row in _all_rows():
        derived = schedule.derive(name, row.log_size, row.folds[0])
        assert derived is not None
        assert (row.folds, row.log_inv_rates, row.johnson, row.queries) == (
            derived.folds,
            derived.log_inv_rates,
            derived.johnson,
            derived.queries,
        )


def _weakened(name: str) -> SoundnessReport:
    row = parameter_set("APP").rows[22, 6]
    counts = _counts(22)
    if name == "queries":
        row = replace(row, queries=(row.queries[0] - 10, *row.queries[1:]))
    elif name == "grinding":
        row = replace(row, grinding_bits=10)
    elif name == "multiplicity":
        row = replace(row, johnson=(4000, *row.johnson[1:]))
    elif name == "rate":
        row = replace(row, log_inv_rates=(1, 1, 5, 8))
    elif name == "leaves":
        counts = replace(counts, log_leaves=55)
    elif name == "constraints":
        counts = replace(counts, constraints=2**60)
    elif name == "columns":
        counts = replace(counts, columns=2**60)
    return judge(row, counts)


@pytest.mark.parametrize("name", ["queries", "grinding", "multiplicity", "rate", "leaves", "constraints", "columns"])
def test_weakened_parameters_are_judged_unsound(name: str) -> None:
    assert _weakened("nothing").is_sound
    assert not _weakened(name).is_sound


def test_digest_covers_every_row_and_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = params.parameters_digest("APP")
    monkeypatch.setattr(params, "ROWS", params.ROWS.replace("172,84", "171,84", 1))
    changed = params.parameters_digest("APP")
    monkeypatch.setattr(params, "LOG_LEAVES_MAX", 30)
    assert len({honest, changed, params.parameters_digest("APP")}) == 3


def test_set_after_v1_changes_the_digest_of_its_own_keys_only(monkeypatch: pytest.MonkeyPatch) -> None:
    first, later = params.parameters_digest("APP"), params.parameters_digest("APP_K")
    assert params.parameters_digest("ROOT") == first != later
    monkeypatch.setattr(params, "SETS_AFTER_V1", params.SETS_AFTER_V1.replace("20 APP", "19 APP"))
    assert params.parameters_digest("APP") == first
    assert params.parameters_digest("APP_K") not in (first, later)


def test_keccak_at_rate_one_half_has_the_rows_of_app() -> None:
    app, keccak = parameter_set("APP"), parameter_set("APP_K")
    assert (keccak.configuration, keccak.grinding_bits, keccak.log_inv_rate) == ("KA", 20, 1)
    assert keccak.rows == app.rows


def test_unknown_set_is_refused() -> None:
    with pytest.raises(ValueError, match="found 'FAST'"):
        parameter_set("FAST")
