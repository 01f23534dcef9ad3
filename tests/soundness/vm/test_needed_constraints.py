"""Section 19, case 47: every constraint of the machine is needed.

For each constraint there is a false row that breaks it alone: all other constraints hold and all range, byte, AND and shift lookups
are legal, so without this constraint the row could be part of an accepted trace. (PROG is left out: the forger may wait for a
program with the fitting instruction.) The rows come from a search over changes of one column, or of two flags, with all
defined columns computed again; the few that need more are written down.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest

from tests.soundness.vm.obstacles import (
    Block,
    LookupTable,
    Obstacles,
    evaluate_expression,
    find_obstacles,
    lookup_tables,
    lookups_of,
    with_definitions,
)
from tests.soundness.vm.witness import CHIPS, Witness, build_witness, full_witness, witness_for
from tests.unit.vm.assembler import constant, finish, program, register_form
from zk.air.check import evaluate
from zk.air.expression import P
from zk.vm.isa import OpCode

Row = dict[str, int]

HALF = pow(2, -16, P)  # 2^-16 = -32512: a "carry" of this size moves a limb by one
# Constraints without such a row, and why.
EXEMPT: dict[str, dict[str, str]] = {
    "DIV": {
        "cz is boolean": "implied: cz c = 0 and cz (q - 255) = 0 leave only c = 0, where |r| < |c| cannot hold, so that "
        "cz = 1 is the only way out",
        "a negative remainder needs a negative b": "implied: sr = 1 with sb = 0 forces r = 0, so the remainder would be "
        "-2^32, and |r| < |c| fails",
    },
}


def candidates(witness: Witness, name: str) -> Iterator[Block]:
    """False rows: changes of one column, changes of two flags, and those that are written down."""
    chip, base = witness.chip(name), witness.traces[name]
    rng = np.random.default_rng(3)
    rows = witness.real_rows(name)
    rows = rows if len(rows) <= 24 else np.sort(rng.choice(rows, 24, replace=False))
    padding = np.setdiff1d(np.arange(base.shape[1]), witness.real_rows(name))[:1]
    at = np.concatenate([rows, padding])
    original = base[:, at].astype(np.uint64)
    steps = [1, -1, 32, 256, 65536, *(sign * HALF * m for sign in (1, -1) for m in (1, 2, 64, 128, 256))]
    for number in range(len(chip.main)):
        old = original[number].astype(np.int64)
        values = [old + step for step in steps] + [0 * old + v for v in (-1, 0, 1, 2)]
        for value in [*values, 1 - old, rng.integers(0, P, len(at))]:
            block = original.copy()
            block[number] = value % P
            yield Block(f"{chip.main[number]} changed", block, frozenset({number}))
    bits = [n for n in range(len(chip.main)) if chip.main[n] in chip.selectors or (original[n] <= 1).all()]
    for first, second in itertools.combinations(bits, 2):
        for u, v in itertools.product((0, 1, 2, P - 1), repeat=2):
            block = original.copy()
            block[first], block[second] = u, v
            label = f"{chip.main[first]} and {chip.main[second]} changed"
            yield Block(label, block, frozenset({first, second}))
    for number, forged in enumerate(FORGED.get(name, lambda _: [])(witness)):
        # Only forgeries of SHIFT leave the defined columns to be computed.
        row = np.array([[forged.get(column, 0)] for column in chip.main], np.uint64)
        yield Block(f"written forgery {number}", row, frozenset() if name == "SHIFT" else None)


def _real(witness: Witness, chip: str, **flags: int) -> Row:
    """The first row whose columns have these values."""
    columns = [witness.column(chip, name) == value for name, value in flags.items()]
    row = int(np.flatnonzero(np.logical_and.reduce(columns))[0])
    return dict(zip(witness.chip(chip).main, witness.traces[chip][:, row].tolist(), strict=True))


def _word_forgeries(row: Row, word: str, *, written: bool) -> list[Row]:
    """Other limbs of the same field element: the word plus p, and (if written) a low or a high limb out of range."""
    low_name, high_name, e_name = (word.format(part) for part in ("lo", "hi", "e"))
    low, high = row[low_name], row[high_name]
    above = low + 65536 * high + P
    limbs = [(above & 0xFFFF, above >> 16)] if above < 1 << 32 else []
    if written:
        limbs += [(low + 65536, high - 1), (low - 1, high + HALF)]
    forged = []
    for new_low, new_high in limbs:
        slack = (0x7F00 - new_high) % P
        e = new_low * pow(slack, -1, P) % P if slack else 0
        forged.append(row | {low_name: new_low % P, high_name: new_high % P, e_name: e})
    return forged


def _all_word_forgeries(witness: Witness, chip: str, words: dict[str, bool]) -> list[Row]:
    """Of every word (pattern with {} for the part; whether it is written) on every real row."""
    return [
        forged
        for row in _rows(witness, chip)
        for word, written in words.items()
        if not word.startswith("old") or row["init"] == 1
        for forged in _word_forgeries(row, word, written=written)
    ]


def _path_head_forgeries(witness: Witness) -> list[Row]:
    return _all_word_forgeries(witness, "PATH_H", {f"{{}}{i}": i >= 8 for i in range(16)})


def _dot_head_forgeries(witness: Witness) -> list[Row]:
    words = {f"{{}}{j}": True for j in range(5)} | {f"old_{{}}{j}": False for j in range(5)}
    return _all_word_forgeries(witness, "DOT_H", words)


def _add_forgeries(witness: Witness) -> list[Row]:
    """A wrong low limb whose fractional carry the high limb absorbs."""
    forged = []
    for row, sign in itertools.product(_rows(witness, "ADD"), (1, -1)):
        for a1 in (row["a1"] + 32512 * sign, row["a1"] - 32512 * sign):
            forged.append(row | {"a0": (row["a0"] + sign) % P, "a1": a1 % P})
    # A carry that stays in the low limb.
    columns = {name: witness.column("ADD", name).astype(np.int64) for name in ("add", "b0", "c0", "a1")}
    carries = (columns["add"] == 1) & (columns["b0"] + columns["c0"] >= 65536) & (columns["a1"] > 0)
    at = int(np.flatnonzero(carries)[0])
    row = dict(zip(witness.chip("ADD").main, witness.traces["ADD"][:, at].tolist(), strict=True))
    return [*forged, row | {"a0": row["a0"] + 65536, "a1": row["a1"] - 1}]


def _ecall_forgeries(witness: Witness) -> list[Row]:
    index = _real(witness, "ECALL", commit=1)
    hint = _real(witness, "ECALL", hint=1)
    call = hint | {"hint": P - 1, "deleg": 1, "n00": hint["a00"], "n01": hint["a01"], "a11": 0, "a21": 0, "next": 0}
    pointer = _real(witness, "ECALL", deleg=1) | {"a01": 1 << 14, "n01": 1 << 14}
    return [index | {"a01": 1, "n01": 1}, call | {"a01": 0, "n01": 0}, pointer]


def _rows(witness: Witness, chip: str) -> list[Row]:
    columns = witness.traces[chip][:, witness.real_rows(chip)].T
    return [dict(zip(witness.chip(chip).main, column.tolist(), strict=True)) for column in columns]


def _shift_forgeries(witness: Witness) -> list[Row]:
    """Other splits b = m + v W: one W carried over, and 2^-16 W carried over where W = 2^16."""
    forged = []
    for real in _rows(witness, "SHIFT"):
        row = real | {"b1": 5, "m1": 5} if real["w"] == 65536 else real
        moves = [(row["w"], -1), (-row["w"], 1)]
        if row["w"] == 65536:
            moves += [(-1, HALF), (1, -HALF)]
        for j, (dm, dv) in itertools.product(range(2), moves):
            forged.append(row | {f"m{j}": (row[f"m{j}"] + dm) % P, f"v{j}": (row[f"v{j}"] + dv) % P})
    return forged


def _mul_forgeries(witness: Witness) -> list[Row]:
    """A limb of the product one carry too large, the next one smaller; and a carry that moves a limb by one."""
    forged = []
    for row in _rows(witness, "MUL"):
        limbs = ("a0", "a1", "z0", "z1") if row["mul"] else ("z0", "z1", "a0", "a1")
        for j, name in enumerate(limbs):
            smaller = {limbs[j + 1]: row[limbs[j + 1]] - 1} if j < 3 else {}
            change = row | {name: row[name] + 65536, f"k{j}": row[f"k{j}"] - 1} | smaller
            forged.append({column: value % P for column, value in change.items()})
        carry = {"k0": (row["k0"] - HALF) % P, limbs[0]: row[limbs[0]] + 1, limbs[1]: (row[limbs[1]] - HALF) % P}
        last = {limbs[3]: row[limbs[3]] + 1, "k3": (row["k3"] - HALF) % P}
        forged += [row | carry, row | last, *_mul_carry_forgeries(row)]
    return forged


def _mul_carry_forgeries(row: Row) -> list[Row]:
    """One carry out of range, the sum of the carries as it was: k_j + c_j with 2^16 c_j = c_(j-1) - (change of limb j) mod p.

    c = m + n 2^-16 = m - 32512 n moves its limb by -n - 2^16 m: n = 1 takes a small carry below -1024, n = -1 leaves it in range,
    and m brings the limb back into range. A false product, true mod p.
    """
    limbs = ("a0", "a1", "z0", "z1") if row["mul"] else ("z0", "z1", "a0", "a1")
    forged = []
    for steps in ((1, -1, 0), (-1, 1, 0), (0, -1, 1)):  # k0, k1, k2 is the one below -1024
        changed, before = dict(row), 0
        for limb, k, n in zip(limbs, ("k0", "k1", "k2", "k3"), (*steps, 0), strict=True):
            value = row[limb] + before - n
            m, changed[limb] = divmod(value, 65536)
            before = m - 32512 * n
            changed[k] = (row[k] + before) % P
        forged.append(changed)
    return forged


def _dot_forgeries(witness: Witness) -> list[Row]:
    real = _real(witness, "DOT", base=1)
    gap = 4 * real["clk"] + 1
    skipped = {f"t_a{j}": 0 for j in range(1, 5)} | {f"d_a{j}": gap & 0xFFFF for j in range(1, 5)}
    words = {f"{kind}{j}_{{}}": False for kind in "ab" for j in range(5)}
    forged = [real | skipped | {"base": 2}, {"base": 1} | {f"d_a{j}": 1 for j in range(1, 5)}]
    return [*forged, *_all_word_forgeries(witness, "DOT", words)]


def _immediate_forgeries(chip: str) -> Callable[[Witness], list[Row]]:
    """f_i = 2 on an immediate row: the unread rs2 then counts as read minus once, with a time that is in order."""

    def forge(witness: Witness) -> list[Row]:
        row = _real(witness, chip, f_i=1)
        return [row | {"f_i": 2, "t2": 4 * row["clk"]}]

    return forge


def _constant_shift_forgeries(chip: str, word: str) -> Callable[[Witness], list[Row]]:
    """Carries k and e moved by one limb or by 2^-16, and a result moved by what the equations then ask for.

    Left shifts of -1 are among the rows: there every limb is large.
    """

    def shift_ones(row: Row) -> Row:
        product = 0xFFFFFFFF * row["power"]
        changed = {"a0": product & 0xFFFF, "a1": product >> 16 & 0xFFFF, "e": product >> 32, "k": row["power"] - 1}
        return row | changed | {f"{word}0": 0xFFFF, f"{word}1": 0xFFFF}

    def forge(witness: Witness) -> list[Row]:
        forged, rows = [], _rows(witness, chip)
        for row in [*rows, *(shift_ones(row) for row in rows if row["sll"])]:
            for sign in (1, -1):
                whole = {"a0": row["a0"] + sign * 65536, "k": row["k"] - sign, "a1": row["a1"] - sign}
                part = {"a0": row["a0"] - sign, "k": row["k"] + sign * HALF, "a1": row["a1"] + sign * HALF}
                high = {"a1": row["a1"] + sign * 65536, "e": row["e"] - sign}
                high_part = {"a1": row["a1"] - sign, "e": row["e"] + sign * HALF}
                remainder = {"a0": row["a0"] - sign, "e": row["e"] + sign * row["power"]}
                forged += [row | change for change in (whole, part, high, high_part, remainder)]
        return [{name: value % P for name, value in row.items()} for row in forged]

    return forge


def _p2_sbox_forgeries(witness: Witness) -> list[Row]:
    """One false S-box each: the later ones and the output words follow from it."""
    chip, real = witness.chip("P2"), _real(witness, "P2", node=0)
    original = np.array([[real[column]] for column in chip.main], np.uint64)
    blocks = []
    for constraint in chip.constraints:
        if constraint.defines is not None:
            row = original.copy()
            row[constraint.defines] = (row[constraint.defines] + 1) % P
            blocks.append(Block(constraint.name, row, frozenset({constraint.defines})))
    rows = with_definitions(chip, blocks)
    forged = [dict(zip(chip.main, row.tolist(), strict=True)) for row in rows.T]
    outputs = {c.name: c.expr for c in chip.constraints if re.fullmatch(r"out\d+", c.name)}
    for name, expr in outputs.items():
        for row, excess in zip(forged, evaluate_expression(expr, rows).tolist(), strict=True):
            row |= _word(name + "_", row[f"{name}_lo"] + 65536 * row[f"{name}_hi"] - excess)
    return forged


def _word(prefix: str, value: int) -> Row:
    """lo, hi and e of a canonical word."""
    high, low = divmod(value % P, 65536)
    slack = 0x7F00 - high
    return {f"{prefix}lo": low, f"{prefix}hi": high, f"{prefix}e": low * pow(slack, -1, P) % P if slack else 0}


def _p2_forgeries(witness: Witness) -> list[Row]:
    """Other output words, canonical ones; what node = 2 would give; false S-boxes."""
    row = _real(witness, "P2", node=0)
    forged = [row | _word(f"out{i}_", 77 + 65536) for i in range(16)]
    twice = dict(row) | {"node": 2}
    for i in range(16):
        x, y = (row[f"{kind}{i}_lo"] + 65536 * row[f"{kind}{i}_hi"] for kind in ("in", "out"))
        twice |= _word(f"out{i}_", y + 2 * x if i < 8 else y + 2 * (x - y))
    words = {f"{kind}{i}_{{}}": kind == "out" for i in range(16) for kind in ("in", "out")}
    return [*forged, twice, *_p2_sbox_forgeries(witness), *_all_word_forgeries(witness, "P2", words)]


def divide_row(op: OpCode, b: int, c: int, q: int, r: int, q_bytes: dict[str, int] | None = None, **signs: int) -> Row:
    """A DIV row claiming b = q c + r: carries and slack are whatever solves the limb equations. sb, sc, sr, cz as given.

    `q_bytes` replaces digits of q.
    """
    row = dict.fromkeys(("sb", "sc", "sr", "cz"), 0) | {name: value % P for name, value in signs.items()}
    q_word, r_word = q % 2**32, r % 2**32
    name = op.name.lower()
    row |= {name: 1, "pc": 4, "clk": 5, "b0": b & 0xFFFF, "b1": b >> 16, "c0": c & 0xFFFF, "c1": c >> 16}
    row |= (
        {f"q{i}": q_word >> (8 * i) & 255 for i in range(4)}
        | (q_bytes or {})
        | {"r0": r_word & 0xFFFF, "r1": r_word >> 16}
    )
    row |= {"cl0": c & 255, "cl1": c >> 16 & 255, "sq": int(q < 0)}
    result = r_word if op in (OpCode.REM, OpCode.REMU) else q_word
    row |= {"a0": result & 0xFFFF, "a1": result >> 16}
    quotient = [row[f"q{i}"] for i in range(4)]
    divisor = [c >> (8 * i) & 255 for i in range(4)]
    quotient[3] -= 256 * row["sq"]
    divisor[3] -= 256 * row["sc"]
    t = [sum(quotient[i] * divisor[k - i] for i in range(4) if 0 <= k - i < 4) for k in range(7)]
    row["k0"] = (t[0] + 256 * t[1] + row["r0"] - row["b0"]) * HALF % P
    change = 65536 * (row["sb"] - row["sr"])
    row["k1"] = (t[2] + 256 * t[3] + row["k0"] + row["r1"] - row["b1"] + change) * HALF % P
    row["k2"] = (t[4] + 256 * t[5] + row["k1"]) * HALF % P
    low = ((1 - 2 * row["sc"]) * row["c0"] - (1 - 2 * row["sr"]) * row["r0"] - 1) % P
    low = low - P if low > P // 2 else low
    row["g0"], nu = low & 0xFFFF, low >> 16
    high = (1 - 2 * row["sc"]) * row["c1"] + 65536 * row["sc"] - (1 - 2 * row["sr"]) * row["r1"] - 65536 * row["sr"]
    row["nu"], row["g1"] = nu % P, (high + nu) % P
    if row["cz"]:
        row["nu"] = row["g0"] = row["g1"] = 0
    return row


def _div_carry_forgeries() -> list[Row]:
    """True equations mod p, false ones over the integers: one carry out of range, the sum of the carries in range.

    The first two claim b = q c -+ 2^32 p, for k2 = -32385 and k0 = -32003 (the others in range). In the third one k1 is -32511, so
    that the limb of 2^16 is off by 2^16 k1 = 1 mod p.
    """
    ones = 2**32 - 1
    return [
        divide_row(OpCode.DIVU, ones, ones, P + 1, 0),
        divide_row(OpCode.DIVU, 0, ones, -P, 0),
        divide_row(OpCode.DIVU, 0x3020001, 0x10201, 0x7E030000, 0),
    ]


def _div_lookup_forgeries() -> list[Row]:
    """Digits and limbs that carry into the next one, and a remainder that is not smaller than the divisor."""
    plain = divide_row(OpCode.DIVU, 0x300010, 0x200000, 1, 0x100010)
    negative = divide_row(OpCode.DIV, 2**32 - 6, 3, -2, 0, sb=1)
    large = divide_row(OpCode.DIVU, 0x80000010, 0xF0000000, 0, 0x80000010)
    shifted = {"r0": large["r0"] - 1, "r1": large["r1"] - 32512, "g0": large["g0"] + 1, "g1": large["g1"] + 32512}
    return [
        divide_row(OpCode.DIVU, 0x205, 1, 0x205, 0, {"q0": 0x105, "q1": 1}),
        divide_row(OpCode.DIVU, 0x2050000, 1, 0x2050000, 0, {"q2": 0x105, "q3": 1}),
        plain | {"r0": 65536 + 16, "r1": 0xF, "k0": (plain["k0"] + 1) % P, "nu": (plain["nu"] - 1) % P},
        plain | {"g0": plain["g0"] + 65536, "g1": plain["g1"] - 1, "nu": (plain["nu"] - 1) % P},
        negative | {"r1": 65536, "sr": 1},
        large | shifted | {"k0": 32512},
        divide_row(OpCode.DIVU, 10, 3, 2, 4),
    ]


def _div_forgeries(_: Witness) -> list[Row]:
    minus = 2**32
    by_256 = pow(256, -1, P)
    return [
        # false signs: a limb of b, the top byte of c, or b again, moved by one
        divide_row(OpCode.DIVU, 0x20005, 1, 0x10005, 0, sb=HALF),
        divide_row(OpCode.DIVU, 0x41000000, 0x40000000, 1, 0, sc=-by_256),
        *(divide_row(OpCode.DIV, minus - 0x20000, 1, -0x20000 + d, 0, sb=1, sr=s * HALF) for d in (-65536, 65536) for s in (1, -1)),
        # a product of 2^48 that no limb shows
        divide_row(OpCode.DIVU, 5, 0x1000000, 0x1000000, 5),
        # a product of 2^32, likewise
        divide_row(OpCode.DIVU, 5, 0x10000, 0x10000, 5) | {"k2": 0},
        # quotients rounded down instead of towards zero
        divide_row(OpCode.DIV, minus - 5, 3, -2, 1, sb=1),
        divide_row(OpCode.DIV, minus - 0x50000, 0x30000, -2, 0x10000, sb=1),
        # division by zero claimed of divisors that are not zero; and on a row without an instruction
        divide_row(OpCode.DIV, 4, 3, -1, 7, cz=1),
        divide_row(OpCode.DIV, 4, 0x10000, -1, 0x10004, cz=1),
        {"cz": 1, "g0": P - 1} | {f"q{i}": 255 for i in range(4)},
        *_div_lookup_forgeries(),
        *_div_carry_forgeries(),
    ]  # fmt: skip


def _zero_test_forgeries(witness: Witness) -> list[Row]:
    """A word of two equal limbs called zero."""
    return [_real(witness, "BEQZ", z=1) | {"b0": 5, "b1": 5}]


FORGED: dict[str, Callable[[Witness], list[Row]]] = {
    "BEQZ": _zero_test_forgeries,
    "ADD": _add_forgeries,
    "LOGIC": _immediate_forgeries("LOGIC"),
    "SHIFTI": _constant_shift_forgeries("SHIFTI", "b"),
    "SHIFTI_RW": _constant_shift_forgeries("SHIFTI_RW", "o"),
    "CMP": _immediate_forgeries("CMP"),
    "SHIFT": lambda witness: [*_immediate_forgeries("SHIFT")(witness), *_shift_forgeries(witness)],
    "MUL": _mul_forgeries,
    "P2": _p2_forgeries,
    "PATH_H": _path_head_forgeries,
    "DOT_H": _dot_head_forgeries,
    "ECALL": _ecall_forgeries,
    "DOT": _dot_forgeries,
    "DIV": _div_forgeries,
}


@cache
def tables() -> dict[int, LookupTable]:
    """The lookup tables of the full witness, by bus number."""
    witness = full_witness()
    return lookup_tables(witness.machine, witness.preprocessed, witness.traces)


@cache
def obstacles(name: str) -> Obstacles:
    """What the false rows of a chip show."""
    witness = witness_for(name)
    return find_obstacles(witness.chip(name), tables(), list(candidates(witness, name)))


@pytest.mark.parametrize("name", [name for name in CHIPS if name != "IMG"])
def test_every_constraint_is_the_only_obstacle_of_some_false_row(name: str) -> None:
    chip = full_witness().chip(name)
    names = [constraint.name for constraint in chip.constraints]
    assert len(set(names)) == len(names), "constraint names must be distinct"
    found = {names[k] for k in obstacles(name).constraints}
    assert set(names) - found == set(EXEMPT.get(name, {}))


@pytest.mark.parametrize("name", [name for name in CHIPS if name not in ("IMG", "PATH")])
def test_every_lookup_is_the_only_obstacle_of_some_false_row(name: str) -> None:
    assert set(lookups_of(full_witness().chip(name))) == set(obstacles(name).lookups)


def test_honest_division_rows_are_accepted_by_the_forger() -> None:
    """The forger's formulas are those of the chip: true divisions break nothing."""
    chip = full_witness().chip("DIV")
    honest = [
        divide_row(OpCode.DIVU, 100, 7, 14, 2),
        divide_row(OpCode.DIV, 2**32 - 100, 7, -14, -2, sb=1, sr=1),
        divide_row(OpCode.REM, 2**32 - 100, 2**32 - 7, 14, -2, sb=1, sc=1, sr=1),
        divide_row(OpCode.DIVU, 100, 0, 0xFFFFFFFF, 100, cz=1),
    ]
    for row in honest:
        columns = np.array([[row.get(column, 0)] for column in chip.main], np.uint64)
        values = evaluate(chip.lower(), list(columns))
        assert not any(values[node][0] for node in chip.lower().constraints)


def test_division_corner_cases_have_witnesses() -> None:
    words: list[int] = []
    for b, c in ((0x80000000, 0xFFFFFFFF), (0x80000000, 0), (5, 0), (0, 5), (0xFFFFFFFF, 0x80000000), (0x80000000, 1)):
        words += constant(5, b) + constant(6, c)
        words += [register_form(name, 7, 5, 6) for name in ("div", "divu", "rem", "remu")]
    assert build_witness(program(words + finish())).violations(free_lookups=False) == []
