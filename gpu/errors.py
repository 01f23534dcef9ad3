"""Errors of the devices: one tree."""

from __future__ import annotations


class DeviceError(Exception):
    """Something a device was asked for is not possible."""


class CompilerNotFoundError(DeviceError):
    """No C++ compiler to build the evaluators of a chip with."""


class CompilationError(DeviceError):
    """The compiler refused generated source."""


class TensorError(DeviceError, ValueError):
    """A tensor has a wrong shape or a value that is not canonical."""
