"""Rates of the kernels on this machine: `python -m gpu.bench`."""
