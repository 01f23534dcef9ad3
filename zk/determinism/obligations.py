"""What the other rows rely on in the tuples that a row sends: ranges, and that the row leads its paths on."""

from __future__ import annotations

from collections.abc import Iterator

from zk.chips.buses import MEM, PROG
from zk.determinism.contracts import CONTRACTS, Contract, Range
from zk.determinism.polynomial import Polynomial, combine, constant
from zk.determinism.row import Message, Row

Obligation = tuple[str, Polynomial, Range]  # its name, and a form whose canonical value must lie in the range
_ZERO, _SLOTS = Range(0, 0), Range(0, 3)
_NEVER = constant(1), _ZERO


def range_obligations(row: Row) -> Iterator[Obligation]:
    """What is sent lies in the ranges that its bus promises."""
    for message in row.sent:
        for at, bounds in CONTRACTS[message.bus.number].sent.items():
            yield f"{message.bus.name}[{at}] of interaction {message.position}", message.entries[at], bounds


def progress_obligations(row: Row) -> Iterator[Obligation]:
    """What the induction along the paths of the buses needs of the row."""
    clock = _clock_of(row)
    for contract in CONTRACTS.values():
        begun = 0
        for received, sent in row.steps(contract.bus) if contract.progress is not None else ():
            if received is not None and sent is not None:
                yield from _continues(contract, received, sent)
            elif sent is not None:
                yield _begins(row, contract, sent, begun)
                begun += 1
    is_instruction = any(message.bus == PROG for message in row.looked_up)
    for message in row.sent:
        if CONTRACTS[message.bus.number].progress is None and not is_instruction:
            yield f"interaction {message.position} on {message.bus.name} is an instruction's", *_NEVER
    yield from _keeps_the_clock(row, clock)
    for received, sent in row.steps(MEM):
        if received is not None and sent is not None:
            yield from _accesses(received, sent, clock)


def _continues(contract: Contract, received: Message, sent: Message) -> Iterator[Obligation]:
    progress = contract.progress
    assert progress is not None
    name, at = contract.bus.name, progress.entry
    step = 1 if progress.step is None else progress.step
    growth = combine(combine(sent.entries[at], received.entries[at], -1), constant(step), -1)
    bounds = contract.gap if progress.step is None else _ZERO
    yield f"{name}[{at}] grows in interaction {sent.position}", growth, bounds
    for key in contract.keys:
        difference = combine(sent.entries[key], received.entries[key], -1)
        yield f"{name}[{key}] stays in interaction {sent.position}", difference, _ZERO


def _begins(row: Row, contract: Contract, sent: Message, begun: int) -> Obligation:
    progress = contract.progress
    assert progress is not None
    name = f"interaction {sent.position} may begin a path on {contract.bus.name}"
    if begun or row.chip.name.removesuffix("_2") not in progress.begun_by:
        return name, *_NEVER
    return name, sent.entries[progress.entry], _ZERO


def _clock_of(row: Row) -> Polynomial | None:
    """The clk of the row, as the first received tuple says that has it."""
    for message in row.received:
        at = CONTRACTS[message.bus.number].clock
        if at is not None:
            return message.entries[at]
    return None


def _keeps_the_clock(row: Row, clock: Polynomial | None) -> Iterator[Obligation]:
    """What is sent with a clk has the row's; where a path counts the clk itself, `_continues` says how."""
    for message in row.sent:
        contract = CONTRACTS[message.bus.number]
        is_counted = contract.progress is not None and contract.progress.entry == contract.clock
        if contract.clock is not None and not is_counted:
            name = f"{message.bus.name}[{contract.clock}] of interaction {message.position} is the row's clk"
            if clock is None:
                yield name, *_NEVER
            else:
                yield name, combine(message.entries[contract.clock], clock, -1), _ZERO


def _accesses(received: Message, sent: Message, clock: Polynomial | None) -> Iterator[Obligation]:
    """An access happens at 4 clk + slot; a row without a clk may only move a word on in time."""
    if clock is not None:
        yield f"interaction {sent.position} is in the row's cycle", combine(sent.entries[1], clock, -4), _SLOTS
        return
    for at in (2, 3):
        difference = combine(sent.entries[at], received.entries[at], -1)
        yield f"MEM[{at}] stays in interaction {sent.position}", difference, _ZERO
