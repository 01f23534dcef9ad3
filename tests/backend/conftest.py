"""Every back end that this machine has."""

from __future__ import annotations

import pytest

from gpu.cpu import CpuDevice, instruction_sets
from gpu.device import Device
from gpu.reference import ReferenceDevice

P = 2**31 - 2**24 + 1
NATIVE = [f"cpu-{name}" for name in instruction_sets()]


def make_device(name: str) -> Device:
    return ReferenceDevice() if name == "reference" else CpuDevice(name.removeprefix("cpu-"))


@pytest.fixture(params=["reference", *NATIVE], scope="session")
def device(request: pytest.FixtureRequest) -> Device:
    """Each back end in turn."""
    return make_device(request.param)


@pytest.fixture(params=NATIVE, scope="session")
def native(request: pytest.FixtureRequest) -> CpuDevice:
    """Each native back end in turn."""
    device = make_device(request.param)
    assert isinstance(device, CpuDevice)
    return device
