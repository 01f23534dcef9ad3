"""A second instance of tall chips: same rows, fewer padded cells."""

from __future__ import annotations

import numpy as np
import pytest

from zk.air.check import check_trace
from zk.errors import TraceError
from zk.vm.elf import GuestProgram, read_elf
from zk.vm.executor import execute
from zk.vm.guest import build_sample
from zk.vm.machine import rv32im_machine
from zk.vm.trace import generate_traces, split_rows

HINTS = np.array([900] + [0] * 225, dtype=np.uint32)


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> GuestProgram:
    return read_elf(build_sample("sha256", tmp_path_factory.mktemp("twins") / "sha256.elf"))


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        (1, 1),
        (16, 16),
        (17, 17),
        (33, 32),
        (48, 32),
        (49, 49),
        (64, 64),
        (65, 64),
        (96, 64),
        (97, 97),
        (279_477, 262_144),
    ],
)
def test_rows_are_split_where_that_saves_a_quarter(rows: int, first: int) -> None:
    assert split_rows(rows) == first


def test_twins_hold_the_same_rows_in_fewer_cells(guest: GuestProgram) -> None:
    single, preprocessed = rv32im_machine(guest)
    double, _ = rv32im_machine(guest, twins=True)
    traces, values = generate_traces(single, execute(guest, HINTS))
    split, same_values = generate_traces(double, execute(guest, HINTS))
    check_trace(double, preprocessed, split, same_values)
    assert values == same_values
    assert any(name.endswith("_2") for name in split)
    assert sum(t.size for t in split.values()) < 0.9 * sum(t.size for t in traces.values())
    for name in (name for name in split if name + "_2" in split):
        rows = split[name].shape[1]
        assert np.array_equal(traces[name][:, :rows], split[name])


def test_row_that_both_instances_claim_is_refused(guest: GuestProgram) -> None:
    machine, preprocessed = rv32im_machine(guest, twins=True)
    traces, values = generate_traces(machine, execute(guest, HINTS))
    name = next(name for name in traces if name + "_2" in traces)
    twin = traces[name + "_2"].copy()
    used = int(np.count_nonzero(twin.any(axis=0)))
    if used == twin.shape[1]:
        twin = np.concatenate([twin, np.zeros_like(twin)], axis=1)
    twin[:, used] = traces[name][:, 0]
    with pytest.raises(TraceError, match="STATE"):
        check_trace(machine, preprocessed, {**traces, name + "_2": twin}, values)
