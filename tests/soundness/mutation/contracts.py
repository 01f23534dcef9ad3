"""Mutants of the contracts: the verifier on a local chain against proofs, the settlement contract against its forge tests."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from web3 import Web3

from exchange.settlement.artifacts import Artifact
from tests.integration.verifier.chain import DeployedVerifier, deploy, local_chain
from tests.integration.verifier.evaluation import pack
from tests.soundness.mutation.attempts import Attempt, attempts
from tests.soundness.mutation.cases import Red
from tests.soundness.mutation.outcome import Kill, Outcome
from tests.soundness.mutation.solidity import ContractMutant, contract_mutants, write_mutants
from zk.solidity.deployment import VerifierDeployment

BUILD_SECONDS_MAX, TEST_SECONDS_MAX = 3600, 600
VERIFIER = (
    "Argument",
    "Extension",
    "Merkle",
    "Multilinear",
    "OpeningVerifier",
    "ProofVerifier",
    "Rows",
    "Shape",
    "Transcript",
)
HONEST_ORIGIN = 1
CALL_GAS = 60_000_000  # the switches cost gas
ASSERTION = re.compile(r"(?:ConditionFalse|\w+Differs|BytesDiffer)\(")  # errors of contracts/test/Base.sol
OTHER_ERROR = re.compile(r"panic: |EvmError: |call reverted as expected, but|.*OutOfGas|.*!=")
VM_FAILURE = re.compile(r"EVM error \w+|execution reverted")  # what the chain says where there is no revert data
# Not here: gas and sizes are those of the contracts without switches.
FORGE_TESTS = ["--no-match-contract", "Gas|Size|Invariant", "--fuzz-runs", "16", "--json"]


def contract_outcomes(folder: Path) -> list[Outcome]:
    """All mutants of all contracts; `folder` must not exist and holds the mutated sources afterwards."""
    write_mutants(folder)
    _forge(folder, ["build"], BUILD_SECONDS_MAX)
    mutants = contract_mutants()
    on_chain = [own for own in mutants if own.mutant.place in VERIFIER]
    outcomes = {outcome.mutant: outcome for outcome in chain_outcomes(folder, on_chain)}
    outcomes |= {o.mutant: o for o in forge_outcomes(folder, [own for own in mutants if own not in on_chain])}
    return [outcomes[own.mutant] for own in mutants]


def _forge(folder: Path, arguments: Sequence[str], seconds: int, *, may_fail: bool = False) -> str:
    command = [str(folder.resolve() / "forge"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode and not may_fail:
        raise RuntimeError(f"forge {arguments[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def forge_outcomes(folder: Path, mutants: Sequence[ContractMutant]) -> Iterator[Outcome]:
    """Runs the forge tests once for each mutant, as its origin; before that once for an origin without a mutant."""
    failed = _failed_tests(folder, f"0x{HONEST_ORIGIN:040x}")
    assert not failed, f"forge tests fail without a mutant: {failed}"
    for own in mutants:
        red = [(list(Kill).index(kill_of(own, reason)), test) for test, reason in _failed_tests(folder, own.origin)]
        if not red:
            yield Outcome(own.mutant)
            continue
        kill, test = min(red)  # where something false went through, that
        yield Outcome(own.mutant, list(Kill)[kill], test)


def _failed_tests(folder: Path, sender: str) -> list[tuple[str, str]]:
    """(test, reason) of every red test."""
    report = json.loads(_forge(folder, ["test", "--sender", sender, *FORGE_TESTS], TEST_SECONDS_MAX, may_fail=True))
    return [
        (f"{suite.split(':')[-1]}.{name.split('(')[0]}", str(result["reason"]))
        for suite, content in report.items()
        for name, result in content["test_results"].items()
        if result["status"] != "Success"
    ]


def kill_of(own: ContractMutant, reason: str) -> Kill:
    """What it means that a test is red for this reason."""
    if "did not revert" in reason:
        return Kill.ACCEPTED
    if own.weakens and ASSERTION.match(reason):
        return Kill.ACCEPTED  # the mutant refuses nothing that the check accepts: the test saw what went through
    return Kill.OTHER_ERROR if OTHER_ERROR.match(reason) else Kill.HONEST


def chain_outcomes(folder: Path, mutants: Sequence[ContractMutant]) -> Iterator[Outcome]:
    """Puts the mutants of the verifier to all attempts; before that the contracts without a mutant in force."""
    with local_chain("--disable-code-size-limit", "--disable-block-gas-limit") as web3:
        bench = _Bench(web3, folder)
        calls = [*map(bench.attempt, attempts()), *bench.creations()]
        wrong = [(call.name, *found) for call in calls if (found := call.judge(HONEST_ORIGIN))]
        assert not wrong, f"red without a mutant: {wrong}"
        for own in mutants:
            yield _first_kill(own, calls)


def _first_kill(own: ContractMutant, calls: Sequence[_Call]) -> Outcome:
    """An attempt that this check refuses and that is accepted now; else the first attempt that turns red."""
    best = Outcome(own.mutant)
    for call in sorted(calls, key=lambda call: (call.error != own.error, bool(call.error))):
        if best.kill is not None and call.error != own.error:
            break
        found = call.judge(int(own.origin, 16))
        if found is not None and (best.kill is None or found[0] is Kill.ACCEPTED):
            best = Outcome(own.mutant, found[0], call.name, found[1])
        if best.kill is Kill.ACCEPTED:
            break
    return best


class _Call:
    """A call on the chain that the error must refuse; honest where this is empty."""

    def __init__(self, bench: _Bench, name: str, error: str, target: str | None, data: str) -> None:
        self._bench, self.name, self.error = bench, name, error
        self._transaction = {"data": data, "gas": hex(CALL_GAS)} | ({"to": target} if target else {})

    def judge(self, origin: int) -> Red | None:
        """How the call turns red when it comes from this origin."""
        found = self._bench.error_of({**self._transaction, "from": f"0x{origin:040x}"})
        if found == self.error:
            return None
        if not found:
            return Kill.ACCEPTED, ""
        return (Kill.OTHER_ERROR, f"{found} instead of {self.error}") if self.error else (Kill.HONEST, found)


class _Bench:
    """The mutated contracts, deployed once for each deployment and choice of challenges."""

    def __init__(self, web3: Web3, folder: Path) -> None:
        self._web3 = web3
        self._artifacts = {name: _artifact(folder, name) for name in ("OpeningVerifier", "ProofVerifier")}
        self._errors = _error_names(folder)
        self._deployed: list[tuple[VerifierDeployment, object, DeployedVerifier]] = []

    def attempt(self, attempt: Attempt) -> _Call:
        """The call of an attempt."""
        contract = self._verifier(attempt).contract
        if attempt.digest is None:
            data = contract.encode_abi("verifyProof", [attempt.proof])
            if attempt.length is not None:  # selector, offset, then the length
                data = data[: 2 + 8 + 64] + f"{attempt.length:064x}" + data[2 + 8 + 128 :]
        else:
            data = contract.encode_abi("verify", [attempt.program_id, attempt.digest, attempt.proof])
        return _Call(self, attempt.name, attempt.error, contract.address, data)

    def creations(self) -> list[_Call]:
        """Creations of ProofVerifier with missing or too many parts."""
        artifact = self._artifacts["ProofVerifier"]
        factory: Any = self._web3.eth.contract(abi=artifact.abi, bytecode=artifact.initcode)
        code = Web3.to_checksum_address(self._deployed[0][2].contract.address)
        bare = Web3.to_checksum_address(f"0x{7:040x}")

        def creation(name: str, error: str, tables: str, evaluators: int) -> _Call:
            data = factory.constructor(bytes(32), tables, code, [code] * evaluators).data_in_transaction
            return _Call(self, name, error, None, data)

        return [
            creation("creation with eight evaluators", "", code, 8),
            creation("creation without an evaluator", "InvalidConstruction", code, 0),
            creation("creation with nine evaluators", "InvalidConstruction", code, 9),
            creation("creation without tables", "InvalidConstruction", bare, 1),
        ]

    def error_of(self, transaction: dict[str, str]) -> str:
        """Name of the error of a call, empty where it goes through. RuntimeError where the call was never executed."""
        answer = self._web3.provider.make_request("eth_call", [transaction, "latest"])  # type: ignore[arg-type]
        if "error" not in answer:
            return ""
        failure: Any = answer["error"]
        data = failure.get("data") if isinstance(failure, dict) else None
        if isinstance(data, str) and data.startswith("0x"):
            return self._errors.get(data[2:10], f"failure {data[:10]}")
        message = VM_FAILURE.match(str(failure.get("message"))) if isinstance(failure, dict) else None
        if message is None:
            raise RuntimeError(f"eth_call: expected revert data or a failure of the EVM, found {failure}")
        return f"failure {message[0]}"

    def _verifier(self, attempt: Attempt) -> DeployedVerifier:
        for own, challenges, verifier in self._deployed:
            if own == attempt.deployment and challenges == attempt.challenges:
                return verifier
        verifier = deploy(self._web3, attempt.deployment, self._artifacts)
        for slot, value in enumerate(attempt.challenges or ()):
            arguments = [verifier.contract.address, hex(slot), f"0x{pack(value):064x}"]
            answer = self._web3.provider.make_request("anvil_setStorageAt", arguments)  # type: ignore[arg-type]
            assert "error" not in answer, answer
        self._deployed.append((attempt.deployment, attempt.challenges, verifier))
        return verifier


def _artifact(folder: Path, name: str) -> Artifact:
    content = json.loads((folder / "out" / f"{name}.sol" / f"{name}.json").read_text())
    code = bytes.fromhex(content["bytecode"]["object"].removeprefix("0x"))
    return Artifact(name, f"src/verifier/{name}.sol", content["abi"], code, 0)


def _error_names(folder: Path) -> dict[str, str]:
    """Names of all errors by selector."""
    names = {}
    for path in sorted((folder / "out").glob("*.sol/*.json")):
        for entry in json.loads(path.read_text())["abi"]:
            if entry["type"] == "error":
                signature = f"{entry['name']}({','.join(i['type'] for i in entry['inputs'])})"
                names[Web3.keccak(text=signature).hex().removeprefix("0x")[:8]] = entry["name"]
    return names
