"""The cases that mutants of the Python verifier and of setup are put to: what must be accepted, what must be refused and how."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from tests.soundness.mutation.outcome import Kill
from tests.soundness.shards import test_needed_run_checks, test_shard_public_values, test_shard_setup
from tests.unit.vm import test_rules
from tests.unit.zk import test_keys, test_multilinear, test_shape, test_soundness, test_transcript

UNIT_TESTS = (
    test_rules, test_keys, test_shape, test_soundness, test_multilinear, test_transcript, test_needed_run_checks,
    test_shard_public_values, test_shard_setup,
)  # fmt: skip
Run = Callable[[], object]
Red = tuple[Kill, str]  # how a case turned red, and details


@dataclass(frozen=True, slots=True)
class Case:
    """`build` makes the proof or the machine, before any mutant is in force; what it returns is run with the mutant.

    `error` is what must be raised, None where the case is honest and must go through.
    """

    name: str
    error: type[BaseException] | None
    build: Callable[[], Run]

    def judge(self) -> Red | None:
        """How the case turns red, None where it goes as it must."""
        try:
            self.run()
        except BaseException as found:
            if isinstance(found, KeyboardInterrupt):
                raise
            if self.error is None:
                return Kill.HONEST, type(found).__name__
            if type(found) is self.error:
                return None
            return Kill.OTHER_ERROR, f"{type(found).__name__} instead of {self.error.__name__}"
        return None if self.error is None else (Kill.ACCEPTED, "")

    @property
    def run(self) -> Run:
        """The built case."""
        return _built(self)


@functools.cache
def _built(case: Case) -> Run:
    return case.build()


@dataclass(frozen=True, slots=True)
class TestCase(Case):
    """A test of the unit tests."""

    __test__ = False

    def judge(self) -> Red | None:
        try:
            self.run()
        except BaseException as found:
            if isinstance(found, KeyboardInterrupt):
                raise
            is_accepted = "DID NOT RAISE" in str(found)
            return Kill.ACCEPTED if is_accepted else Kill.OTHER_ERROR, ""
        return None


def unit_cases() -> list[Case]:
    """The tests of UNIT_TESTS that need no fixture but `monkeypatch`, one for each parameter."""
    return [case for module in UNIT_TESTS for case in _cases_of(module)]


def _cases_of(module: ModuleType) -> Iterator[Case]:
    for name, test in inspect.getmembers(module, inspect.isfunction):
        marks = getattr(test, "pytestmark", [])
        if not name.startswith("test_") or any(mark.name not in ("parametrize",) for mark in marks):
            continue
        for number, arguments in enumerate(_parameters(marks)):
            needed = set(inspect.signature(test).parameters) - set(arguments) - {"monkeypatch"}
            if all(_fixture(module, fixture) for fixture in needed):
                path = f"{module.__name__.replace('.', '/')}.py::{name}"
                label = f"{path}[{number}]" if marks else path
                yield TestCase(label, None, functools.partial(_bind, module, test, arguments))


def _parameters(marks: list[pytest.Mark]) -> Iterator[dict[str, Any]]:
    choices = []
    for mark in marks:
        names, values = mark.args
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
        rows = [tuple(value) if len(names) > 1 else (value,) for value in values]
        choices.append([dict(zip(names, row, strict=True)) for row in rows])
    for combination in itertools.product(*choices):
        yield {name: value for part in combination for name, value in part.items()}


def _fixture(module: ModuleType, name: str) -> Callable[[], Any] | None:
    """The function of a fixture of the module that needs no other one and returns its value."""
    found = getattr(getattr(module, name, None), "__wrapped__", None)
    is_plain = found is not None and not inspect.signature(found).parameters and not inspect.isgeneratorfunction(found)
    return found if is_plain else None


@functools.cache
def _value_of(module: ModuleType, name: str) -> Any:
    fixture = _fixture(module, name)
    assert fixture is not None
    return fixture()


def _bind(module: ModuleType, test: Callable[..., None], arguments: dict[str, Any]) -> Run:
    names = set(inspect.signature(test).parameters) - set(arguments) - {"monkeypatch"}
    arguments = {**arguments, **{name: _value_of(module, name) for name in names}}

    def run() -> None:
        with ExitStack() as stack:
            patch = {}
            if "monkeypatch" in inspect.signature(test).parameters:
                patch["monkeypatch"] = stack.enter_context(pytest.MonkeyPatch.context())
            test(**arguments, **patch)

    return run
