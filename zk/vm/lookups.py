"""How often each table row is looked up, from the interactions of the chips and the finished columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from zk.air.affine import AffineForm, affine_form
from zk.air.chip import Chip
from zk.air.expression import P
from zk.chips.buses import LOGIC, R16, SH, U8P
from zk.errors import TraceError
from zk.vm.isa import OpCode
from zk.vm.parallel import map_threads

U32 = NDArray[np.uint32]
Array = NDArray[np.int64]
Rows = NDArray[np.bool_] | None  # None: all
_FormKey = tuple[int, tuple[tuple[int, int], ...]]
LOGIC_CODES = (OpCode.AND, OpCode.OR, OpCode.XOR)


@dataclass(slots=True)
class LookupCounts:
    """Multiplicities of T16 (limbs; byte pairs by x + 256 y; the same for AND, OR and XOR) and T5."""

    limbs: Array = field(default_factory=lambda: np.zeros(1 << 16, np.int64))
    bytes: Array = field(default_factory=lambda: np.zeros(1 << 16, np.int64))
    logic: Array = field(default_factory=lambda: np.zeros((len(LOGIC_CODES), 1 << 16), np.int64))
    shifts: Array = field(default_factory=lambda: np.zeros(1 << 5, np.int64))

    def t16(self) -> U32:
        """The main columns of T16."""
        return np.stack([self.limbs, self.bytes, *self.logic]).astype(np.uint32)

    def add(self, other: LookupCounts) -> None:
        """Adds the counts of other chips."""
        for each in fields(self):
            getattr(self, each.name)[:] += getattr(other, each.name)


@dataclass(frozen=True, slots=True)
class _Lookup:
    bus: int
    multiplicity: AffineForm
    first: AffineForm
    second: AffineForm | None
    code: AffineForm | None


def count_lookups(
    chips: Sequence[Chip],
    traces: Mapping[str, U32],
    rows: Mapping[str, int],
    further: Mapping[str, U32] | None = None,
) -> LookupCounts:
    """Counts over the first `rows` rows of every consumer. Raises TraceError for an operand outside of its table.

    `further`: preprocessed and virtual columns (columns, 2^h) of the chips whose lookups contain them.
    """

    def count_of(chip: Chip) -> LookupCounts:
        count = rows[chip.name]
        columns = traces[chip.name][:, :count]
        if further and chip.name in further:
            columns = np.concatenate([columns, further[chip.name][:, :count]])
        return _count_chip(chip, columns)

    total = LookupCounts()
    for counts in map_threads(count_of, [chip for chip in chips if rows.get(chip.name, 0)]):
        total.add(counts)
    return total


def _count_chip(chip: Chip, columns: U32) -> LookupCounts:
    counts = LookupCounts()
    tables = {R16.number: counts.limbs, U8P.number: counts.bytes, LOGIC.number: counts.logic, SH.number: counts.shifts}
    rows: dict[_FormKey, Rows] = {}  # most lookups of a chip have one of few multiplicities
    for lookup in _lookups_of(chip):
        key = _key(lookup.multiplicity)
        if key not in rows:
            rows[key] = _rows_of(lookup.multiplicity, columns)
        used = rows[key]
        target = tables[lookup.bus].reshape(-1)
        index = _index(chip, lookup.bus, _evaluate(lookup.first, columns, used), 1 << 16)
        if lookup.second is not None:
            index = index + 256 * _index(chip, lookup.bus, _evaluate(lookup.second, columns, used), 256)
        if lookup.code is not None:
            number = _evaluate(lookup.code, columns, used) - LOGIC_CODES[0]
            index = index + (_index(chip, lookup.bus, number % P, len(LOGIC_CODES)) << 16)
        target += np.bincount(index, minlength=len(target))[: len(target)]
    return counts


def _lookups_of(chip: Chip) -> list[_Lookup]:
    lookups = []
    for interaction in chip.interactions:
        bus = interaction.bus
        if bus in (R16, U8P, LOGIC, SH):
            forms = [affine_form(entry) for entry in interaction.message]
            code = forms.pop(0) if bus == LOGIC else None
            second = forms[1] if bus in (U8P, LOGIC) else None
            lookups.append(_Lookup(bus.number, affine_form(interaction.multiplicity), forms[0], second, code))
    return lookups


def _key(form: AffineForm) -> _FormKey:
    return form.constant, tuple(sorted(form.coefficients.items()))


def _rows_of(multiplicity: AffineForm, columns: U32) -> Rows:
    """Rows whose multiplicity is 1; None where this is every row (the sum of flags of real rows)."""
    used: NDArray[np.bool_] = _evaluate(multiplicity, columns, None) == 1
    return None if bool(used.all()) else used


def _evaluate(form: AffineForm, columns: U32, rows: Rows) -> Array:
    """The form on these rows, canonical. Coefficients are centred, so that the sums stay far below 2^63."""
    result = np.full(columns.shape[1], _centred(form.constant), np.int64)
    for column, coefficient in form.coefficients.items():
        centred = _centred(coefficient)
        if centred == 1:
            result += columns[column]
        elif centred == -1:
            result -= columns[column]
        else:
            result += columns[column].astype(np.int64) * centred
    if rows is not None:
        result = result[rows]
    if len(result) and (int(result.min()) < 0 or int(result.max()) >= P):
        result %= P
    return result


def _centred(value: int) -> int:
    return value if value <= P // 2 else value - P


def _index(chip: Chip, bus: int, values: Array, limit: int) -> Array:
    if len(values) and int(values.max()) >= limit:
        row = int(values.argmax())
        raise TraceError(
            f"chip {chip.name}, bus {bus}: operand {int(values[row])} of row {row} is outside of its table"
        )
    return values
