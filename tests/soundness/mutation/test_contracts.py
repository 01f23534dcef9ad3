"""What a call on the chain says; and the whole run over the contracts, which compiles them with all mutants, minutes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from web3 import Web3

from exchange.settlement.artifacts import ToolMissing, tool
from tests.soundness.mutation import record
from tests.soundness.mutation.contracts import _Bench, contract_outcomes


def _bench(answer: dict[str, Any]) -> _Bench:
    """A bench whose chain gives this answer."""
    bench = _Bench.__new__(_Bench)
    provider = SimpleNamespace(make_request=lambda method, parameters: answer)
    bench._web3, bench._errors = cast(Web3, SimpleNamespace(provider=provider)), {"01020304": "WrongRoot"}
    return bench


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"result": "0x"}, ""),
        ({"error": {"message": "execution reverted", "data": "0x01020304"}}, "WrongRoot"),
        ({"error": {"message": "execution reverted", "data": "0x"}}, "failure 0x"),
        ({"error": {"code": -32603, "message": "EVM error OutOfGas"}}, "failure EVM error OutOfGas"),
    ],
)
def test_call_that_was_executed_has_an_error_or_none(answer: dict[str, Any], error: str) -> None:
    assert _bench(answer).error_of({}) == error


@pytest.mark.parametrize("failure", [{"code": -32602, "message": "invalid sender"}, "connection lost"])
def test_call_that_was_never_executed_is_no_refusal(failure: object) -> None:
    with pytest.raises(RuntimeError, match="expected revert data"):
        _bench({"error": failure}).error_of({})


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
