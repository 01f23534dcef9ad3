"""Async client of the prover worker. Imports neither the prover nor NumPy: this is what the exchange uses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from zk.errors import WorkerError
from zk.service.messages import LINE_BYTES_MAX, ProveJob, ProveResult, Reply, VerifyJob, VerifyResult, read_reply

OnProgress = Callable[[str, float], None]
WORKER_COMMAND = (sys.executable, "-m", "zk.service.worker")
STOP_SECONDS = 5.0
_STDERR_KEPT = 4096


@dataclass(slots=True)
class _Pending:
    process: asyncio.subprocess.Process
    future: asyncio.Future[dict[str, Any]]
    on_progress: OnProgress | None


class ProverClient:
    """Owns one worker process: `async with ProverClient() as client: await client.prove(job)`.

    Jobs of one client are proven one after the other, in the order of the calls; concurrent calls are allowed. Cancelling a
    call ends the worker, because a proof in progress cannot be stopped otherwise; other waiting calls then fail with
    WorkerError, and the next call starts a new worker.
    """

    def __init__(self, command: Sequence[str] = WORKER_COMMAND) -> None:
        self._command = tuple(command)
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: dict[int, _Pending] = {}
        self._next_id = 1
        self._stderr = b""
        self._start_lock = asyncio.Lock()

    async def __aenter__(self) -> ProverClient:
        await self._started()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def prove(self, job: ProveJob, on_progress: OnProgress | None = None) -> ProveResult:
        """Waits for the proof. Raises WorkerError; its `kind` is the type of the error in the worker."""
        return ProveResult.from_message(await self._request(job.to_message(), on_progress))

    async def verify(self, job: VerifyJob) -> VerifyResult:
        """Checks a proof. Raises WorkerError where it is not accepted; its `kind` names the check that failed."""
        return VerifyResult.from_message(await self._request(job.to_message(), None))

    async def close(self) -> None:
        """Lets the worker end at the end of its input; kills it if it does not within a few seconds."""
        await self._stop(force=bool(self._pending))

    async def _request(self, message: dict[str, Any], on_progress: OnProgress | None) -> dict[str, Any]:
        process = await self._started()
        identity, self._next_id = self._next_id, self._next_id + 1
        pending = _Pending(process, asyncio.get_running_loop().create_future(), on_progress)
        self._pending[identity] = pending
        try:
            request = json.dumps({"id": identity, **message}).encode() + b"\n"
            assert process.stdin is not None
            with contextlib.suppress(ConnectionError):  # the reader reports why the worker is gone
                process.stdin.write(request)
                await process.stdin.drain()
            return await pending.future
        except asyncio.CancelledError:
            await self._stop(force=True)
            raise
        finally:
            self._pending.pop(identity, None)

    async def _started(self) -> asyncio.subprocess.Process:
        async with self._start_lock:
            if self._process is None or self._process.returncode is not None:
                await self._stop(force=True)
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    limit=LINE_BYTES_MAX,
                )
                for reader in (self._read_replies(self._process), self._read_errors(self._process)):
                    task = asyncio.create_task(reader)
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            return self._process

    async def _stop(self, *, force: bool) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            if force:
                _kill(process)
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                _kill(process)
                await process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_replies(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                self._dispatch(read_reply(line))
        except ValueError as error:  # a line above the limit
            self._abandon(process, WorkerError(f"the worker sent a malformed reply: {error}", kind="ProtocolError"))
        except WorkerError as error:
            self._abandon(process, error)
        code = await process.wait()
        said = self._stderr.decode(errors="replace").strip()
        self._fail_calls(process, WorkerError(f"the worker ended with status {code}" + (f": {said}" if said else "")))

    async def _read_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while part := await process.stderr.read(1024):
            self._stderr = (self._stderr + part)[-_STDERR_KEPT:]

    def _dispatch(self, reply: Reply) -> None:
        pending = self._pending.get(reply.identity) if reply.identity is not None else None
        if pending is None or pending.future.done():
            return
        if reply.progress is not None:
            if pending.on_progress is not None:
                pending.on_progress(*reply.progress)
        elif reply.error is not None:
            pending.future.set_exception(reply.error)
        else:
            pending.future.set_result(reply.result or {})

    def _abandon(self, process: asyncio.subprocess.Process, error: WorkerError) -> None:
        """Ends a worker that broke the protocol; the next call starts another one."""
        if self._process is process:
            self._process = None
        self._fail_calls(process, error)
        _kill(process)

    def _fail_calls(self, process: asyncio.subprocess.Process, error: WorkerError) -> None:
        for pending in self._pending.values():
            if pending.process is process and not pending.future.done():
                pending.future.set_exception(error)


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


__all__ = ["OnProgress", "ProveJob", "ProveResult", "ProverClient", "VerifyJob", "VerifyResult", "WorkerError"]
