"""One local chain for all tests of the contracts; the toy machine's verifier on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web3 import Web3

from exchange.settlement.artifacts import ToolMissing, tool
from tests.integration.verifier.chain import DeployedVerifier, deploy, local_chain
from tests.soundness.conftest import Toy
from zk.field import P
from zk.solidity.deployment import deployment
from zk.solidity.tables import PublicRange

TOY_RANGES = (PublicRange(0, P - 1), PublicRange(0, P - 1), PublicRange(0, 1024), PublicRange(0, 0xFFFF))


@pytest.fixture(scope="session")
def web3() -> Iterator[Web3]:
    """A running chain with the limits of the real one."""
    try:
        tool("anvil"), tool("forge")
    except ToolMissing as error:
        pytest.skip(str(error))
    with local_chain() as chain:
        yield chain


@pytest.fixture(scope="session")
def kit() -> Toy:
    """Keys and an honest proof of the toy machine in configuration K."""
    return Toy("K")


@pytest.fixture(scope="session")
def verifier(web3: Web3, kit: Toy) -> DeployedVerifier:
    """The verifier of the toy machine's key."""
    return deploy(web3, deployment(kit.vk, TOY_RANGES))
