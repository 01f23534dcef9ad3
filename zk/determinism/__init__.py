"""Proofs that the rows of a chip are functions: what a row receives determines what it sends."""
