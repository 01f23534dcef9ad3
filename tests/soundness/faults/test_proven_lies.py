"""Lies of each kind proven by the real prover and refused by the real verifier, with the check that finds them.

A lie that unbalances a bus gives a false sum of all fractions, a lie that breaks a constraint a false claim of the zerocheck. A lookup
without a table row is of the first kind.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gpu import default_device
from tests.soundness.faults.forgery import balance_tables, forge, run_instead
from tests.soundness.faults.test_false_histories import (
    initialised_twice,
    loop_of_jumps,
    output_committed_twice,
    phantom_row,
    stale_read,
    stale_read_before_the_write,
)
from tests.soundness.faults.test_false_instructions import LIE, OTHER_OPERATION, lie_program
from tests.soundness.vm.witness import Witness
from zk.errors import RootSumError, VerificationError, ZerocheckError
from zk.machine.prover import prove
from zk.vm.elf import GuestProgram
from zk.vm.executor import execute
from zk.vm.keys import GuestKeys, guest_keys
from zk.vm.proving import fit_traces, verify_guest

LOG_ROWS = 14
_known_keys: dict[bytes, GuestKeys] = {}


def _other_result() -> Witness:
    lie = OTHER_OPERATION["add as sub"]
    return forge(run_instead(lie_program(lie.claimed), lie_program(lie.executed)))


def _other_branch() -> Witness:
    lie = OTHER_OPERATION["beq as bne"]
    return forge(run_instead(lie_program(lie.claimed), lie_program(lie.executed)))


def _other_instruction() -> Witness:
    lie = OTHER_OPERATION["mul as mulh"]
    claimed, executed = (forge(execute(lie_program(word))) for word in (lie.claimed, lie.executed))
    claimed.traces, claimed.public_values = executed.traces, executed.public_values
    return claimed


def _broken_constraint() -> Witness:
    """The row of a branch says that it goes where the run goes."""
    witness = _other_branch()
    witness.column("BEQ", "next")[witness.column("BEQ", "pc") == LIE] = LIE + 8
    return witness


LIES: dict[str, tuple[Callable[[], Witness], type[VerificationError]]] = {
    "27 broken constraint": (_broken_constraint, ZerocheckError),
    "28 other result": (_other_result, RootSumError),
    "28 other next pc": (_other_branch, RootSumError),
    "28 other instruction": (_other_instruction, RootSumError),
    "34 row beside the public path": (phantom_row, RootSumError),
    "34 closed cycle of states": (lambda: loop_of_jumps((200, 201)), RootSumError),
    "35 stale read": (lambda: forge(stale_read()), RootSumError),
    "35 stale read before the write": (lambda: forge(stale_read_before_the_write()), RootSumError),
    "36 word initialised twice": (initialised_twice, RootSumError),
    "38 output committed twice": (lambda: forge(output_committed_twice()), RootSumError),
}


def _keys(guest: GuestProgram) -> GuestKeys:
    """The keys of a program, kept for the next lie about it."""
    words = guest.instruction_words.tobytes()
    if words not in _known_keys:
        _known_keys[words] = guest_keys(guest, "P2", ("P2",), default_device(), log_rows_max=LOG_ROWS)
    return _known_keys[words]


def _verdict(witness: Witness) -> None:
    """Proves the witness under the key of its program and verifies the proof; raises what the verifier raises."""
    balance_tables(witness)
    keys = _keys(witness.guest)
    names = {chip.name for chip in keys.machine.chips}
    traces = fit_traces(keys.verifying, {name: trace for name, trace in witness.traces.items() if name in names})
    verify_guest(
        keys.verifying, prove(keys.proving, traces, witness.public_values, default_device()), allow_failure=True
    )


# the others take as long and show the same check
_QUICK = ("27 broken constraint", "28 other next pc", "35 stale read before the write")


@pytest.mark.parametrize("name", [n if n in _QUICK else pytest.param(n, marks=pytest.mark.soak) for n in LIES])
def test_proof_of_a_lie_is_refused(name: str) -> None:
    build, error = LIES[name]
    with pytest.raises(error):
        _verdict(build())


def test_proof_of_the_same_program_without_the_lie_is_accepted() -> None:
    """The forger's own way of making traces and tables is sound: without a lie its proof is good."""
    _verdict(forge(execute(lie_program(OTHER_OPERATION["beq as bne"].claimed))))
