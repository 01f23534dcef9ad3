"""Guests proven and verified with the whole system, in every configuration, through library, command line and worker."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from gpu import default_device
from tests.soundness.vm.witness import full_witness
from tests.unit.vm.command import blindbook
from zk.errors import HeaderError, VerificationError, VerifyingKeyMismatchError
from zk.machine.keys import setup
from zk.machine.prover import prove
from zk.machine.verifier import verify
from zk.service.client import ProveJob, ProverClient, VerifyJob, WorkerError
from zk.solidity.assembler import GeneratorError
from zk.solidity.deployment import deployment
from zk.vm.elf import read_elf
from zk.vm.guest import build_guest, build_sample
from zk.vm.keys import GuestKeys, guest_keys
from zk.vm.proving import prove_guest, verify_guest

LOG_ROWS = 14  # keeps the list of admissible shapes short


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proofs")
    for name in ("fibonacci", "sha256"):
        build_sample(name, folder / f"{name}.elf")
    return folder


@pytest.fixture(scope="module")
def fibonacci_keys(folder: Path) -> GuestKeys:
    return guest_keys(read_elf(folder / "fibonacci.elf"), "P2", device=default_device(), log_rows_max=LOG_ROWS)


@pytest.mark.parametrize("config", ["P2", "K", "KA"])
def test_sha256_guest_proves_and_verifies(folder: Path, config: str) -> None:
    message = b"abc" * 7
    words = np.frombuffer(message + bytes(-len(message) % 4), "<u4").astype(np.uint32)
    keys = guest_keys(read_elf(folder / "sha256.elf"), config, device=default_device(), log_rows_max=LOG_ROWS)  # type: ignore[arg-type]
    stages: list[str] = []
    proven = prove_guest(
        keys,
        np.concatenate([np.array([len(message)], np.uint32), words]),
        default_device(),
        lambda stage, done: stages.append(stage),
    )
    result = verify_guest(keys.verifying, proven.proof)
    assert np.array(result.outputs[:8], ">u4").tobytes() == hashlib.sha256(message).digest()
    assert (result.exit_code, result.cycles, result.public_values) == (0, proven.cycles, proven.public_values)
    assert list(dict.fromkeys(stages)) == ["execute", "trace", "commit", "gkr", "zerocheck", "open"]
    assert float(keys.verifying.security().total) >= 100
    for position in (40, 90, len(proven.proof) // 2, len(proven.proof) - 1):
        changed = bytearray(proven.proof)
        changed[position] ^= 1
        with pytest.raises(VerificationError):
            verify_guest(keys.verifying, bytes(changed))


def test_proof_is_bound_to_its_program(folder: Path, fibonacci_keys: GuestKeys) -> None:
    proven = prove_guest(fibonacci_keys, np.array([5], np.uint32), default_device())
    verify_guest(fibonacci_keys.verifying, proven.proof)
    other = guest_keys(read_elf(folder / "sha256.elf"), "P2", device=default_device(), log_rows_max=LOG_ROWS).verifying
    assert fibonacci_keys.verifying.digest != other.digest
    with pytest.raises(VerificationError):
        verify_guest(other, proven.proof)


def test_proof_at_rate_one_half_is_no_proof_for_the_contract(folder: Path) -> None:
    program = read_elf(folder / "fibonacci.elf")
    fast, onchain = (
        guest_keys(program, config, device=default_device(), log_rows_max=LOG_ROWS) for config in ("KA", "K")
    )
    proof = prove_guest(fast, np.array([5], np.uint32), default_device()).proof
    with pytest.raises(HeaderError, match="configuration"):
        verify_guest(onchain.verifying, proof)
    relabelled = bytearray(proof)
    relabelled[6] = onchain.verifying.configuration.code
    with pytest.raises(VerifyingKeyMismatchError):
        verify_guest(onchain.verifying, bytes(relabelled))
    relabelled[8:40] = onchain.verifying.digest
    with pytest.raises(VerificationError):
        verify_guest(onchain.verifying, bytes(relabelled))
    with pytest.raises(GeneratorError, match="found KA"):
        deployment(fast.verifying)


def test_failed_guest_is_proven_but_not_accepted(tmp_path: Path) -> None:
    (tmp_path / "fail.cpp").write_text('#include "blindbook_guest.hpp"\nint main() { return 9; }\n')
    keys = guest_keys(
        read_elf(build_guest([tmp_path / "fail.cpp"], tmp_path / "fail.elf")), "P2", log_rows_max=LOG_ROWS
    )
    proven = prove_guest(keys, np.zeros(0, np.uint32), default_device())
    assert verify_guest(keys.verifying, proven.proof, allow_failure=True).exit_code == 9
    with pytest.raises(VerificationError, match="exit code"):
        verify_guest(keys.verifying, proven.proof)


@pytest.mark.soak
def test_every_chip_at_once_proves_and_a_false_trace_does_not() -> None:
    witness = full_witness()
    device = default_device()
    proving, verifying = setup(witness.machine, witness.preprocessed, "P2", "APP", device, 15)
    proof = prove(proving, witness.traces, witness.public_values, device)
    assert list(verify(verifying, proof)) == witness.public_values
    broken = witness.copy()
    row = int(broken.real_rows("DIV")[0])
    broken.column("DIV", "a0")[row] ^= 1
    assert broken.violations()
    proof = prove(proving, broken.traces, broken.public_values, device)
    with pytest.raises(VerificationError):
        verify(verifying, proof)


def test_command_line_proves_and_verifies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elf, proof = str(folder / "fibonacci.elf"), str(folder / "cli.proof")
    options = ("--log-rows", str(LOG_ROWS), "--json")
    status, out, _ = blindbook(capsys, "zkvm", "prove", elf, "--hint", "20", "-o", proof, *options)
    made = json.loads(out)
    assert status == 0 and made["proof_bytes"] == Path(proof).stat().st_size
    status, out, _ = blindbook(capsys, "zkvm", "verify", elf, proof, *options)
    accepted = json.loads(out)
    assert status == 0
    assert (accepted["accepted"], accepted["outputs"][0], accepted["vk_digest"]) == (True, 6765, made["vk_digest"])
    Path(proof).write_bytes(Path(proof).read_bytes()[:-1])
    status, out, _ = blindbook(capsys, "zkvm", "verify", elf, proof, *options)
    assert status == 1 and "error" in json.loads(out)


async def test_worker_proves_for_its_client(folder: Path, fibonacci_keys: GuestKeys) -> None:
    hints = folder / "hints"
    hints.write_bytes(np.array([30], "<u4").tobytes())
    stages: list[str] = []
    job = ProveJob(folder / "fibonacci.elf", hints, "P2", folder / "worker.proof", log_rows_max=LOG_ROWS)
    async with ProverClient() as client:
        result = await client.prove(job, lambda stage, done: stages.append(stage))
        checked_there = await client.verify(VerifyJob(job.guest, job.proof, "P2", log_rows_max=LOG_ROWS))
        assert (checked_there.public_values, checked_there.vk_digest) == (result.public_values, result.vk_digest)
        (folder / "cut.proof").write_bytes(job.proof.read_bytes()[:-4])
        with pytest.raises(WorkerError) as refused:
            await client.verify(VerifyJob(job.guest, folder / "cut.proof", "P2", log_rows_max=LOG_ROWS))
        assert refused.value.kind == "TruncatedProofError"
    assert list(dict.fromkeys(stages)) == ["keys", "execute", "trace", "commit", "gkr", "zerocheck", "open"]
    assert result.vk_digest == fibonacci_keys.verifying.digest.hex()
    checked = verify_guest(fibonacci_keys.verifying, job.proof.read_bytes())
    assert checked.outputs[0] == 832040 and checked.public_values == result.public_values
    assert result.proof_bytes == job.proof.stat().st_size and result.security_bits >= 100 and result.peak_rss_bytes > 0
