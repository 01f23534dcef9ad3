"""The checks of the Python verifier and of setup, found in the sources, and the mutants of each.

A check is a call of a function `check`, `check_*` or `demand`, a `raise`, or an `observe` of the transcript. Mutants of a call: left out, its
arguments still evaluated. Of a raise: left out; of the condition above it: negated, one operand or one link of a comparison left out, a
bound moved by one. A function that answers with a bool: always true, always false. Code of provers is left out: a prover can do what it wants.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.soundness.mutation.outcome import Mutant

ROOT = Path(__file__).resolve().parents[3]
SOURCES = (
    "zk/channel.py", "zk/configuration.py", "zk/hashing.py", "zk/transcript.py", "zk/machine/*.py", "zk/multilinear/*.py",
    "zk/pcs/*.py", "zk/air/rules.py", "zk/vm/machine.py", "zk/shards/bundle.py", "zk/shards/keys.py", "zk/shards/machine.py",
    "zk/shards/verifier.py", "zk/vm/proving.py", "zk/vm/rom.py", "zk/chips/memory.py",
)  # fmt: skip
CALLS = re.compile(r"_?check(_\w+)?|_?demand")
OBSERVATIONS = re.compile(r"_?observe\w*")
PROVER_SIDE = re.compile(
    r"(\w*Prover\w*|_?prove\w*|_?send\w*|stack_preprocessed|Recorder|_SetDeriver)(\..*)?"
    r"|fit_traces|fit_heights|_is_admitted"  # heights that a prover may choose
    r"|(build|fill)_\w+|check_ascending"  # chips: constraints, which have their own mutants, and traces
)
PROVER_MODULES = ("zk.machine.prover", "zk.machine.schedule")
Edit = Callable[[ast.AST], None]
_BOUNDS = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt}


@dataclass(frozen=True, slots=True)
class Site:
    """A mutant of a check: the function that holds it, the changed code of that function, and the errors that the check raises.

    Those of an answer that is always true: the errors of its module.
    """

    mutant: Mutant
    function: str  # qualified name in the module `mutant.place`
    code: CodeType
    errors: frozenset[str]


@cache
def verifier_sites() -> list[Site]:
    """All mutants of all checks, in the order of the sources."""
    modules = [_module_name(path) for pattern in SOURCES for path in sorted(ROOT.glob(pattern))]
    raised = _errors_by_function(modules)
    return [site for name in modules if name not in PROVER_MODULES for site in _sites_of(name, raised)]


@contextmanager
def applied(site: Site) -> Iterator[None]:
    """The mutant in force: the function object that everybody holds runs the changed code."""
    function = _live_function(importlib.import_module(site.mutant.place), site.function)
    honest = function.__code__
    function.__code__ = site.code
    try:
        yield
    finally:
        function.__code__ = honest


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _tree(module: str) -> ast.Module:
    return ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())


def _errors_by_function(modules: list[str]) -> dict[str, frozenset[str]]:
    """Names of the errors that a check function raises, itself or by the check functions that it calls."""
    errors: dict[str, frozenset[str]] = {}
    calls: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.walk(_tree(module)):
            if isinstance(node, ast.FunctionDef) and CALLS.fullmatch(node.name):
                inner = list(ast.walk(node))
                errors[node.name] = frozenset(_error_name(n) for n in inner if isinstance(n, ast.Raise))
                calls[node.name] = {_called(n) for n in inner if isinstance(n, ast.Call)}
    for _ in calls:  # at most as many steps as there are functions
        errors = {name: own.union(*(errors.get(c, own) for c in calls[name])) for name, own in errors.items()}
    return errors


def _error_name(node: ast.Raise) -> str:
    raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return raised.id if isinstance(raised, ast.Name) else ""


def _sites_of(module: str, raised: dict[str, frozenset[str]]) -> Iterator[Site]:
    tree = _tree(module)
    _check_raises(module, tree)
    nodes = list(ast.walk(tree))
    own = frozenset(_error_name(node) for node in nodes if isinstance(node, ast.Raise))
    seen: dict[tuple[str, str], int] = {}
    for function, owner in _functions(tree):
        if PROVER_SIDE.fullmatch(function):
            continue
        for node, rule, change, edit, errors in _mutants_of(owner, raised, own):
            text = f"{function}: {rule}"
            count = seen[text, change] = seen.get((text, change), 0) + 1
            label = text if count == 1 else f"{text} ({count})"
            changed = copy.deepcopy(tree)
            edit(list(ast.walk(changed))[nodes.index(node)])
            code = _code_of(compile(ast.fix_missing_locations(changed), module, "exec"), function)
            yield Site(Mutant(module, label, change), function, code, errors)


def _check_raises(module: str, tree: ast.Module) -> None:
    """Every `raise` outside of prover code stands directly in an `if`, an `except` or a function: there `_mutants_of` finds it."""
    left = {node for node in ast.walk(tree) if isinstance(node, ast.Raise)}
    for name, function in _functions(tree):
        inner = list(ast.walk(function))
        if PROVER_SIDE.fullmatch(name):
            left.difference_update(node for node in inner if isinstance(node, ast.Raise))
        else:
            left.difference_update(
                statement
                for node in inner
                if isinstance(node, (ast.If, ast.ExceptHandler, ast.FunctionDef))
                for statement in node.body
                if isinstance(statement, ast.Raise)
            )
    lines = sorted(node.lineno for node in left)
    assert not lines, f"{module}: raises that the mutation run does not know, lines {lines}"


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods with their qualified names; functions inside of functions belong to the outer one."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from (
                (f"{node.name}.{member.name}", member) for member in node.body if isinstance(member, ast.FunctionDef)
            )


def _mutants_of(
    function: ast.FunctionDef, raised: dict[str, frozenset[str]], own: frozenset[str]
) -> Iterator[tuple[ast.AST, str, str, Edit, frozenset[str]]]:
    """(node, rule, change, edit of that node, errors of the check) for every mutant of one function. `own`: the errors of its module."""
    answers = isinstance(function.returns, ast.Name) and function.returns.id == "bool"
    for node in ast.walk(function):
        if answers and isinstance(node, ast.Return) and node.value is not None:
            values = [v for v in (True, False) if not (isinstance(node.value, ast.Constant) and node.value.value is v)]
            for value in values:
                errors = own if value else frozenset()
                yield node, ast.unparse(node), f"always {value}", _constant(value), errors
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = _called(node.value)
            if CALLS.fullmatch(name):
                yield node, ast.unparse(node.value), "left out", _keep_arguments, raised.get(name, frozenset())
            elif OBSERVATIONS.fullmatch(name):
                yield node, ast.unparse(node.value), "left out", _keep_arguments, frozenset()
        elif isinstance(node, ast.ExceptHandler):
            for statement in node.body:
                if isinstance(statement, ast.Raise):
                    errors = frozenset({_error_name(statement)})
                    yield node, f"except {ast.unparse(node.type or ast.Name('all'))}", "left out", _pass, errors
        elif isinstance(node, ast.FunctionDef):
            for number, statement in enumerate(node.body):
                if isinstance(statement, ast.Raise):
                    errors = frozenset({_error_name(statement)})
                    yield node, f"raise {_error_name(statement)}", "left out", _pass_at(number), errors
        elif isinstance(node, ast.If):
            statements = [s for s in node.body if isinstance(s, ast.Raise)]
            if statements:
                errors = frozenset(_error_name(s) for s in statements)
                for change, edit in _mutants_of_condition(node.test):
                    yield node, f"if {ast.unparse(node.test)}", change, edit, errors


def _called(call: ast.Call) -> str:
    function = call.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _constant(value: bool) -> Edit:
    def apply(node: ast.AST) -> None:
        assert isinstance(node, ast.Return) and node.value is not None
        node.value = ast.Subscript(
            ast.Tuple([node.value, ast.Constant(value)], ast.Load()), ast.Constant(1), ast.Load()
        )

    return apply


def _keep_arguments(node: ast.AST) -> None:
    assert isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    node.value = ast.Tuple(node.value.args, ast.Load())


def _pass(node: ast.AST) -> None:
    assert isinstance(node, (ast.If, ast.ExceptHandler))
    node.body = [ast.Pass()]


def _pass_at(number: int) -> Edit:
    def apply(node: ast.AST) -> None:
        assert isinstance(node, ast.FunctionDef)
        node.body[number] = ast.Pass()

    return apply


def _mutants_of_condition(test: ast.expr) -> Iterator[tuple[str, Edit]]:
    """Changes of an `if` that guards a raise."""
    yield "raise left out", _pass

    def negate(node: ast.AST) -> None:
        assert isinstance(node, ast.If)
        node.test = ast.UnaryOp(ast.Not(), node.test)

    yield "condition negated", negate
    parts = list(ast.walk(test))
    for number, part in enumerate(parts):
        if isinstance(part, ast.BoolOp):
            for operand in range(len(part.values)):
                yield f"without `{ast.unparse(part.values[operand])}`", _edit_part(number, _without_operand(operand))
        if isinstance(part, ast.Compare):
            for link in range(len(part.ops)):
                if len(part.ops) > 1:
                    yield f"without link {link} of `{ast.unparse(part)}`", _edit_part(number, _without_link(link))
                if type(part.ops[link]) in _BOUNDS:
                    yield f"bound moved in `{ast.unparse(part)}`, {link}", _edit_part(number, _moved_bound(link))


def _edit_part(number: int, edit: Edit) -> Edit:
    def apply(node: ast.AST) -> None:
        assert isinstance(node, ast.If)
        edit(list(ast.walk(node.test))[number])

    return apply


def _without_operand(operand: int) -> Edit:
    def apply(node: ast.AST) -> None:
        assert isinstance(node, ast.BoolOp)
        del node.values[operand]
        if len(node.values) == 1:
            node.values.append(node.values[0])  # x or x

    return apply


def _without_link(link: int) -> Edit:
    def apply(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        if link == 0:
            node.left = node.comparators[0]
        del node.ops[link], node.comparators[link]

    return apply


def _moved_bound(link: int) -> Edit:
    def apply(node: ast.AST) -> None:
        assert isinstance(node, ast.Compare)
        node.ops[link] = _BOUNDS[type(node.ops[link])]()

    return apply


def _code_of(module: CodeType, qualified: str) -> CodeType:
    code = module
    for name in qualified.split("."):
        code = next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name)
    return code


def _live_function(module: ModuleType, qualified: str) -> FunctionType:
    owner: object = module
    for name in qualified.split("."):
        owner = inspect.getattr_static(owner, name)
    while not isinstance(owner, FunctionType):  # a property, a class method or a cached function
        wrapper: Any = owner
        owner = wrapper.fget if isinstance(owner, property) else getattr(owner, "__wrapped__", None) or wrapper.__func__
    return owner
