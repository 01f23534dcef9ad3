"""Prover, verifier, keys, proofs, soundness."""
