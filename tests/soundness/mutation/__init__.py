"""Mutation runs: each constraint, each bus interaction and each check of the verifiers, changed; some case must turn red for each.

`python -m tests.soundness.mutation` (`make mutation`) runs everything and writes docs/reports/mutations.md.
"""
