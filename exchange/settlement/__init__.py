"""Batches on their way to the chain: batcher, prover worker, chain client."""
