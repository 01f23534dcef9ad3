"""Soundness: what must be rejected (proof system, section 19), on a toy machine that uses every part of the argument.

case      test
1-9       test_tampered_proofs; each check of form and shape is needed: test_needed_checks
10        test_false_proofs.test_public_value_outside_the_rules_is_rejected_only_by_their_check
11        test_needed_checks.test_zero_root_denominator..., test_zero_public_denominator...
12-22     test_tampered_proofs: every field of every kind, rows, paths, nonces
23        test_false_proofs.test_position_opened_twice_is_rejected
24-26     test_false_proofs.test_commitment_to_another_vector_is_rejected
27-34     test_false_proofs.test_false_witness_is_rejected
46        test_false_proofs.test_adaptive_forgery_is_caught_by_one_check_and_only_by_it
47        the same, test_needed_checks, test_needed_constraints

Cases 35-45 belong to the RV32IM machine: tests/soundness/vm.
"""
