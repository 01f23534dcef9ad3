"""The trace checker names what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from tests.soundness.vm.witness import full_witness, small_witness
from zk.air.check import check_trace, virtual_column
from zk.errors import TraceError
from zk.vm.lookups import count_lookups


def test_violation_names_constraint_and_row() -> None:
    witness = full_witness().copy()
    row = int(witness.real_rows("CMP")[3])
    witness.column("CMP", "lt")[row] = 2
    assert f"CMP: constraint 'lt is boolean' fails on row {row}" in witness.violations()


def test_violation_names_tuple_excess_and_chips() -> None:
    witness = small_witness().copy()
    witness.public_values[7] ^= 1
    found = witness.violations()
    assert found == [
        "bus OUT: tuple (0, 100, 0) has excess 1 (chips ECALL)",
        "bus OUT: tuple (0, 100, 1) has excess -1 (chips verifier)",
    ]


def test_missing_chip_and_wrong_shapes_are_refused() -> None:
    witness = small_witness().copy()
    table = witness.traces.pop("T16")
    assert any("T16" in violation for violation in witness.violations())
    for wrong in (table[:2], table[:, : 1 << 15], np.full_like(table, 2**31 - 1)):
        witness.traces["T16"] = wrong
        with pytest.raises(TraceError, match="T16"):
            witness.violations()
    witness.traces["T16"] = table
    del witness.preprocessed["ROM"]
    with pytest.raises(TraceError, match="ROM"):
        witness.violations()


def test_public_values_are_checked_first() -> None:
    witness = small_witness().copy()
    witness.public_values[1] = 4
    with pytest.raises(TraceError, match="pc_end"):
        check_trace(witness.machine, witness.preprocessed, witness.traces, witness.public_values)


@pytest.mark.parametrize(("kind", "height", "index", "value"), [
    ("IDX", 5, 19, 19), ("BYTE_X", 16, 0x1234, 0x34), ("BYTE_Y", 16, 0x1234, 0x12), ("BYTE_AND", 16, 0x1234, 0x10),
    ("POW2_16", 5, 19, 8), ("POW2_16_COMPLEMENT", 5, 16, 65536), ("BIT4", 5, 16, 1), ("ONE", 5, 3, 1),
])  # fmt: skip
def test_virtual_columns(kind: str, height: int, index: int, value: int) -> None:
    assert virtual_column(kind, height)[index] == value


def test_lookup_counter_refuses_operands_outside_of_the_table() -> None:
    witness = full_witness().copy()
    rows = {
        chip.name: len(witness.real_rows(chip.name))
        for chip in witness.machine.chips
        if chip.selectors and chip.name != "IMG" and chip.name in witness.traces
    }
    counts = count_lookups(witness.machine.chips, witness.traces, rows)
    assert (counts.limbs == witness.column("T16", "m_r16")).all()
    assert (counts.shifts == witness.column("T5", "m")).all()
    witness.column("LW", "dm")[0] = 65536
    with pytest.raises(TraceError, match="LW"):
        count_lookups(witness.machine.chips, witness.traces, rows)
