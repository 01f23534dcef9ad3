"""The prover worker's protocol and its client, with workers that misbehave."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from zk.errors import WorkerError
from zk.service.client import ProveJob, ProverClient, ProveResult, VerifyJob, VerifyResult
from zk.service.worker import Worker

RESULT = {
    "cycles": 7,
    "committed_cells": 8,
    "execute_seconds": 0.1,
    "prove_seconds": 0.2,
    "proof_bytes": 9,
    "security_bits": 100.5,
    "peak_rss_bytes": 10,
    "public_values": [0] * 38,
    "vk_digest": "00",
}
ECHO = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"id": request["id"], "progress": {"stage": "gkr", "done": 0.5}}), flush=True)
    if "verify" in request:
        result = {"cycles": 3, "public_values": [1], "vk_digest": request["verify"]["config"]}
        print(json.dumps({"id": request["id"], "result": result}), flush=True)
        continue
    if request["guest"].endswith("short"):
        print(json.dumps({"id": request["id"], "result": {"cycles": 1}}), flush=True)
        continue
    if request["guest"].endswith("bad"):
        print(json.dumps({"id": request["id"], "error": {"type": "ElfError", "message": "no guest"}}), flush=True)
    elif request["guest"].endswith("die"):
        print("out of memory", file=sys.stderr, flush=True)
        sys.exit(3)
    elif request["guest"].endswith("noise"):
        print("this is no JSON", flush=True)
    elif request["guest"].endswith("deep"):
        print("[" * 100_000, flush=True)
    elif request["guest"].endswith("overflow"):
        print('{"id": %d, "progress": {"stage": "gkr", "done": 1%s}}' % (request["id"], "0" * 400), flush=True)
    elif request["guest"].endswith("long"):
        print("x" * 2_000_000, flush=True)
    elif request["guest"].endswith("typed"):
        print(json.dumps({"id": request["id"], "result": {**RESULT, "cycles": "7"}}), flush=True)
    elif not request["guest"].endswith("hang"):
        print(json.dumps({"id": request["id"], "result": RESULT}), flush=True)
"""


def job(name: str = "guest") -> ProveJob:
    return ProveJob(Path(name), Path("hints"), "P2", Path("proof"))


def client() -> ProverClient:
    return ProverClient((sys.executable, "-c", f"RESULT = {RESULT!r}\n{ECHO}"))


async def test_result_and_progress_reach_the_caller() -> None:
    stages: list[tuple[str, float]] = []
    async with client() as prover:
        result = await prover.prove(job(), lambda stage, done: stages.append((stage, done)))
    assert result == ProveResult(**RESULT)  # type: ignore[arg-type]
    assert stages == [("gkr", 0.5)]


async def test_concurrent_calls_get_their_own_answers() -> None:
    async with client() as prover:
        results = await asyncio.gather(*(prover.prove(job(n)) for n in ("a", "bad", "b")), return_exceptions=True)
    assert isinstance(results[0], ProveResult) and isinstance(results[2], ProveResult)
    assert isinstance(results[1], WorkerError) and results[1].kind == "ElfError" and str(results[1]) == "no guest"


async def test_dead_worker_is_an_error_with_its_last_words_and_is_replaced() -> None:
    async with client() as prover:
        with pytest.raises(WorkerError, match="status 3: out of memory"):
            await prover.prove(job("die"))
        assert (await prover.prove(job())).cycles == 7


@pytest.mark.parametrize("name", ["noise", "deep", "overflow", "long"])
async def test_malformed_reply_is_an_error(name: str) -> None:
    async with client() as prover:
        with pytest.raises(WorkerError, match="malformed"):
            await asyncio.wait_for(prover.prove(job(name)), 30)
        assert (await prover.prove(job())).cycles == 7


async def test_cancelled_call_ends_the_worker_and_the_next_call_works() -> None:
    async with client() as prover:
        task = asyncio.create_task(prover.prove(job("hang")))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await prover.prove(job())).cycles == 7


@pytest.mark.parametrize(
    ("line", "kind", "reason"),
    [
        (b"{", "RequestError", "Expecting"),
        (b"[]", "RequestError", "JSON object"),
        (b'{"guest": "x"}', "RequestError", "id"),
        (b"\xff\xff", "RequestError", "decode"),
        (b"[" * 100_000, "RequestError", "recursion"),
        (b'{"id":' + b"9" * 5000 + b"}", "RequestError", "digits"),
        (b'{"id": 1, "config": "P2", "guest": "a\\u0000b", "hints": "h", "proof": "p"}', "RequestError", "guest"),
        (b'{"id": 1, "config": "P2", "guest": "g", "hints": "\\ud800", "proof": "p"}', "RequestError", "hints"),
        (b'{"id": 1, "config": "Q"}', "RequestError", "config"),
        (b'{"id": 1, "config": "P2", "hints": "h", "proof": "p"}', "RequestError", "guest"),
        (b'{"id": 1, "config": "P2", "guest": "g", "hints": 5, "proof": "p"}', "RequestError", "hints"),
        (
            b'{"id": 1, "config": "P2", "guest": "g", "hints": "h", "proof": "p", "coprocessors": "P2"}',
            "RequestError",
            "coprocessors",
        ),
        (
            b'{"id": 1, "config": "P2", "guest": "g", "hints": "h", "proof": "p", "log_rows_max": true}',
            "RequestError",
            "log_rows_max",
        ),
        (b'{"id": 1, "config": "P2", "guest": "/absent", "hints": "h", "proof": "p"}', "ElfError", "absent"),
    ],
)
def test_worker_answers_bad_requests_with_a_typed_error(line: bytes, kind: str, reason: str) -> None:
    replies: list[dict[str, object]] = []
    Worker(replies.append).serve([b"\n", line])
    error = replies[-1]["error"]
    assert isinstance(error, dict) and error["type"] == kind and reason in error["message"]


async def test_verification_and_short_results() -> None:
    async with client() as prover:
        assert await prover.verify(VerifyJob(Path("g"), Path("p"), "K")) == VerifyResult(3, [1], "K")
        with pytest.raises(WorkerError, match="result without"):
            await prover.prove(job("short"))
        with pytest.raises(WorkerError, match="cycles: expected int"):
            await prover.prove(job("typed"))


def test_verify_job_survives_the_wire() -> None:
    original = VerifyJob(Path("g"), Path("p"), "K", ("P2",), 17, "ROOT_TEST")
    message = json.loads(json.dumps({"id": 1, **original.to_message()}))
    assert VerifyJob.from_message(message) == original
    for broken in ({"verify": 1}, {"verify": {"guest": "g", "config": "K"}}, {"verify": {"guest": "g", "proof": "p"}}):
        with pytest.raises(WorkerError):
            VerifyJob.from_message(broken)


def test_job_survives_the_wire() -> None:
    original = ProveJob(Path("g"), Path("h"), "K", Path("p"), ("P2", "P2_PATH"), 17, "ROOT_TEST")
    message = json.loads(json.dumps({"id": 1, **original.to_message()}))
    assert ProveJob.from_message(message) == original


def test_client_imports_neither_prover_nor_numpy() -> None:
    code = (
        "import sys, zk.service.client; print([m for m in ('numpy', 'gpu', 'zk.machine', 'zk.vm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
