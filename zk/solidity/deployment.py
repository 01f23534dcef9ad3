"""What it takes to put the verifier of one verifying key on a chain.

Order: create the tables and the evaluators from their creation codes, create OpeningVerifier (no arguments), then ProofVerifier
with (program_id, tables, opening verifier, evaluators). Nothing of it can be changed afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from zk.air.chip import Machine
from zk.field import P
from zk.machine.keys import VerifyingKey
from zk.solidity.assembler import GeneratorError, init_code
from zk.solidity.evaluator import generate_evaluators
from zk.solidity.tables import PublicRange, encode_tables

OPENING_SOURCE = "src/verifier/OpeningVerifier.sol"
VERIFIER_SOURCE = "src/verifier/ProofVerifier.sol"
EVALUATORS_MAX = 8

LIMB_MAX = (1 << 16) - 1
CYCLES_MAX = 1 << 22
RV32IM_PUBLIC_VALUES = 38


@dataclass(frozen=True, slots=True)
class VerifierDeployment:
    """Creation codes of the generated contracts; `program_id` is the digest of the verifying key (32 bytes)."""

    program_id: bytes
    tables: bytes
    evaluators: tuple[bytes, ...]
    opening_source: str = OPENING_SOURCE
    verifier_source: str = VERIFIER_SOURCE

    def to_json(self) -> str:
        """The generated part as one JSON object with hexadecimal values: what the exchange reads as a verifier plan."""
        return json.dumps(
            {
                "program_id": self.program_id.hex(),
                "tables": self.tables.hex(),
                "evaluators": [code.hex() for code in self.evaluators],
            }
        )


def deployment(key: VerifyingKey, ranges: Sequence[PublicRange] | None = None) -> VerifierDeployment:
    """The deployment of a key of configuration K. `ranges` are the bounds of the public values, by default those of the RV32IM
    machine; they must equal the machine's own rules. Raises GeneratorError."""
    if key.configuration.name != "K":
        raise GeneratorError(f"configuration: expected K, found {key.configuration.name}")
    if ranges is None:
        ranges = rv32im_ranges(key.machine)
    check_ranges(key.machine, ranges)
    evaluators = generate_evaluators([chip.program for chip in key.chips])
    if len(evaluators) > EVALUATORS_MAX:
        raise GeneratorError(f"evaluators: expected at most {EVALUATORS_MAX}, found {len(evaluators)}")
    return VerifierDeployment(
        key.digest,
        init_code(b"\0" + encode_tables(key, ranges)),
        tuple(init_code(code) for code in evaluators),
    )


def rv32im_ranges(machine: Machine) -> list[PublicRange]:
    """The bounds of the 38 public values of the RV32IM machine (proof system, section 14)."""
    parameters = dict(machine.parameters)
    if machine.public_value_count != RV32IM_PUBLIC_VALUES or "pc_start" not in parameters:
        raise GeneratorError(f"machine {machine.name}: expected the public values of RV32IM, or ranges")
    pc_start = int.from_bytes(parameters["pc_start"], "big")
    limb, free = PublicRange(0, LIMB_MAX), PublicRange(0, P - 1)
    head = [PublicRange(pc_start, pc_start), PublicRange(0, 0), PublicRange(0, CYCLES_MAX), limb, limb, free]
    return head + [limb] * (RV32IM_PUBLIC_VALUES - len(head))


def check_ranges(machine: Machine, ranges: Sequence[PublicRange]) -> None:
    """Demands that the machine accepts exactly these ranges: their ends, and not their neighbours below p."""
    base = [own.smallest for own in ranges]
    for index, own in enumerate(ranges):
        if not 0 <= own.smallest <= own.largest < P:
            raise GeneratorError(f"public value {index}: expected a range below p, found {own}")
        for value in (own.smallest - 1, own.smallest, own.largest, own.largest + 1):
            if not 0 <= value < P:
                continue
            expected = own.smallest <= value <= own.largest
            if _accepts(machine, [*base[:index], value, *base[index + 1 :]]) != expected:
                raise GeneratorError(f"public value {index} = {value}: the machine's rule differs from {own}")


def _accepts(machine: Machine, values: Sequence[int]) -> bool:
    try:
        machine.check_public_values(values)
    except ValueError:
        return False
    return True
