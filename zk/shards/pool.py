"""Proves parts of a run one after the other in this process, or in several processes at the same time."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from gpu.device import Device
from zk.configuration import ConfigName
from zk.errors import WorkerError
from zk.files import write_atomically
from zk.machine.params import ParameterSetName
from zk.shards.keys import Roots, ShardKeys, shard_keys
from zk.shards.proving import Part, PartProof, part_name, prove_part
from zk.vm.elf import GuestProgram

Report = Callable[[int, float], None]  # number of the part, done part of it


@dataclass(frozen=True, slots=True)
class _Setup:
    """What a process needs to make the same keys."""

    program: GuestProgram
    config: ConfigName
    coprocessors: tuple[str, ...]
    parameter_set: ParameterSetName
    log_rows_max: int | None
    roots: tuple[Roots, Roots]
    digests: tuple[bytes, bytes]
    folder: Path | None
    threads: int


def prove_all(
    keys: ShardKeys, parts: Sequence[Part], device: Device, report: Report, jobs: int, folder: Path | None
) -> Iterator[PartProof]:
    """Proofs of the parts as they get ready, each written to `folder` first. Raises TraceError, WorkerError."""
    if jobs < 1:
        raise ValueError(f"jobs: expected at least 1, found {jobs}")
    if jobs == 1 or len(parts) <= 1:
        for part in parts:
            yield _keep(prove_part(keys, part, device, _reporter(report, part.number)), keys, part, folder)
        return
    context = multiprocessing.get_context("spawn")
    messages: SimpleQueue[tuple[int, float] | None] = context.SimpleQueue()
    setup = _setup_of(keys, folder, max(1, (os.cpu_count() or 1) // jobs))
    listener = threading.Thread(target=_listen, args=(messages, report), daemon=True)
    listener.start()
    try:
        with ProcessPoolExecutor(min(jobs, len(parts)), context, _start_worker, (setup, messages)) as pool:
            futures = [pool.submit(_work, part) for part in parts]
            yield from _results(futures)
    finally:
        # A process that was killed may hold the lock of the queue for ever: nobody waits for it.
        threading.Thread(target=messages.put, args=(None,), daemon=True).start()
        listener.join(timeout=5)


def _results(futures: Sequence[Future[PartProof]]) -> Iterator[PartProof]:
    try:
        for future in as_completed(futures):
            yield future.result()
    except BaseException as error:
        for future in futures:
            future.cancel()
        if isinstance(error, BrokenProcessPool):
            raise WorkerError(f"a prover process ended early: {error}") from error
        raise


def _setup_of(keys: ShardKeys, folder: Path | None, threads: int) -> _Setup:
    memory, shard = keys.memory.verifying, keys.shard.verifying
    return _Setup(
        keys.program,
        shard.configuration.name,
        keys.coprocessors,
        shard.parameters.name,
        keys.log_rows_max,
        (memory.preprocessed_roots, shard.preprocessed_roots),
        (memory.digest, shard.digest),
        folder,
        threads,
    )


_worker: tuple[ShardKeys, Device, _Setup, SimpleQueue[tuple[int, float] | None]]


def _start_worker(setup: _Setup, messages: SimpleQueue[tuple[int, float] | None]) -> None:
    """Makes the keys of a process. The threads of the kernels are shared out among the processes."""
    global _worker
    os.environ.setdefault("BLINDBOOK_THREADS", str(setup.threads))
    from gpu import default_device

    device = default_device()
    keys = shard_keys(
        setup.program,
        setup.config,
        setup.coprocessors,
        device,
        parameter_set=setup.parameter_set,
        log_rows_max=setup.log_rows_max,
        roots=setup.roots,
    )
    found = (keys.memory.verifying.digest, keys.shard.verifying.digest)
    if found != setup.digests:
        raise WorkerError(f"keys of a prover process: expected {setup.digests}, found {found}")
    _worker = keys, device, setup, messages


def _work(part: Part) -> PartProof:
    keys, device, setup, messages = _worker
    proof = prove_part(keys, part, device, _reporter(lambda number, done: messages.put((number, done)), part.number))
    return _keep(proof, keys, part, setup.folder)


def _keep(proof: PartProof, keys: ShardKeys, part: Part, folder: Path | None) -> PartProof:
    if folder is not None:
        write_atomically(folder / part_name(keys, part), proof.proof)
    return proof


def _reporter(report: Report, number: int) -> Callable[[float], None]:
    return lambda done: report(number, done)


def _listen(messages: SimpleQueue[tuple[int, float] | None], report: Report) -> None:
    while (message := messages.get()) is not None:
        report(*message)
