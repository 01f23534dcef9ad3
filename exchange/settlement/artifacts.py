"""Compiled contracts: builds them when needed and reads ABI and bytecode."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.errors import SettlementFault

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
BUILD_SECONDS_MAX = 900


class ToolMissing(SettlementFault):
    """The npm packages of `contracts/` are not installed (`make setup`)."""


class ContractsBuildFailed(SettlementFault):
    """forge refused the sources; the message is the compiler's."""


class ArtifactInvalid(SettlementFault):
    """A compiled contract is missing or unreadable."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract: creation code without arguments, and the code that is deployed."""

    name: str
    source: str
    abi: list[dict[str, Any]]
    initcode: bytes
    runtime_bytes: int


def tool(name: str) -> Path:
    """Path of the binary `name` (anvil, forge) that npm installed; raises ToolMissing."""
    binary = CONTRACTS / "node_modules" / "@foundry-rs" / f"{name}-linux-amd64" / "bin" / name
    if binary.is_file():
        return binary
    found = shutil.which(name)
    if found is None:
        raise ToolMissing(f"{name}: not found in contracts/node_modules nor on PATH; run `make setup`")
    return Path(found)


def build(sources: Sequence[str] = ()) -> None:
    """Compiles these sources of `contracts/` (all without argument); quick when nothing changed. Blocks."""
    tool("forge")
    with _lock():
        done = subprocess.run(
            [str(CONTRACTS / "forge"), "build", "--color", "never", *sources],
            cwd=CONTRACTS,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS_MAX,
            check=False,
        )
    if done.returncode != 0:
        raise ContractsBuildFailed(f"forge build failed:\n{(done.stdout + done.stderr)[-4000:]}")


def load(source: str, name: str | None = None) -> Artifact:
    """Reads the compiled contract `name` (by default the file's own) of `source`, such as `src/Settlement.sol`."""
    name = name or Path(source).stem
    path = CONTRACTS / "out" / Path(source).name / f"{name}.json"
    try:
        content = json.loads(path.read_text())
        return Artifact(
            name=name,
            source=source,
            abi=content["abi"],
            initcode=bytes.fromhex(content["bytecode"]["object"].removeprefix("0x")),
            runtime_bytes=len(content["deployedBytecode"]["object"].removeprefix("0x")) // 2,
        )
    except FileNotFoundError as error:
        raise ArtifactInvalid(f"contract {name}: {path.name} is missing in contracts/out") from error
    except (KeyError, ValueError) as error:
        raise ArtifactInvalid(f"contract {name}: {path.name} is unreadable ({error!r})") from error


def error_abis() -> list[dict[str, Any]]:
    """All custom errors of the compiled contracts, so that a refusal of any of them can be named."""
    found = []
    for path in sorted((CONTRACTS / "out").glob("*.sol/*.json")):
        try:
            abi = json.loads(path.read_text())["abi"]
        except (KeyError, ValueError) as error:
            raise ArtifactInvalid(f"{path.name} is unreadable ({error!r})") from error
        found += [entry for entry in abi if entry["type"] == "error"]
    return found


@contextmanager
def _lock() -> Iterator[None]:
    """One build at a time: two would write the same folder."""
    folder = CONTRACTS / "cache"
    folder.mkdir(exist_ok=True)
    with (folder / ".build-lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
