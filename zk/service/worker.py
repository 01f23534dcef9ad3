"""The prover worker: `python -m zk.service.worker`. Requests on stdin, replies on stdout, one proof at a time.

It keeps the keys of the last programs, so that only the first proof of a program pays for setup. It ends at the end of stdin.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, get_args

import numpy as np

from gpu import default_device
from gpu.errors import DeviceError
from zk.errors import WorkerError, ZkError
from zk.files import read_bytes, read_words, write_atomically
from zk.machine.params import ParameterSetName
from zk.service.messages import LINE_BYTES_MAX, ProveJob, ProveResult, VerifyJob, VerifyResult, read_request
from zk.vm.elf import GuestProgram, read_elf
from zk.vm.keys import GuestKeys, guest_keys
from zk.vm.proving import prove_guest, verify_guest

KEYS_KEPT = 3
PROGRESS_SECONDS = 0.1

Reply = Callable[[dict[str, Any]], None]


class Worker:
    """Answers requests; holds the device and the keys of the last programs."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._device = default_device()
        self._keys: OrderedDict[tuple[object, ...], GuestKeys] = OrderedDict()

    def serve(self, lines: Iterable[bytes]) -> None:
        """Handles each line; an error of one request does not end the worker."""
        for line in lines:
            if line.strip():
                self.handle(line)

    def handle(self, line: bytes) -> None:
        """Answers one request."""
        identity: object = None
        try:
            message = read_request(line)
            identity = message["id"]
            self._reply({"id": identity, "result": self._answer(message, _Progress(self._reply, identity))})
        except WorkerError as error:
            self._fail(identity, error.kind, error)
        except (ZkError, DeviceError, OSError, MemoryError) as error:
            self._fail(identity, type(error).__name__, error)

    def _answer(self, message: dict[str, Any], progress: _Progress) -> dict[str, Any]:
        if "verify" in message:
            return self._verify(VerifyJob.from_message(message), progress).to_message()
        return self._prove(ProveJob.from_message(message), progress).to_message()

    def _fail(self, identity: object, kind: str, error: BaseException) -> None:
        self._reply({"id": identity, "error": {"type": kind, "message": str(error) or kind}})

    def _prove(self, job: ProveJob, progress: _Progress) -> ProveResult:
        program, hints = read_elf(job.guest), read_words(job.hints)
        progress("keys", 0.0)
        keys = self._keys_of(program, job)
        proven = prove_guest(keys, np.asarray(hints), self._device, progress)
        write_atomically(job.proof, proven.proof)
        return ProveResult(
            cycles=proven.cycles,
            committed_cells=proven.statistics.committed_cells,
            execute_seconds=proven.execute_seconds,
            prove_seconds=proven.trace_seconds + proven.prove_seconds,
            proof_bytes=len(proven.proof),
            security_bits=float(keys.verifying.security().total),
            peak_rss_bytes=_peak_rss_bytes(),
            public_values=proven.public_values,
            vk_digest=keys.verifying.digest.hex(),
        )

    def _verify(self, job: VerifyJob, progress: _Progress) -> VerifyResult:
        program, proof = read_elf(job.guest), read_bytes(job.proof)
        progress("keys", 0.0)
        keys = self._keys_of(program, job)
        progress("verify", 0.0)
        accepted = verify_guest(keys.verifying, proof)
        return VerifyResult(accepted.cycles, accepted.public_values, keys.verifying.digest.hex())

    def _keys_of(self, program: GuestProgram, job: ProveJob | VerifyJob) -> GuestKeys:
        index = (program.image_id, job.config, job.coprocessors, job.log_rows_max, job.parameter_set)
        if index not in self._keys:
            self._keys[index] = guest_keys(
                program,
                job.config,
                job.coprocessors,
                self._device,
                parameter_set=_parameter_set(job.parameter_set),
                log_rows_max=job.log_rows_max,
            )
            if len(self._keys) > KEYS_KEPT:
                self._keys.popitem(last=False)
        self._keys.move_to_end(index)
        return self._keys[index]


class _Progress:
    """Forwards the start of each stage, and its progress at most ten times per second."""

    def __init__(self, reply: Reply, identity: object) -> None:
        self._reply = reply
        self._identity = identity
        self._stage = ""
        self._last = 0.0

    def __call__(self, stage: str, done: float) -> None:
        now = time.monotonic()
        if stage == self._stage and now - self._last < PROGRESS_SECONDS:
            return
        self._stage, self._last = stage, now
        self._reply({"id": self._identity, "progress": {"stage": stage, "done": round(float(done), 4)}})


def _parameter_set(name: str | None) -> ParameterSetName | None:
    if name is None:
        return None
    for known in get_args(ParameterSetName):
        if known == name:
            return known  # type: ignore[no-any-return]
    raise WorkerError(
        f"parameter_set: expected one of {get_args(ParameterSetName)}, found {name!r}", kind="RequestError"
    )


def _peak_rss_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _line_writer(stream: IO[bytes]) -> Reply:
    def reply(message: dict[str, Any]) -> None:
        stream.write(json.dumps(message).encode() + b"\n")
        stream.flush()

    return reply


def read_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream. Of one above LINE_BYTES_MAX comes the start alone, one byte too long: it is refused by its size."""
    while line := stream.readline(LINE_BYTES_MAX + 1):
        rest = line
        while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
            rest = stream.readline(LINE_BYTES_MAX + 1)
        yield line


def main() -> None:
    """Serves stdin until its end. Whatever libraries print goes to stderr, not between the replies."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        Worker(_line_writer(replies)).serve(read_lines(sys.stdin.buffer))
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)


if __name__ == "__main__":
    main()
