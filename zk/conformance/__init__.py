"""Conformance suites: assembly tests with a reference signature, executed, proven and verified."""
