"""The readable NumPy device: the reference of every kernel, used as the oracle in tests."""

from gpu.reference.device import ReferenceDevice

__all__ = ["ReferenceDevice"]
