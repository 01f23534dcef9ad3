"""Who may import whom (ARCHITECTURE.md, the dependency rule), read from the sources without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("clients", "exchange", "gpu", "matching", "zk", "tests")
# The modules inside that a package may import beside its own.
ALLOWED = {
    "clients": (),
    "exchange": ("matching", "zk.service"),
    "gpu": (),
    "matching": (),
    "zk": ("gpu",),
}
# The demo drives the whole system from outside, as a user would: bots, services, prover and model.
EXCEPTIONS = {"exchange/demo": ("clients", "zk")}


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute module) of every import of a file, those inside functions too."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module.split(".") if node.module else ())))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def is_below(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(f"{prefix}.")


def violations(package: str) -> list[str]:
    """Imports of a package that the rule does not allow, as `file:line imports module`."""
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        relative = path.relative_to(ROOT).as_posix()
        extra = [allowed for place, allowed in EXCEPTIONS.items() if relative.startswith(place)]
        allowed = (package, *ALLOWED[package], *(module for modules in extra for module in modules))
        for line, module in imported_modules(path):
            inside = module.split(".")[0] in PACKAGES
            if inside and not any(is_below(module, prefix) for prefix in allowed):
                found.append(f"{relative}:{line} imports {module}")
    return found


@pytest.mark.parametrize("package", ALLOWED)
def test_package_imports_only_what_the_rule_allows(package: str) -> None:
    assert violations(package) == []


def test_rule_sees_a_forbidden_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    folder = tmp_path / "gpu" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.py").write_text("def f():\n    from zk.field import Fp\nfrom ..device import Device\nimport numpy\n")
    assert violations("gpu") == ["gpu/deep/a.py:2 imports zk.field.Fp"]


def test_matching_model_does_not_import_the_core() -> None:
    """Model and core are each other's oracle: the model must not lean on the code it judges."""
    core = ("matching._core", "matching.engine", "matching.batch")
    for path in sorted((ROOT / "matching" / "spec").rglob("*.py")):
        for line, module in imported_modules(path):
            assert not any(is_below(module, name) for name in core), f"{path.name}:{line} imports {module}"
