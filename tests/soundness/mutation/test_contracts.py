"""The whole run over the contracts: compiles them with all mutants, minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.settlement.artifacts import ToolMissing, tool
from tests.soundness.mutation import record
from tests.soundness.mutation.contracts import contract_outcomes


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_every_mutant_of_the_contracts_is_killed_as_recorded(tmp_path: Path) -> None:
    try:
        tool("anvil"), tool("forge")
    except ToolMissing as error:
        pytest.skip(str(error))
    outcomes = contract_outcomes(tmp_path / "contracts")
    kills = {outcome.mutant: outcome.kill for outcome in outcomes}
    assert kills == {outcome.mutant: outcome.kill for outcome in record.load("contracts")}
