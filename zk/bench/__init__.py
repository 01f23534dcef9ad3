"""Benchmarks of the prover; they print rate, bound and machine."""
