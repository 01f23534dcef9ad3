"""One target under libFuzzer: `python -m tests.fuzz.atheris.harness TARGET [libFuzzer flags] CORPUS`."""

from __future__ import annotations

import sys
from random import Random

import atheris

# The finder of an editable install hides the modules from the instrumentation; from the root of the project all are found by path.
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in type(finder).__module__]
# instrumented are the decoders, not the libraries below them nor the test tools above
with atheris.instrument_imports(include=["zk", "exchange", "matching.codec", "clients.python"]):
    from tests.fuzz.targets import targets

    TARGETS = targets()

STRUCTURED = 0.7  # share of mutations that know the structure; the rest is libFuzzer's own


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    name, *flags = sys.argv[1:]
    target = TARGETS[name]

    def mutate(data: bytes, size_max: int, seed: int) -> bytes:
        randomness = Random(seed)
        if randomness.random() < STRUCTURED:
            return target.mutate(data, randomness)[:size_max]
        changed: bytes = atheris.Mutate(data, size_max)
        return changed

    def check(data: bytes) -> None:
        target.outcome(data)

    target.outcome(target.seeds()[0])  # what is made once is no part of the first input's time
    atheris.Setup([sys.argv[0], *flags], check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
