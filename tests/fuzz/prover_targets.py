"""Decoders of the zkVM: proofs, guest files, hint files, messages of the prover worker."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.elf_bytes import mutate_elf, seed_files
from tests.fuzz.json_bytes import mutate_json
from tests.fuzz.large_proof import large_mutation, large_proof, read_form
from tests.fuzz.proof_bytes import argument_ignored, golden_mutation, golden_proof_bytes, golden_proof_key
from tests.fuzz.targets import Target
from zk.configuration import ConfigName
from zk.errors import ElfError, ExecutionError, InputFileError, SetupError, VerificationError, WorkerError
from zk.field import zero
from zk.files import read_words
from zk.machine.boundary import BoundaryRecord
from zk.machine.verifier import verify
from zk.service.messages import ProveJob, ProveResult, VerifyJob, VerifyResult, read_reply
from zk.service.worker import Worker
from zk.shards.bundle import Bundle, encode_bundle, read_bundle
from zk.shards.keys import RunKey
from zk.vm.elf import GuestProgram, load_elf
from zk.vm.executor import execute
from zk.vm.machine import rv32im_machine

CYCLES_MAX = 5_000


def _proof(config: ConfigName) -> Target:
    """The verifier. Nobody can change a byte of a proof: what is accepted is the golden one."""

    def check(data: bytes) -> None:
        verify(golden_proof_key(config), data)
        assert data == golden_proof_bytes(config)

    return Target(
        check,
        (VerificationError,),
        lambda: [golden_proof_bytes(config)],
        lambda data, randomness: golden_mutation(config)(data, randomness),
    )


def _proof_form(config: ConfigName) -> Target:
    """The decoder alone: false claims do not end it."""

    def read(data: bytes) -> None:
        with argument_ignored():
            verify(golden_proof_key(config), data)

    return Target(
        read,
        (VerificationError,),
        lambda: [golden_proof_bytes(config)],
        lambda data, randomness: golden_mutation(config)(data, randomness),
    )


def _large_proof_form(config: ConfigName) -> Target:
    """The decoder with the key of a guest, at the largest sizes that it admits."""
    return Target(
        lambda data: read_form(config, data),
        (VerificationError,),
        lambda: [large_proof(config)],
        lambda data, randomness: large_mutation(config)(data, randomness),
    )


@cache
def _run_key() -> RunKey:
    """A key for the form of bundles: which machine its proofs are of does not matter there."""
    return RunKey(golden_proof_key("K"), golden_proof_key("K"), 4)


def bundle_seed(shards: int = 2) -> bytes:
    """A bundle whose proofs are no proofs."""
    heights = tuple(chip.log_height_min for chip in golden_proof_key("K").chips)
    records = tuple(BoundaryRecord(number, heights, bytes(32), zero()) for number in range(shards + 1))
    return encode_bundle(_run_key(), Bundle(records, tuple(b"proof" * number for number in range(shards + 1))))


def _bundle(data: bytes) -> None:
    """Records and proofs of a run; what is accepted has one form."""
    assert encode_bundle(_run_key(), read_bundle(_run_key(), data)) == data


def _load(data: bytes) -> None:
    """A guest file with everything that is computed from it at once."""
    program = load_elf(data)
    assert len(program.image_id) == 32
    for address in (0, program.entry, 2**32 - 1):
        program.symbol_at(address)


def _run(data: bytes) -> None:
    """A guest file, its machine, and its first cycles: whatever instructions it holds."""
    program = load_elf(data)
    rv32im_machine(program, ("P2", "P2_PATH", "EXT_DOT"), twins=True)
    execution = execute(program, max_cycles=CYCLES_MAX)
    assert 0 < execution.cycles <= CYCLES_MAX


@cache
def _hint_file() -> Path:
    return Path(tempfile.mkdtemp(prefix="blindbook-fuzz-")) / "hints"


@cache
def _hint_reader() -> GuestProgram:
    return load_elf(seed_files()[1])


def _read_hints(data: bytes) -> None:
    """A file of hints, given to a guest that reads two."""
    _hint_file().write_bytes(data)
    words = read_words(_hint_file())
    assert 4 * len(words) == len(data)
    assert execute(_hint_reader(), words).hints_read == 2


@cache
def _worker() -> tuple[Worker, list[dict[str, Any]]]:
    replies: list[dict[str, Any]] = []
    return Worker(replies.append), replies


def _request(line: bytes) -> None:
    """The worker answers any line: with one error, since none of the guests exists. The error is raised for the target."""
    worker, replies = _worker()
    replies.clear()
    worker.serve([line])
    if not line.strip():
        assert not replies
        return
    (reply,) = replies
    json.dumps(reply)
    raise WorkerError(reply["error"]["message"], kind=reply["error"]["type"])


def _reply(line: bytes) -> None:
    """A line of the worker, up to the typed result."""
    reply = read_reply(line)
    if reply.result is not None:
        for kind in (ProveResult, VerifyResult):
            result = kind.from_message(reply.result)
            assert isinstance(result.cycles, int) and all(isinstance(value, int) for value in result.public_values)


def _requests() -> Sequence[bytes]:
    guest, path = Path("/absent/guest"), Path("/absent/file")
    jobs = [ProveJob(guest, path, "K", path, ("P2",), 17, "ROOT"), VerifyJob(guest, path, "P2", ("P2", "EXT_DOT"))]
    return [json.dumps({"id": 7, **job.to_message()}).encode() for job in jobs]


def _replies() -> Sequence[bytes]:
    result = ProveResult(9, 8, 0.5, 1.5, 7, 100.25, 6, [0] * 38, "00").to_message()
    messages = [
        {"id": 1, "result": result},
        {"id": 1, "progress": {"stage": "gkr", "done": 0.5}},
        {"id": None, "error": {"type": "RequestError", "message": "no"}},
    ]
    return [json.dumps(message).encode() for message in messages]


TARGETS: dict[str, Target] = {
    "proof-P2": _proof("P2"),
    "proof-K": _proof("K"),
    "proof-form-P2": _proof_form("P2"),
    "proof-form-K": _proof_form("K"),
    "large-proof-form-P2": _large_proof_form("P2"),
    "large-proof-form-K": _large_proof_form("K"),
    "bundle": Target(_bundle, (VerificationError,), lambda: [bundle_seed(), bundle_seed(1)]),
    "elf": Target(_load, (ElfError,), seed_files, mutate_elf),
    "guest": Target(_run, (ElfError, SetupError, ExecutionError), seed_files, mutate_elf),
    "hints": Target(_read_hints, (InputFileError, ExecutionError), lambda: [bytes(8), bytes(range(16))]),
    "worker-request": Target(_request, (WorkerError,), _requests, mutate_json),
    "worker-reply": Target(_reply, (WorkerError,), _replies, mutate_json),
}
