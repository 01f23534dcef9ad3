"""Section 19, case 47: every constraint of the machine is needed.

For each constraint there is a false row that breaks it alone: all other constraints hold and all range, byte, AND and shift lookups
are legal, so without this constraint the row could be part of an accepted trace. (PROG is left out: the forger may wait for a
program with the fitting instruction.) The rows come from a search over changes of one column, or of two flags, with all
defined columns computed again; the few that need more are written down.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.soundness.vm.test_mutations import CHIPS
from tests.soundness.vm.witness import Witness, build_witness, full_witness
from tests.unit.vm.assembler import constant, finish, program, register_form
from zk.air.affine import postorder
from zk.air.check import evaluate
from zk.air.chip import Chip
from zk.air.expression import Expr, P
from zk.vm.isa import OpCode

U64 = NDArray[np.uint64]
Row = dict[str, int]

HALF = pow(2, -16, P)  # 2^-16 = -32512: a "carry" of this size moves a limb by one
SBOXES = frozenset(f"s{i}" for i in range(148))
# Constraints without such a row: implied by the others, or covered elsewhere.
EXEMPT = {
    "DIV": {
        # cz c = 0 and cz (q - 255) = 0 leave only c = 0, where |r| < |c| cannot hold: cz = 1 is the only way out.
        "cz is boolean",
        # sr = 1 with sb = 0 forces r = 0, so the remainder would be -2^32, and |r| < |c| fails.
        "a negative remainder needs a negative b",
    },
    # The S-boxes of P2 are those of PATH, made by the same function; here a false one needs sixteen new outputs as well.
    "P2": set(SBOXES),
}


def evaluate_expression(expr: Expr, columns: U64) -> U64:
    """Value of an expression on all columns (count, n)."""
    prime, values = np.uint64(P), {}
    for node in postorder(expr):
        if node.left is None or node.right is None:
            values[id(node)] = (
                columns[node.value] if node.op == "column" else np.full(columns.shape[1], node.value, np.uint64)
            )
            continue
        a, b = values[id(node.left)], values[id(node.right)]
        values[id(node)] = (a * b if node.op == "mul" else a + b if node.op == "add" else a + prime - b) % prime
    return values[id(expr)]


def candidates(witness: Witness, name: str) -> Iterator[tuple[U64, list[int]]]:
    """Blocks of rows with the numbers of the columns that were changed."""
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
            yield block, [number]
    bits = [n for n in range(len(chip.main)) if chip.main[n] in chip.selectors or (original[n] <= 1).all()]
    for first, second in itertools.combinations(bits, 2):
        for u, v in itertools.product((0, 1, 2, P - 1), repeat=2):
            block = original.copy()
            block[first], block[second] = u, v
            yield block, [first, second]
    for forged in FORGED.get(name, lambda _: [])(witness):
        # Only forgeries of SHIFT leave the defined columns to be computed.
        yield np.array([[forged.get(column, 0)] for column in chip.main], np.uint64), [-1] if name == "SHIFT" else []


def with_definitions(chip: Chip, blocks: list[tuple[U64, list[int]]]) -> U64:
    """The rows of all blocks, side by side, with the defined columns that were not changed computed again."""
    rows = np.concatenate([block for block, _ in blocks], axis=1)
    for constraint in chip.constraints:
        if constraint.defines is not None:
            value = evaluate_expression(constraint.expr - Expr("column", constraint.defines, degree=1), rows)
            value = (np.uint64(P) - value) % np.uint64(P)
            own = [np.full(block.shape[1], not changed or constraint.defines in changed) for block, changed in blocks]
            rows[constraint.defines] = np.where(np.concatenate(own), rows[constraint.defines], value)
    return rows


def sole_violations(chip: Chip, blocks: list[tuple[U64, list[int]]]) -> set[str]:
    """Names of the constraints that some row breaks alone, its lookups being legal."""
    rows, program = with_definitions(chip, blocks), chip.lower()
    values = evaluate(program, list(rows))
    broken = np.stack([values[node] != 0 for node in program.constraints])
    legal = np.ones(rows.shape[1], bool)
    for interaction, lowered in zip(chip.interactions, program.interactions, strict=True):
        if interaction.bus.kind == "lookup" and interaction.bus.name != "PROG":
            message = [values[node] for node in lowered.message]
            legal &= _is_legal(interaction.bus.name, message) | (values[lowered.multiplicity] == 0)
    # A row with a selector set. Flags (1, -1) count, though no multiplicity here is a single flag: rule 5.3 forbids them.
    active = rows[[chip.main.index(name) for name in chip.selectors]].any(axis=0)
    alone = (broken.sum(axis=0) == 1) & legal & active
    return {c.name for c, row in zip(chip.constraints, broken, strict=True) if (row & alone).any()}


def sole_illegal_lookups(chip: Chip, blocks: list[tuple[U64, list[int]]]) -> set[int]:
    """Numbers of the lookups that are the only illegal one of some row that breaks no constraint."""
    rows, program = with_definitions(chip, blocks), chip.lower()
    values = evaluate(program, list(rows))
    sound = ~np.any([values[node] != 0 for node in program.constraints], axis=0)
    numbers = lookups_of(chip)
    illegal = np.zeros((len(numbers), rows.shape[1]), bool)
    for i, number in enumerate(numbers):
        lowered = program.interactions[number]
        message = [values[node] for node in lowered.message]
        legal = _is_legal(chip.interactions[number].bus.name, message)
        illegal[i] = ~legal & (values[lowered.multiplicity] != 0)
    alone = (illegal.sum(axis=0) == 1) & sound
    return {number for number, row in zip(numbers, illegal, strict=True) if (row & alone).any()}


def lookups_of(chip: Chip) -> list[int]:
    """Numbers of the interactions that look something up, PROG left out."""
    chosen = [i.bus.kind == "lookup" and i.bus.name != "PROG" for i in chip.interactions]
    return [number for number, wanted in enumerate(chosen) if wanted]


def _is_legal(bus: str, message: list[U64]) -> NDArray[np.bool_]:
    if bus == "R16":
        return message[0] < 65536
    if bus == "SH":
        one, low = np.uint64(1), message[0] & np.uint64(15)
        powers = (message[1] == one << low) & (message[2] == one << (np.uint64(16) - low))
        return (message[0] < 32) & powers & (message[3] == message[0] >> np.uint64(4))
    pair = (message[0] < 256) & (message[1] < 256)
    return pair & (message[0] & message[1] == message[2]) if bus == "AND" else pair


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
    for name, sign in itertools.product(("add", "sub"), (1, -1)):
        row = _real(witness, "ADD", **{name: 1})
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
        forged.append(row | carry)
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
        return [row | {"f_i": 2, "t2": 0, "d2": 4 * row["clk"] & 0xFFFF}]

    return forge


def _logic_forgeries(witness: Witness) -> list[Row]:
    """AND and OR at once, on zero operands."""
    row = _real(witness, "LOGIC", f_i=0) | {"and": 1, "or": 1, "xor": 0}
    zero = ("b0", "b1", "c0", "c1", "bl0", "bl1", "cl0", "cl1", "n0", "n1", "n2", "n3", "a0", "a1")
    return [row | dict.fromkeys(zero, 0), *_immediate_forgeries("LOGIC")(witness)]


def _p2_forgeries(witness: Witness) -> list[Row]:
    """Other output words, canonical ones; and what node = 2 would give."""
    row = _real(witness, "P2", node=0)
    forged = [
        row | {f"out{i}_lo": 77, f"out{i}_hi": 1, f"out{i}_e": 77 * pow(0x7F00 - 1, -1, P) % P} for i in range(16)
    ]
    twice = dict(row) | {"node": 2}
    for i in range(16):
        x, y = (row[f"{kind}{i}_lo"] + 65536 * row[f"{kind}{i}_hi"] for kind in ("in", "out"))
        word = (y + 2 * x if i < 8 else y + 2 * (x - y)) % P
        twice |= {f"out{i}_lo": word & 0xFFFF, f"out{i}_hi": word >> 16}
        twice[f"out{i}_e"] = (word & 0xFFFF) * pow(0x7F00 - (word >> 16), -1, P) % P
    words = {f"{kind}{i}_{{}}": kind == "out" for i in range(16) for kind in ("in", "out")}
    return [*forged, twice, *_all_word_forgeries(witness, "P2", words)]


def divide_row(op: OpCode, b: int, c: int, q: int, r: int, q_bytes: dict[str, int] | None = None, **signs: int) -> Row:
    """A DIV row claiming b = q c + r: carries and slack are whatever solves the limb equations. sb, sc, sr, cz as given.

    `q_bytes` replaces digits of q.
    """
    row = dict.fromkeys(("sb", "sc", "sr", "cz"), 0) | {name: value % P for name, value in signs.items()}
    q_word, r_word = q % 2**32, r % 2**32
    name = op.name.lower()
    row |= {name: 1, "pc": 4, "clk": 5, "b0": b & 0xFFFF, "b1": b >> 16, "c0": c & 0xFFFF, "c1": c >> 16}
    row |= {f"d{i}": lo for i, lo in ((1, 19), (2, 20), (3, 22))}  # t = 0
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
        # quotients rounded down instead of towards zero
        divide_row(OpCode.DIV, minus - 5, 3, -2, 1, sb=1),
        divide_row(OpCode.DIV, minus - 0x50000, 0x30000, -2, 0x10000, sb=1),
        # division by zero claimed of divisors that are not zero; and on a row without an instruction
        divide_row(OpCode.DIV, 4, 3, -1, 7, cz=1),
        divide_row(OpCode.DIV, 4, 0x10000, -1, 0x10004, cz=1),
        {"cz": 1, "g0": P - 1} | {f"q{i}": 255 for i in range(4)},
        *_div_lookup_forgeries(),
    ]  # fmt: skip


FORGED: dict[str, Callable[[Witness], list[Row]]] = {
    "ADD": _add_forgeries,
    "LOGIC": _logic_forgeries,
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


@pytest.mark.parametrize("name", [name for name in CHIPS if name != "IMG"])
def test_every_constraint_is_the_only_obstacle_of_some_false_row(name: str) -> None:
    witness = full_witness()
    chip = witness.chip(name)
    names = [constraint.name for constraint in chip.constraints]
    assert len(set(names)) == len(names), "constraint names must be distinct"
    found = sole_violations(chip, list(candidates(witness, name)))
    assert set(names) - found == EXEMPT.get(name, set())


# k0, k1, k2 + 1024 in MUL and DIV: the sum of the carries alone bounds them on every row tried here; both are kept, as the
# argument of section 21 uses both.
UNPROVEN_LOOKUPS = {"MUL": 3, "DIV": 3}


@pytest.mark.parametrize("name", [name for name in CHIPS if name not in ("IMG", "PATH")])
def test_every_lookup_is_the_only_obstacle_of_some_false_row(name: str) -> None:
    witness = full_witness()
    chip = witness.chip(name)
    found = sole_illegal_lookups(chip, list(candidates(witness, name)))
    assert len(set(lookups_of(chip)) - found) == UNPROVEN_LOOKUPS.get(name, 0)


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
