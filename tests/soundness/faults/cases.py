"""Which tests refuse the false witnesses of the proof system's section 19, cases 27 to 45.

`vm` is tests/soundness/vm, `faults` this folder, `columns` tests/soundness/columns, `shards` tests/soundness/shards.
"""

from __future__ import annotations

CASES: dict[int, tuple[str, tuple[str, ...]]] = {
    27: ("constraint violated on one row", (
        "vm/test_cases.py::test_27_violated_constraint_on_one_row",
        "faults/test_false_instructions.py::test_result_of_another_operation_is_refused_by_the_chip",
        "faults/test_proven_lies.py::test_proof_of_a_lie_is_refused",
    )),
    28: ("false next state, also with matching public value", (
        "vm/test_cases.py::test_28_false_next_state_even_with_matching_public_value",
        "vm/test_cases.py::test_28_branch_with_a_false_next_pc",
        "faults/test_false_instructions.py::test_result_that_the_instruction_does_not_give_is_refused",
        "faults/test_false_instructions.py::test_instruction_that_is_not_in_the_program_is_refused",
    )),
    29: ("operand outside of its range table", ("vm/test_cases.py::test_29_operand_outside_of_its_table",)),
    30: ("multiplicity off by one", ("vm/test_mutations.py::test_lookup_multiplicity_off_by_one_is_refused",)),
    31: ("active phantom row in the padding", (
        "vm/test_cases.py::test_31_phantom_row_in_the_padding",
        "columns/test_columns.py::test_columns_on_padding_rows_are_free_and_selectors_are_not",
    )),
    32: ("selector value 2", ("vm/test_mutations.py::test_selector_two_or_minus_one_is_refused",)),
    33: ("preprocessed column replaced", ("vm/test_cases.py::test_33_replaced_preprocessed_column",)),
    34: ("skipped or duplicated step, changed clock, rows beside the path", (
        "vm/test_cases.py::test_34_changed_clock_of_one_step",
        "vm/test_mutations.py::test_deleted_and_duplicated_rows_are_refused",
        "faults/test_false_instructions.py::test_skipped_instruction_is_refused_even_with_all_clocks_moved",
        "faults/test_false_histories.py::test_34_row_beside_the_public_path_is_refused",
        "faults/test_false_histories.py::test_34_closed_cycle_of_states_is_refused",
        "faults/test_false_histories.py::test_34_closed_cycle_of_states_at_one_clock_is_refused",
    )),
    35: ("write without later consumer, stale read, t_prev >= ts", (
        "vm/test_cases.py::test_35_access_time_not_before_the_access_is_refused",
        "faults/test_false_histories.py::test_35_stale_read_that_takes_the_first_value_again_is_refused",
        "faults/test_false_histories.py::test_35_stale_read_moved_before_the_write_is_refused",
        "faults/test_false_histories.py::test_35_two_writes_in_the_other_order_are_refused",
        "faults/test_false_histories.py::test_35_write_that_nobody_sees_is_refused",
    )),
    36: ("double initialisation, image and zero region, address >= 2^30, unaligned", (
        "vm/test_cases.py::test_36_second_initialisation_of_an_address",
        "vm/test_cases.py::test_36_unaligned_zero_word_is_refused",
        "faults/test_false_histories.py::test_36_word_initialised_twice_is_refused",
        "faults/test_false_histories.py::test_36_image_word_initialised_as_zero_is_refused",
    )),
    37: ("x0 written", ("vm/test_cases.py::test_37_write_to_x0_is_refused",)),
    38: ("output word committed twice or never", (
        "vm/test_cases.py::test_38_output_word_never_or_twice_committed",
        "faults/test_false_histories.py::test_38_output_word_committed_twice_and_another_never_is_refused",
        "faults/test_false_histories.py::test_38_output_word_that_the_public_values_name_alone_is_refused",
    )),
    39: ("hint out of 16-bit limb range", ("vm/test_cases.py::test_39_hint_limb_out_of_range",)),
    40: ("delegation answered twice, never, or by another call or time", (
        "vm/test_cases.py::test_40_delegation_answered_never_twice_or_by_another_call_or_time",
        "faults/test_false_histories.py::test_40_rows_of_a_coprocessor_beside_any_call_are_refused",
    )),
    41: ("coprocessor with overlapping operands", (
        "vm/test_cases.py::test_41_overlapping_operands_have_no_proof",
        "vm/test_cases.py::test_41_a_word_read_twice_in_one_call_is_refused",
    )),
    42: ("non-canonical field word", (
        "vm/test_cases.py::test_42_word_that_is_not_below_p_is_refused_by_p2",
        "vm/test_needed_constraints.py::test_every_constraint_is_the_only_obstacle_of_some_false_row",
    )),
    43: ("lies across shards", ("shards/test_cross_shard_lies.py::test_checker_refuses", "shards/test_cross_shard_lies.py::test_verifier_refuses_the_proof",)),
    45: ("link limbs, flags (1, -1), base flag, call arguments, ROM and IMG rules", (
        "vm/test_cases.py::test_45_link_limb_that_is_a_quarter_mod_p_is_refused",
        "vm/test_cases.py::test_45_flags_one_and_minus_one_on_a_padding_row_are_refused",
        "vm/test_cases.py::test_45_base_flag_changed_inside_a_call_is_refused",
        "vm/test_cases.py::test_45_unused_call_argument_must_be_zero",
        "vm/test_cases.py::test_45_call_number_above_the_field_order_is_refused",
        "vm/test_cases.py::test_45_setup_refuses_rom_rows",
        "vm/test_cases.py::test_45_setup_refuses_a_duplicate_pc",
        "vm/test_cases.py::test_45_setup_refuses_image_rows",
    )),
}  # fmt: skip
NOT_YET = {44: "recursion does not exist yet"}
