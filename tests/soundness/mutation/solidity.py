"""The checks of the contracts, found in the sources, and one tree of sources that holds every mutant.

A check is an `if` whose body reverts, a revert without a condition, a modifier on a function, or a conjunction that a function answers
with. Compiling takes minutes, so every mutant is compiled into the same code and switched on from outside: mutant n is in force in calls
whose `tx.origin` is `origin(n)`. For that, functions that promise not to read (`pure`) become `view`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.soundness.mutation.outcome import Mutant

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
SOURCES = ("src/Settlement.sol", "src/libraries/*.sol", "src/verifier/*.sol")
VECTORS = Path("tests", "vectors", "transcript_K_v1.json")  # what the forge tests read outside of contracts/
OTHER_FORMS = re.compile(r"\brequire\s*\(|\bassert\s*\(|\brevert\s*\(|\brevert\s*;")
ORIGIN_BASE = 0x4D75746174650000  # "Mutate", then the number


@dataclass(frozen=True, slots=True)
class ContractMutant:
    """A mutant of a check; `error` is what the check reverts with. `weakens`: it refuses nothing that the check accepts."""

    number: int
    mutant: Mutant
    error: str
    weakens: bool

    @property
    def origin(self) -> str:
        """The sender of transactions in which it is in force."""
        return origin(self.number)


def origin(number: int) -> str:
    """Address of a mutant."""
    return f"0x{ORIGIN_BASE + number:040x}"


@dataclass(frozen=True, slots=True)
class _Check:
    """A check in a source: what stands from `start` to `end` (condition, statement or name of a modifier) gets its switches."""

    start: int
    end: int
    rule: str
    error: str
    kind: str  # "guarded" | "plain" | "modifier" | "answer"


def contract_mutants() -> list[ContractMutant]:
    """All mutants, in the order of the sources."""
    return [own for path in _paths() for own in _mutated(path)[1]]


def write_mutants(folder: Path) -> None:
    """A copy of the contracts and their tests in `folder` (which must not exist) with all mutants in it, ready for forge."""
    shutil.copytree(CONTRACTS, folder, ignore=shutil.ignore_patterns("node_modules", "out*", "cache*", "broadcast"))
    (folder / "node_modules").symlink_to(CONTRACTS / "node_modules")
    (folder.parent / VECTORS).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(CONTRACTS.parent / VECTORS, folder.parent / VECTORS)
    settings = folder / "foundry.toml"
    settings.write_text(settings.read_text().replace('deny = "warnings"', 'deny = "never"'))
    for path in _paths():
        (folder / path.relative_to(CONTRACTS)).write_text(_mutated(path)[0])
    for path in (*folder.glob("src/**/*.sol"), *folder.glob("test/**/*.sol")):
        path.write_text(re.sub(r"\bpure\b", "view", path.read_text()))
    verifier = folder / "src" / "verifier" / "ProofVerifier.sol"
    verifier.write_text(_with_chosen_challenges(verifier.read_text()))


def _with_chosen_challenges(text: str) -> str:
    """alpha and beta come from storage slots 0 and 1 where these are not zero: a zero denominator needs a chosen alpha."""
    for slot, drawn in enumerate(
        ("store(s.alphaBeta, challenge(s.transcript))", "uint256 beta = challenge(s.transcript)")
    ):
        assert text.count(drawn) == 1, f"ProofVerifier does not draw its challenges by `{drawn}` any more"
        text = text.replace(drawn, drawn.replace("challenge(s.transcript)", f"chosen(challenge(s.transcript), {slot})"))
    body = "assembly { value := sload(slot) }\n    if (value == 0) value = drawn;"
    return f"{text}\nfunction chosen(uint256 drawn, uint256 slot) view returns (uint256 value) {{\n    {body}\n}}\n"


def _paths() -> list[Path]:
    return [path for pattern in SOURCES for path in sorted(CONTRACTS.glob(pattern))]


def _first_number(path: Path) -> int:
    """Numbers of a file start at a multiple of 1000."""
    return 1000 * (_paths().index(path) + 1)


def _mutated(path: Path) -> tuple[str, list[ContractMutant]]:
    text = path.read_text()
    bare, code = without_comments(text, strings=True), without_comments(text)
    found = OTHER_FORMS.search(bare)
    assert found is None, f"{path.name}: `{found and found[0]}` is a form of check that the mutation run does not know"
    mutants: list[ContractMutant] = []
    seen: dict[str, int] = {}

    def number(check: _Check, change: str, weakens: bool = False) -> str:
        own = _first_number(path) + len(mutants)
        mutants.append(ContractMutant(own, Mutant(path.stem, check.rule, change), check.error, weakens))
        return f"(tx.origin == address({ORIGIN_BASE + own}))"

    pieces, position = [], 0
    for check in sorted((*_reverts(bare), *modifiers(bare), *_answers(bare)), key=lambda check: check.start):
        count = seen[check.rule] = seen.get(check.rule, 0) + 1
        if count > 1:
            check = _Check(check.start, check.end, f"{check.rule} ({count})", check.error, check.kind)
        pieces += [text[position : check.start], _replacement(check, code[check.start : check.end], number)]
        position = check.end
    return _with_switches("".join([*pieces, text[position:]])), mutants


def _replacement(check: _Check, text: str, number: Callable[[_Check, str, bool], str]) -> str:
    if check.kind == "plain":
        return f"if (!{number(check, 'left out', True)}) {text}"
    if check.kind == "modifier":
        return f"{text}({number(check, 'left out', True)})"
    if check.kind == "answer":
        return _with_operands(check, text, number)
    left_out, negated = number(check, "left out", True), number(check, "condition negated", False)
    return f"(({_with_operands(check, text, number)}) != {negated}) && !{left_out}"


def _with_operands(check: _Check, text: str, number: Callable[[_Check, str, bool], str]) -> str:
    """The condition with a switch for each of its operands."""
    condition = " ".join(text.split())
    for joint, off in (("||", "&& !"), ("&&", "|| ")):
        operands = _split(condition, joint)
        if len(operands) > 1:
            # a revert that lost one of its reasons refuses less, an answer that lost one of its demands as well
            weakens = joint == ("&&" if check.kind == "answer" else "||")
            parts = [f"(({own}) {off}{number(check, f'without `{own}`', weakens)})" for own in operands]
            return f" {joint} ".join(parts)
    return condition


def _reverts(bare: str) -> Iterator[_Check]:
    """Conditions of `if (..) revert X(..)`, with or without braces, and reverts without one."""
    function = _Names(bare)
    guarded = set()
    for match in re.finditer(r"\bif \(", bare):
        end = _closing(bare, match.end() - 1)
        after = re.compile(r"\)\s*\{?\s*revert ([\w.]+)").match(bare, end)
        if after:
            guarded.add(after.start(1))
            condition = " ".join(bare[match.end() : end].split())
            yield _Check(
                match.end(), end, f"{function.at(match.start())}: if ({condition})", _error(after[1]), "guarded"
            )
    for match in re.finditer(r"\brevert ([\w.]+)\([^;]*;", bare):
        if match.start(1) not in guarded:
            yield _Check(match.start(), match.end(), f"{function.at(match.start())}: revert", _error(match[1]), "plain")


def modifiers(bare: str) -> Iterator[_Check]:
    """Uses of modifiers without parameters on functions; there must be no others."""
    names = re.findall(r"\bmodifier (\w+)\(\) \{", bare)
    assert len(names) == len(re.findall(r"\bmodifier\b", bare)), "a form of modifier that the run does not know"
    for name in names:
        uses = list(re.finditer(rf"\bfunction (\w+)\([^)]*\)[^{{;]*?\b({name})\b", bare))
        assert len(uses) + 1 == len(re.findall(rf"\b{name}\b", bare)), f"a use of {name} that the run does not find"
        for use in uses:
            yield _Check(use.start(2), use.end(2), f"{use[1]}: modifier {name}", name, "modifier")


def _answers(bare: str) -> Iterator[_Check]:
    """Conjunctions and disjunctions that a function answers with."""
    function = _Names(bare)
    for match in re.finditer(r"\breturn ([^;]*(?:&&|\|\|)[^;]*);", bare):
        condition = " ".join(match[1].split())
        yield _Check(match.start(1), match.end(1), f"{function.at(match.start())}: return {condition}", "", "answer")


def _with_switches(text: str) -> str:
    """Each modifier takes whether it is switched off."""
    for match in re.finditer(r"\bmodifier (\w+)\(\) \{", text):
        end = _closing(text, match.end() - 1)
        before, after = text[match.end() : end].split("_;")
        body = f"if (!off) {{{before}}} _; if (!off) {{{after}}}"
        return text[: match.start()] + f"modifier {match[1]}(bool off) {{ {body} }}" + _with_switches(text[end + 1 :])
    return text


class _Names:
    """Which function a position belongs to."""

    def __init__(self, bare: str) -> None:
        heads = re.finditer(r"\b(?:function|modifier) (\w+)|\bconstructor\b", bare)
        self._heads = [(head.start(), head[1] or "constructor") for head in heads]

    def at(self, position: int) -> str:
        """Name of the last function that starts before the position."""
        return [name for start, name in self._heads if start < position][-1]


def _error(name: str) -> str:
    return name.split(".")[-1]


def without_comments(text: str, *, strings: bool = False) -> str:
    """The text with comments, and if asked what stands in strings, as blanks, positions unchanged."""

    def blank(match: re.Match[str]) -> str:
        if match[0][0] not in "\"'":
            return re.sub(r"[^\n]", " ", match[0])
        return match[0][0] + " " * (len(match[0]) - 2) + match[0][-1] if strings else match[0]

    literal = r"""\"(?:[^"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"""
    return re.sub(rf"{literal}|//[^\n]*|/\*.*?\*/", blank, text, flags=re.DOTALL)


def _closing(text: str, opening: int) -> int:
    """Position of the bracket that closes the one at `opening`."""
    pairs, depth = {"(": ")", "{": "}"}, 0
    close = pairs[text[opening]]
    for position in range(opening, len(text)):
        depth += (text[position] == text[opening]) - (text[position] == close)
        if depth == 0:
            return position
    raise ValueError(f"the bracket at {opening} is never closed")


def _split(condition: str, joint: str) -> list[str]:
    """Operands of the condition at its outermost level."""
    operands, depth, start = [], 0, 0
    for position in range(len(condition) - 1):
        depth += (condition[position] == "(") - (condition[position] == ")")
        if depth == 0 and condition[position : position + 2] == joint:
            operands.append(condition[start:position].strip())
            start = position + 2
    return [*operands, condition[start:].strip()]
