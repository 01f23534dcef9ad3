"""The generator's rules (proof system, section 5): each is refused when broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zk.air.affine import affine_form, monomials
from zk.air.chip import Bus, Chip
from zk.air.expression import Expr, P
from zk.air.rules import check_chip, check_chips
from zk.errors import AirError

CHAIN = Bus(1, "CHAIN", 1, "permutation")
TABLE = Bus(2, "TABLE", 1, "lookup")
BUSES = (CHAIN, TABLE)

Change = Callable[[Chip, dict[str, Expr]], None]


def consumer(change: Change | None = None, *, booleans: bool = True) -> Chip:
    """A correct chip with two flags and a subordinate one, and a change to it."""
    chip = Chip("USER")
    c = chip.declare(("f", "g", "s", "x", "y"), selectors=("f", "g", "s"))
    both = c["f"] + c["g"]
    if booleans:
        for name, value in (("f", c["f"]), ("g", c["g"]), ("s", c["s"]), ("f + g", both)):
            chip.constrain(name, value * (value - 1))
    chip.constrain("s only on instructions", c["s"] * (1 - both))
    chip.constrain("gated", both * (c["x"] * c["x"] - c["y"]))
    chip.receive(CHAIN, both, c["x"])
    chip.send(CHAIN, both, c["y"])
    chip.send(TABLE, both - c["s"], c["x"])
    if change is not None:
        change(chip, c)
    return chip


def provider(change: Change | None = None) -> Chip:
    chip = Chip("TABLE", height_log_min=4, height_log_max=4, optional=False)
    c = chip.declare(("m",), virtual=("IDX",))
    chip.receive(TABLE, c["m"], c["IDX"])
    if change is not None:
        change(chip, c)
    return chip


def test_correct_chips_are_accepted() -> None:
    check_chips((consumer(), provider()), BUSES)


def _nothing(chip: Chip, columns: dict[str, Expr]) -> None:
    del chip, columns


CONSUMER_FAULTS: dict[str, Change] = {
    "degree 4": lambda chip, c: chip.constrain("cubic", c["f"] * c["x"] * c["x"] * c["x"]),
    "must be affine": lambda chip, c: chip.send(CHAIN, c["f"], c["x"] * c["y"]),
    "not gated": lambda chip, c: chip.constrain("free", c["x"] - c["y"]),
    "not 0 on padding": lambda chip, c: chip.send(CHAIN, 1 - c["f"], c["x"]),
    r"not forced into \{0, 1\}": lambda chip, c: chip.send(CHAIN, c["f"] + c["s"], c["x"]),
    "not forced": lambda chip, c: chip.send(CHAIN, 2 * c["f"], c["x"]),
    "is not forced into": lambda chip, c: chip.send(CHAIN, c["f"] - c["s"], c["x"]),
    r"sign \+": lambda chip, c: chip.receive(TABLE, c["f"], c["x"]),
    "defined twice": lambda chip, c: [chip.define(c["y"], c["x"]) for _ in range(2)],  # type: ignore[dict-item, return-value]
    "selector f cannot": lambda chip, c: chip.define(c["f"], c["x"]),
    "form a cycle": lambda chip, c: [chip.define(c["y"], c["x"]), chip.define(c["x"], c["y"])],  # type: ignore[dict-item, return-value]
    "no columns": lambda chip, c: chip.selectors.append("absent"),
    "occur nowhere": lambda chip, c: chip.main.append("idle"),
    "distinct": lambda chip, c: chip.main.append("f"),
}


@pytest.mark.parametrize("rule", CONSUMER_FAULTS)
def test_fault_in_a_chip_is_refused(rule: str) -> None:
    with pytest.raises(AirError, match=rule):
        check_chips((consumer(CONSUMER_FAULTS[rule]), provider()), BUSES)


def test_flag_without_ungated_booleanity_is_refused() -> None:
    with pytest.raises(AirError, match="not forced"):
        check_chips((consumer(booleans=False), provider()), BUSES)


def test_gated_booleanity_does_not_count() -> None:
    """Flags that are boolean only when their sum is 1 allow (1, -1) on a padding row."""
    chip = Chip("GATED")
    c = chip.declare(("f", "g", "x"), selectors=("f", "g"))
    both = c["f"] + c["g"]
    chip.constrain("sum", both * (both - 1))
    chip.constrain("f", both * (c["f"] * (c["f"] - 1)))
    chip.constrain("g", both * (c["g"] * (c["g"] - 1)))
    chip.send(CHAIN, both, c["x"])
    chip.receive(CHAIN, both, c["x"])
    with pytest.raises(AirError, match="not forced"):
        check_chips((chip,), (CHAIN,))


def test_lookup_bus_needs_exactly_one_provider() -> None:
    with pytest.raises(AirError, match="one providing chip"):
        check_chips((consumer(),), BUSES)
    second = provider()
    second.name = "SECOND"
    with pytest.raises(AirError, match="one providing chip"):
        check_chips((consumer(), provider(), second), BUSES)


def test_provider_multiplicity_must_be_free() -> None:
    with pytest.raises(AirError, match=r"not forced|not gated"):
        check_chips((consumer(), provider(lambda chip, c: chip.constrain("bound", c["m"] - c["IDX"]))), BUSES)


def test_free_multiplicity_on_a_permutation_bus_is_refused() -> None:
    chip = Chip("TABLE2", height_log_min=4, height_log_max=4, optional=False)
    c = chip.declare(("m",), virtual=("IDX",))
    chip.receive(CHAIN, c["m"], c["IDX"])
    with pytest.raises(AirError, match="not forced"):
        check_chips((consumer(), provider(), chip), BUSES)


@pytest.mark.parametrize(
    ("buses", "rule"),
    [
        ((Bus(0, "A", 1, "permutation"),), "1..63"),
        ((Bus(64, "A", 1, "permutation"),), "1..63"),
        ((Bus(1, "A", 16, "permutation"),), "1..15"),
        ((Bus(1, "A", 1, "permutation"), Bus(1, "B", 1, "permutation")), "distinct"),
    ],
)
def test_faulty_buses_are_refused(buses: tuple[Bus, ...], rule: str) -> None:
    with pytest.raises(AirError, match=rule):
        check_chips((), buses)


def test_undeclared_bus_and_equal_names_are_refused() -> None:
    with pytest.raises(AirError, match="not declared"):
        check_chips((consumer(), provider()), (CHAIN,))
    with pytest.raises(AirError, match="names must be distinct"):
        check_chips((consumer(), consumer(), provider()), BUSES)


def test_table_must_be_mandatory_with_one_height() -> None:
    for optional, lowest in ((True, 5), (False, 4)):
        chip = provider()
        chip.optional, chip.height_log_min, chip.height_log_max = optional, lowest, 5
        with pytest.raises(AirError, match="one height"):
            check_chip(chip)
    chip = provider()
    chip.height_log_min = chip.height_log_max = 3
    with pytest.raises(AirError, match=r"2\^4"):
        check_chip(chip)


def test_unknown_virtual_kind_is_refused() -> None:
    chip = Chip("TABLE", height_log_min=4, height_log_max=4, optional=False)
    c = chip.declare(("m",), virtual=("SQUARES",))
    chip.receive(TABLE, c["m"], c["SQUARES"])
    with pytest.raises(AirError, match="SQUARES"):
        check_chip(chip)


def test_wrong_message_length_and_repeated_columns_fail_at_declaration() -> None:
    chip = Chip("A")
    c = chip.declare(("f",))
    with pytest.raises(ValueError, match="expected 1 entries, found 2"):
        chip.send(CHAIN, c["f"], c["f"], c["f"])
    with pytest.raises(ValueError, match="twice"):
        Chip("B").declare(("f", "f"))
    with pytest.raises(ValueError, match="main column"):
        chip.define(c["f"] + 1, c["f"])


def test_affine_form_and_monomials_expand_exactly() -> None:
    x, y = (Chip("A").declare(("x", "y"))[name] for name in ("x", "y"))
    form = affine_form(3 * (x - 2 * y) / 4 - 7)
    quarter = pow(4, -1, P)
    assert form.constant == P - 7
    assert form.coefficients == {0: 3 * quarter % P, 1: -6 * quarter % P}
    assert monomials((x + y) * (x - y)) == {(0, 0): 1, (1, 1): P - 1}
    with pytest.raises(AirError, match="degree 2"):
        affine_form(x * y)
