"""The parameter sets: literal rows, one digest; nothing overrides them (proof system, sections 9.5 and 10).

APP: P2, rate 1/2. REC: P2, rate 1/4. ROOT: K, rate 1/16. APP_K: KA, the rows of APP. The sets with _TEST have the formulas of
APP and ROOT with 4 bits of grinding and more queries in their place, for machines without native kernels.
`zk.machine.soundness` judges every row: each has at least 100 bits. Rows with small n serve small machines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from zk.configuration import ConfigName
from zk.hashing import keccak256

ParameterSetName: TypeAlias = Literal["APP", "REC", "ROOT", "APP_K", "APP_TEST", "ROOT_TEST"]

PROTOCOL = b"blindbook zkVM proof system v1"
SECURITY_BITS = 100
LOG_DOMAIN_MAX = 24
LOG_LEAVES_MAX = 29

# set: configuration, grinding bits before the queries of every round
SETS = """
APP P2 20
REC P2 20
ROOT K 22
APP_TEST P2 4
ROOT_TEST K 4
"""

# set: configuration, grinding bits, the set whose rows it has. A set that came after v1 changes the digest of its own keys only:
# keys, proofs and contracts of the sets above stay what they are.
SETS_AFTER_V1 = """
APP_K KA 20 APP
"""

# set, n, k_i, -log2 rate_i, Johnson multiplicity m_i, queries t_i
ROWS = """
APP 9 5 1 80 165
APP 10 5 1 80 165
APP 11 5 1 80 165
APP 12 5,4 1,2 81,60 167,83
APP 13 5,4 1,2 81,60 167,83
APP 14 5,4 1,2 81,60 167,83
APP 15 5,4 1,2 81,60 167,83
APP 16 5,4,4 1,2,5 64,43,10 169,84,34
APP 17 5,4,4 1,2,5 64,43,10 169,84,34
APP 18 5,4,4 1,2,5 51,43,10 170,84,34
APP 19 5,4,4 1,2,5 51,43,10 170,84,34
APP 20 5,4,4,4 1,2,5,8 42,61,13,15 172,84,34,21
APP 21 5,4,4,4 1,2,5,8 36,31,13,15 173,85,34,21
APP 10 6 1 80 165
APP 11 6 1 80 165
APP 12 6 1 80 165
APP 13 6,4 1,2 81,60 167,83
APP 14 6,4 1,2 81,60 167,83
APP 15 6,4 1,2 81,60 167,83
APP 16 6,4 1,2 81,60 167,83
APP 17 6,4,4 1,2,5 64,43,10 169,84,34
APP 18 6,4,4 1,2,5 51,43,10 170,84,34
APP 19 6,4,4 1,2,5 51,43,10 170,84,34
APP 20 6,4,4 1,2,5 43,43,10 171,84,34
APP 21 6,4,4,4 1,2,5,8 36,61,13,15 173,84,34,21
APP 22 6,4,4,4 1,2,5,8 36,31,13,15 173,85,34,21
APP 23 6,4,4,4 1,2,5,8 28,31,13,15 175,85,34,21
APP 24 6,4,4,4 1,2,5,8 26,31,13,15 176,85,34,21
APP 23 7,4,4,4 1,3,6,9 28,41,20,6 175,56,28,19
APP 24 7,4,4,4 1,3,6,9 26,17,20,6 176,57,28,19
APP 25 7,4,4,4 1,3,6,9 23,17,5,6 177,57,29,19
APP 26 7,4,4,4,4 1,3,6,9,10 20,19,6,7,8 180,57,29,19,17
APP 27 7,4,4,4,4 1,3,6,9,10 17,19,6,7,8 182,57,29,19,17
APP 28 7,4,4,4,4 1,3,6,9,10 15,19,6,7,8 185,57,29,19,17
APP 26 8,4,4,4 1,4,7,10 20,11,4,6 179,43,25,17
APP 27 8,4,4,4,4 1,4,7,10,10 17,12,5,3,8 182,43,25,18,17
APP 28 8,4,4,4,4 1,4,7,10,10 15,12,5,3,8 185,43,25,18,17
REC 9 5 2 59 82
REC 10 5 2 59 82
REC 11 5 2 59 82
REC 12 5,4 2,3 60,80 83,55
REC 13 5,4 2,3 60,80 83,55
REC 14 5,4 2,3 60,80 83,55
REC 15 5,4 2,3 60,80 83,55
REC 16 5,4,4 2,3,6 43,29,15 84,56,28
REC 17 5,4,4 2,3,6 43,29,15 84,56,28
REC 18 5,4,4 2,3,6 43,29,15 84,56,28
REC 19 5,4,4 2,3,6 26,29,15 85,56,28
REC 20 5,4,4,4 2,3,6,9 31,41,20,6 85,56,28,19
REC 21 5,4,4,4 2,3,6,9 21,41,20,6 86,56,28,19
REC 10 6 2 59 82
REC 11 6 2 59 82
REC 12 6 2 59 82
REC 13 6,4 2,4 60,15 83,42
REC 14 6,4 2,4 60,15 83,42
REC 15 6,4 2,4 60,15 83,42
REC 16 6,4 2,4 31,15 84,42
REC 17 6,4,4 2,4,7 43,22,12 84,42,24
REC 18 6,4,4 2,4,7 43,22,12 84,42,24
REC 19 6,4,4 2,4,7 26,22,12 85,42,24
REC 20 6,4,4 2,4,7 26,22,12 85,42,24
REC 21 6,4,4,4 2,4,7,10 21,31,18,6 86,42,24,17
REC 22 6,4,4,4 2,4,7,10 21,11,4,6 86,43,25,17
REC 23 6,4,4,4 2,4,7,10 21,11,4,6 86,43,25,17
REC 24 6,4,4,4 2,4,7,10 16,11,4,6 87,43,25,17
REC 23 7,4,4,4 2,5,8,10 21,13,3,6 86,34,22,17
REC 24 7,4,4,4 2,5,8,10 16,13,3,6 87,34,22,17
REC 25 7,4,4,4 2,5,8,10 16,13,3,6 87,34,22,17
REC 26 7,4,4,4,4 2,5,8,10,10 14,6,4,3,8 88,35,22,18,17
REC 27 7,4,4,4,4 2,5,8,10,10 12,6,4,3,8 89,35,22,18,17
REC 28 7,4,4,4,4 2,5,8,10,10 10,6,4,3,8 90,35,22,18,17
REC 26 8,4,4,4 2,6,9,10 13,5,6,6 88,29,19,17
REC 27 8,4,4,4,4 2,6,9,10,10 12,6,3,3,8 89,29,20,18,17
REC 28 8,4,4,4,4 2,6,9,10,10 10,6,3,3,8 90,29,20,18,17
ROOT 9 5 4 29 40
ROOT 10 5 4 29 40
ROOT 11 5,4 4,6 15,20 41,27
ROOT 12 5,4 4,6 15,20 41,27
ROOT 13 5,4 4,6 15,20 41,27
ROOT 14 5,4 4,6 15,20 41,27
ROOT 15 5,4,4 4,6,9 21,6,3 41,28,19
ROOT 16 5,4,4 4,6,9 21,6,3 41,28,19
ROOT 17 5,4,4 4,6,9 21,6,3 41,28,19
ROOT 18 5,4,4 4,6,9 21,6,3 41,28,19
ROOT 19 5,4,4,4 4,6,9,10 10,7,3,3 42,28,19,17
ROOT 20 5,4,4,4 4,6,9,10 10,7,3,3 42,28,19,17
ROOT 21 5,4,4,4 4,6,9,10 10,7,3,3 42,28,19,17
ROOT 10 6 4 29 40
ROOT 11 6 4 29 40
ROOT 12 6,4 4,7 15,33 41,23
ROOT 13 6,4 4,7 15,33 41,23
ROOT 14 6,4 4,7 15,5 41,24
ROOT 15 6,4 4,7 15,5 41,24
ROOT 16 6,4,4 4,7,10 21,5,3 41,24,17
ROOT 17 6,4,4 4,7,10 21,5,3 41,24,17
ROOT 18 6,4,4 4,7,10 21,5,3 41,24,17
ROOT 19 6,4,4 4,7,10 9,5,3 42,24,17
ROOT 20 6,4,4,4 4,7,10,10 10,6,3,3 42,24,17,17
ROOT 21 6,4,4,4 4,7,10,10 10,6,3,3 42,24,17,17
ROOT 22 6,4,4,4 4,7,10,10 10,6,3,3 42,24,17,17
ROOT 23 6,4,4,4 4,7,10,10 10,6,3,3 42,24,17,17
ROOT 24 6,4,4,4,4 4,7,10,10,10 7,7,4,4,4 43,24,17,17,17
ROOT 23 7,4,4,4 4,8,10,10 10,5,3,3 42,21,17,17
ROOT 24 7,4,4,4 4,8,10,10 6,5,3,3 43,21,17,17
ROOT 25 7,4,4,4,4 4,8,10,10,10 7,3,4,4,4 43,22,17,17,17
ROOT 26 7,4,4,4,4 4,8,10,10,10 5,3,3,4,4 44,22,18,17,17
ROOT 27 7,4,4,4,4 4,8,10,10,10 5,3,3,4,4 44,22,18,17,17
ROOT 26 8,4,4,4,4 4,9,10,10,10 5,3,4,4,4 44,20,17,17,17
APP_TEST 9 5 1 95 197
APP_TEST 10 5 1 95 197
APP_TEST 11 5 1 95 197
APP_TEST 12 5,4 1,2 96,72 199,99
APP_TEST 13 5,4 1,2 96,72 199,99
APP_TEST 14 5,4 1,2 96,72 199,99
APP_TEST 15 5,4 1,2 96,72 199,99
APP_TEST 16 5,4,4 1,2,5 76,51,21 201,100,40
APP_TEST 10 6 1 95 197
APP_TEST 11 6 1 95 197
APP_TEST 12 6 1 95 197
APP_TEST 13 6,4 1,2 96,72 199,99
APP_TEST 14 6,4 1,2 96,72 199,99
APP_TEST 15 6,4 1,2 96,72 199,99
APP_TEST 16 6,4 1,2 72,72 200,99
ROOT_TEST 9 5 4 36 49
ROOT_TEST 10 5 4 36 49
ROOT_TEST 11 5,4 4,6 18,24 50,33
ROOT_TEST 12 5,4 4,6 18,24 50,33
ROOT_TEST 13 5,4 4,6 18,24 50,33
ROOT_TEST 14 5,4 4,6 18,24 50,33
ROOT_TEST 15 5,4,4 4,6,9 26,7,4 50,34,23
ROOT_TEST 16 5,4,4 4,6,9 26,7,4 50,34,23
ROOT_TEST 10 6 4 36 49
ROOT_TEST 11 6 4 36 49
ROOT_TEST 12 6,4 4,7 18,6 50,29
ROOT_TEST 13 6,4 4,7 18,6 50,29
ROOT_TEST 14 6,4 4,7 18,6 50,29
ROOT_TEST 15 6,4 4,7 18,6 50,29
ROOT_TEST 16 6,4,4 4,7,10 26,7,10 50,29,20
"""


@dataclass(frozen=True, slots=True)
class WhirParameters:
    """One row: n stacked variables; per round the fold k_i, -log2 of the rate, Johnson multiplicity, queries."""

    log_size: int
    folds: tuple[int, ...]
    log_inv_rates: tuple[int, ...]
    johnson: tuple[int, ...]
    queries: tuple[int, ...]
    grinding_bits: int

    @property
    def round_count(self) -> int:
        """M, the number of oracles."""
        return len(self.folds)

    @property
    def log_sizes(self) -> tuple[int, ...]:
        """m_0 .. m_M."""
        return tuple(self.log_size - sum(self.folds[:i]) for i in range(len(self.folds) + 1))

    @property
    def log_domains(self) -> tuple[int, ...]:
        """D_i: log2 of the rows of each oracle."""
        return tuple(
            size - fold + rate for size, fold, rate in zip(self.log_sizes, self.folds, self.log_inv_rates, strict=False)
        )


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """A named set; `rows` by (n, k_0)."""

    name: ParameterSetName
    configuration: ConfigName
    grinding_bits: int
    rows: dict[tuple[int, int], WhirParameters]

    @property
    def log_inv_rate(self) -> int:
        """-log2 of the rate of the first code."""
        return next(iter(self.rows.values())).log_inv_rates[0]


def parameters_digest(name: ParameterSetName) -> bytes:
    """The digest of everything in this file that a verifier of a set relies on."""
    limits = f"{SECURITY_BITS} {LOG_DOMAIN_MAX} {LOG_LEAVES_MAX}\n"
    later = next((line for line in _lines(SETS_AFTER_V1) if line.split()[0] == name), "")
    return keccak256(b"\x05" + PROTOCOL + "".join((limits, SETS, ROWS, later)).encode())


def parameter_set(name: str) -> ParameterSet:
    """The set of this name; raises ValueError for another name."""
    if name not in _PARAMETER_SETS:
        raise ValueError(f"parameter set: expected one of {', '.join(_PARAMETER_SETS)}, found {name!r}")
    return _PARAMETER_SETS[name]


def parameter_sets() -> tuple[ParameterSet, ...]:
    """All sets."""
    return tuple(_PARAMETER_SETS.values())


def _lines(table: str) -> list[str]:
    return table.split("\n")[1:-1]


def _parse() -> dict[str, ParameterSet]:
    sets: dict[str, ParameterSet] = {}
    for line in _lines(SETS):
        name, config, grinding = line.split()
        sets[name] = ParameterSet(name, config, int(grinding), {})  # type: ignore[arg-type]
    for line in _lines(ROWS):
        name, size, *lists = line.split()
        folds, rates, johnson, queries = (tuple(map(int, numbers.split(","))) for numbers in lists)
        row = WhirParameters(int(size), folds, rates, johnson, queries, sets[name].grinding_bits)
        sets[name].rows[row.log_size, folds[0]] = row
    for line in _lines(SETS_AFTER_V1):
        name, config, grinding, source = line.split()
        rows = {key: replace(row, grinding_bits=int(grinding)) for key, row in sets[source].rows.items()}
        sets[name] = ParameterSet(name, config, int(grinding), rows)  # type: ignore[arg-type]
    return sets


_PARAMETER_SETS = _parse()
