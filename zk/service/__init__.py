"""The prover worker process and its client."""
