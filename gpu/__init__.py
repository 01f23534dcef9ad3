"""Devices that run the prover's kernels; kernels are written once for CPU and GPU."""
