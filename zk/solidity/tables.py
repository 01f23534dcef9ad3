"""The tables of the verifying key that ProofVerifier reads (layout: contracts/src/verifier/Shape.sol)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from zk.air.chip import VIRTUAL_KINDS, Machine, PublicTerm
from zk.field import P
from zk.machine.keys import VerifyingKey
from zk.machine.shape import ChipKey
from zk.solidity.assembler import CODE_SIZE_MAX, GeneratorError

ROUNDS_MAX = 7
VIRTUAL_MAX = 6
CHIPS_MAX = 96  # bound of the chip offsets in the evaluator input
NO_PUBLIC_VALUE = 255
RANDOM_PROBES = 4


@dataclass(frozen=True, slots=True)
class PublicRange:
    """Smallest and largest admissible value of one public value."""

    smallest: int
    largest: int


@dataclass(frozen=True, slots=True)
class AffineTerm:
    """A public bus term whose entries are constant + (public value or 0)."""

    bus: int
    negative: bool
    entries: tuple[tuple[int, int | None], ...]


def encode_tables(key: VerifyingKey, ranges: Sequence[PublicRange]) -> bytes:
    """The tables as the data contract holds them (without its leading zero byte)."""
    machine = key.machine
    terms = affine_terms(machine)
    if len(key.chips) > CHIPS_MAX or len(ranges) != machine.public_value_count:
        raise GeneratorError(
            f"expected at most {CHIPS_MAX} chips and {machine.public_value_count} ranges, "
            f"found {len(key.chips)} and {len(ranges)}"
        )
    head = [
        len(key.chips),
        len(key.admissible),
        machine.public_value_count,
        len(terms),
        key.log_rows_min,
        key.parameters.log_inv_rate,
    ]
    parts = [bytes(head).ljust(16, b"\0")]
    parts += [_chip(chip) for chip in key.chips]
    parts += [_u32(own.smallest) + _u32(own.largest) for own in ranges]
    parts += [_row(key, *pair) for pair in key.admissible]
    parts += [_term(term) for term in terms]
    tables = b"".join(parts)
    if len(tables) >= CODE_SIZE_MAX:
        raise GeneratorError(f"tables: expected fewer than {CODE_SIZE_MAX} bytes, found {len(tables)}")
    return tables


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _chip(chip: ChipKey) -> bytes:
    program = chip.program
    if len(program.virtual) > VIRTUAL_MAX:
        raise GeneratorError(f"chip {program.name}: expected at most {VIRTUAL_MAX} virtual columns")
    counts = (program.main_count, program.preprocessed_count, len(program.interactions))
    kinds = bytes(VIRTUAL_KINDS.index(kind) for kind in program.virtual)
    return (
        bytes([chip.log_height_min, chip.log_height_max, int(chip.optional), len(kinds)])
        + b"".join(count.to_bytes(2, "big") for count in counts)
        + kinds.ljust(VIRTUAL_MAX, b"\0")
    )


def _row(key: VerifyingKey, log_rows: int, log_width: int) -> bytes:
    whir = key.parameters.rows[log_rows + log_width, log_width]
    if whir.round_count > ROUNDS_MAX:
        raise GeneratorError(f"row {log_rows}, {log_width}: expected at most {ROUNDS_MAX} rounds")
    row = [log_rows, log_width, whir.round_count, whir.log_sizes[-1]]
    for fold, domain, queries in zip(whir.folds, whir.log_domains, whir.queries, strict=True):
        row += [fold, domain, queries, whir.grinding_bits]
    return bytes(row).ljust(32, b"\0") + key.preprocessed_roots.get(log_rows, bytes(32))


def _term(term: AffineTerm) -> bytes:
    head = bytes([term.bus, int(term.negative), len(term.entries), 0])
    return head + b"".join(
        _u32(constant) + bytes([NO_PUBLIC_VALUE if source is None else source]) for constant, source in term.entries
    )


def affine_terms(machine: Machine) -> list[AffineTerm]:
    """The verifier's own bus terms as functions of the public values, found by evaluating them at unit vectors and checked at
    random public values. Raises GeneratorError for terms of another form."""
    count = machine.public_value_count
    base = machine.public_terms([0] * count)
    sources: list[list[int | None]] = [[None] * len(term.message) for term in base]
    for index in range(count):
        unit = [int(i == index) for i in range(count)]
        for i, term in enumerate(machine.public_terms(unit)):
            for j, entry in enumerate(term.message):
                if entry % P == base[i].message[j] % P:
                    continue
                if sources[i][j] is not None or (entry - base[i].message[j]) % P != 1:
                    raise GeneratorError(f"public term {i}, entry {j}: expected a constant plus one public value")
                sources[i][j] = index
    terms = [
        AffineTerm(
            term.bus.number,
            term.multiplicity == -1,
            tuple((entry % P, source) for entry, source in zip(term.message, own, strict=True)),
        )
        for term, own in zip(base, sources, strict=True)
    ]
    draw = random.Random("public terms")
    for _ in range(RANDOM_PROBES):
        values = [draw.randrange(P) for _ in range(count)]
        if [_found(term) for term in machine.public_terms(values)] != [_expected(term, values) for term in terms]:
            raise GeneratorError("public terms: expected entries affine in the public values")
    return terms


def _found(term: PublicTerm) -> tuple[int, int, tuple[int, ...]]:
    return term.bus.number, term.multiplicity, tuple(entry % P for entry in term.message)


def _expected(term: AffineTerm, values: Sequence[int]) -> tuple[int, int, tuple[int, ...]]:
    entries = tuple((constant + (0 if i is None else values[i])) % P for constant, i in term.entries)
    return term.bus, -1 if term.negative else 1, entries
