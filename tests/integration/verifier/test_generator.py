"""The generator writes tables and code for a key, and refuses what the contracts could not check."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.integration.verifier.conftest import TOY_RANGES
from tests.soundness import toy
from tests.soundness.conftest import Toy
from zk.air.chip import Chip, Machine, PublicTerm
from zk.air.expression import ZERO
from zk.field import P
from zk.solidity import evaluator, tables
from zk.solidity.assembler import CODE_SIZE_MAX, INIT_BYTES, GeneratorError, init_code
from zk.solidity.deployment import check_ranges, deployment, rv32im_ranges
from zk.solidity.evaluator import generate_evaluators
from zk.solidity.forms import ChipForms
from zk.solidity.tables import AffineTerm, PublicRange, affine_terms, encode_tables


def test_tables_have_the_layout_of_the_contract(kit: Toy) -> None:
    data = encode_tables(kit.vk, TOY_RANGES)
    chips, rows, values, terms, log_rows_min, log_inv_rate = data[:6]
    assert (chips, rows, values, terms) == (4, len(kit.vk.admissible), 4, 2)
    assert (log_rows_min, log_inv_rate) == (kit.vk.log_rows_min, 4)
    rom = data[16 + 16 : 16 + 32]
    assert rom[:4] == bytes([4, 4, 0, 0])
    assert [int.from_bytes(rom[i : i + 2], "big") for i in (4, 6, 8)] == [1, 2, 1]
    digit = data[16 + 48 : 16 + 64]
    assert digit[3] == 2 and digit[10:12] == bytes([0, 4])  # IDX, POW2_16
    bounds = data[16 + 64 : 16 + 64 + 32]
    assert bounds[16:24] == (0).to_bytes(4, "big") + (1024).to_bytes(4, "big")
    row = data[16 + 64 + 32 :][:64]
    log_rows, log_width = kit.vk.admissible[0]
    assert row[:2] == bytes([log_rows, log_width])
    assert row[32:] == kit.vk.preprocessed_roots[log_rows]
    assert len(data) == 16 + 64 + 32 + 64 * rows + 2 * (4 + 10)


def test_public_terms_are_found_as_affine_functions() -> None:
    start, end = affine_terms(toy.machine())
    assert start == AffineTerm(1, False, ((0, None), (0, 0)))
    assert end == AffineTerm(1, True, ((0, 2), (0, 1)))


def _with_terms(message: tuple[int, ...] | None, factor: int = 1) -> Machine:
    def terms(values: Sequence[int]) -> list[PublicTerm]:
        own = message or (values[0] * values[1], factor * values[2])
        return [PublicTerm(toy.STATE, 1, own)]

    return replace(toy.machine(), public_terms=terms)


def test_public_terms_of_another_form_are_refused() -> None:
    with pytest.raises(GeneratorError, match="affine"):
        affine_terms(_with_terms(None))
    with pytest.raises(GeneratorError, match="constant plus one public value"):
        affine_terms(_with_terms(None, factor=2))


@pytest.mark.parametrize(
    ("index", "wrong"), [(2, PublicRange(0, 1023)), (2, PublicRange(0, 1025)), (3, PublicRange(1, 0xFFFF))]
)
def test_ranges_other_than_the_rules_of_the_machine_are_refused(index: int, wrong: PublicRange) -> None:
    check_ranges(toy.machine(), TOY_RANGES)
    ranges = list(TOY_RANGES)
    ranges[index] = wrong
    with pytest.raises(GeneratorError, match=f"public value {index}"):
        check_ranges(toy.machine(), ranges)


def test_range_beyond_the_field_is_refused() -> None:
    with pytest.raises(GeneratorError, match="below p"):
        check_ranges(toy.machine(), [PublicRange(0, P), *TOY_RANGES[1:]])


def test_machine_of_another_kind_needs_ranges(kit: Toy) -> None:
    with pytest.raises(GeneratorError, match="ranges"):
        rv32im_ranges(toy.machine())
    with pytest.raises(GeneratorError, match="4 ranges"):
        encode_tables(kit.vk, TOY_RANGES[:3])


def test_configuration_p2_is_refused() -> None:
    with pytest.raises(GeneratorError, match="configuration: expected K"):
        deployment(Toy("P2").vk, TOY_RANGES)


def test_plan_is_json_with_creation_codes(kit: Toy) -> None:
    own = deployment(kit.vk, TOY_RANGES)
    plan = json.loads(own.to_json())
    assert bytes.fromhex(plan["program_id"]) == kit.vk.digest
    assert bytes.fromhex(plan["tables"])[INIT_BYTES + 1 :] == encode_tables(kit.vk, TOY_RANGES)
    assert [bytes.fromhex(code) for code in plan["evaluators"]] == list(own.evaluators)


def test_generation_is_deterministic(kit: Toy) -> None:
    assert deployment(kit.vk, TOY_RANGES) == deployment(kit.vk, TOY_RANGES)


def test_code_beyond_the_size_limit_is_refused() -> None:
    assert len(init_code(bytes(CODE_SIZE_MAX))) == CODE_SIZE_MAX + INIT_BYTES
    with pytest.raises(GeneratorError, match="24576"):
        init_code(bytes(CODE_SIZE_MAX + 1))


def test_constraint_that_fits_no_contract_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "CODE_SIZE_MAX", 800)
    with pytest.raises(GeneratorError, match="does not fit"):
        generate_evaluators([toy.step_chip().lower()])


def test_too_many_virtual_columns_are_refused(kit: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "VIRTUAL_MAX", 1)
    with pytest.raises(GeneratorError, match="virtual"):
        encode_tables(kit.vk, TOY_RANGES)


def test_shared_sums_are_computed_once() -> None:
    chip = Chip("shared")
    c = chip.declare(main=["a", "b", "c"])
    shared = c["a"] + c["b"]
    chip.constrain("one", shared * c["c"])
    chip.constrain("two", shared * shared - c["c"])
    program = chip.lower()
    forms = ChipForms(program)
    number = next(i for i in range(len(program.nodes)) if len(forms.definition(i).terms) == 2 and forms.uses(i) > 1)
    assert forms.form(number).terms == ((number, 1),)


def test_cancelled_terms_leave_the_constant() -> None:
    chip = Chip("cancel")
    c = chip.declare(main=["a"])
    chip.constrain("zero", (c["a"] + 5) - c["a"] + ZERO)
    program = chip.lower()
    assert ChipForms(program).form(program.constraints[0]).terms == ()
