"""Loops over chips on several threads: NumPy works outside of the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def thread_count() -> int:
    """Threads of a loop: those of the machine, or BLINDBOOK_THREADS, as for the kernels."""
    wanted = os.environ.get("BLINDBOOK_THREADS", "")
    return max(1, int(wanted) if wanted.isdigit() and int(wanted) else os.cpu_count() or 1)


def map_threads(function: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """The results in the order of the items; raises the error of the first item that has one."""
    threads = thread_count()
    if threads == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))
