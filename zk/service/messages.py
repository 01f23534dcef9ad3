"""Messages between the prover worker and its clients: one JSON object per line.

Request:  {"id", "guest": ELF path, "hints": path of a file of little-endian u32 words, "config": "P2" | "K" | "KA", "proof": output path,
           optional "coprocessors": [names], "log_rows_max": int, "parameter_set": name}
      or: {"id", "verify": {"guest", "proof", "config", same optional fields}}
Replies:  {"id", "progress": {"stage", "done": 0..1}} any number of times, then
          {"id", "result": {...}} (fields of ProveResult or VerifyResult) or {"id", "error": {"type", "message"}}.
A proof that is not accepted is an error whose type names the check that failed. A line has at most LINE_BYTES_MAX bytes.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from zk.errors import WorkerError

ConfigName = Literal["P2", "K", "KA"]
LINE_BYTES_MAX = 1 << 20
# what reading a reply of any bytes can raise: not JSON, nested too deeply, a field missing, of another type or out of range
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


def read_request(line: bytes) -> dict[str, Any]:
    """A request with its id, not checked further. Raises WorkerError for everything else."""
    if len(line) > LINE_BYTES_MAX:
        raise WorkerError(f"request: expected at most {LINE_BYTES_MAX} bytes, found more", kind="RequestError")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, an integer of too many digits, nested too deeply
        raise WorkerError(f"request: expected a JSON object: {error}", kind="RequestError") from error
    if not isinstance(message, dict) or not isinstance(message.get("id"), (int, str)):
        raise WorkerError("expected a JSON object with an id", kind="RequestError")
    return message


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """One proof to check. The fields that are part of the verifying key must be those of the ProveJob."""

    guest: Path
    proof: Path
    config: ConfigName
    coprocessors: tuple[str, ...] = ("P2",)
    log_rows_max: int | None = None
    parameter_set: str | None = None

    def to_message(self) -> dict[str, Any]:
        """The fields of the request, without its id."""
        fields = {"guest": str(self.guest), "proof": str(self.proof), "config": self.config}
        return {"verify": fields | _key_fields(self.coprocessors, self.log_rows_max, self.parameter_set)}

    @staticmethod
    def from_message(message: dict[str, Any]) -> VerifyJob:
        """Checks every field of the object `verify`. Raises WorkerError naming the one that is missing or malformed."""
        fields = message.get("verify")
        if not isinstance(fields, dict):
            raise WorkerError("verify: expected an object", kind="RequestError")
        config = _config(fields)
        return VerifyJob(_path(fields, "guest"), _path(fields, "proof"), config, *_read_key_fields(fields))


@dataclass(frozen=True, slots=True)
class ProveJob:
    """One proof to make. `log_rows_max` and `parameter_set` are part of the verifying key; None means the default."""

    guest: Path
    hints: Path
    config: ConfigName
    proof: Path
    coprocessors: tuple[str, ...] = ("P2",)
    log_rows_max: int | None = None
    parameter_set: str | None = None

    def to_message(self) -> dict[str, Any]:
        """The fields of the request, without its id."""
        paths = {"guest": str(self.guest), "hints": str(self.hints), "config": self.config, "proof": str(self.proof)}
        return paths | _key_fields(self.coprocessors, self.log_rows_max, self.parameter_set)

    @staticmethod
    def from_message(message: dict[str, Any]) -> ProveJob:
        """Checks every field. Raises WorkerError naming the one that is missing or malformed."""
        config = _config(message)
        guest, hints, proof = (_path(message, field) for field in ("guest", "hints", "proof"))
        return ProveJob(guest, hints, config, proof, *_read_key_fields(message))


@dataclass(frozen=True, slots=True)
class ProveResult:
    """What was proven, and at which price. Seconds are wall time; `vk_digest` is hexadecimal."""

    cycles: int
    committed_cells: int
    execute_seconds: float
    prove_seconds: float
    proof_bytes: int
    security_bits: float
    peak_rss_bytes: int
    public_values: list[int]
    vk_digest: str

    def to_message(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)

    @staticmethod
    def from_message(message: dict[str, Any]) -> ProveResult:
        """Raises WorkerError where a field is missing or has another type."""
        return ProveResult(**_read_fields(ProveResult, message))


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What an accepted proof says; the exit code is 0. `vk_digest` is hexadecimal."""

    cycles: int
    public_values: list[int]
    vk_digest: str

    def to_message(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return asdict(self)

    @staticmethod
    def from_message(message: dict[str, Any]) -> VerifyResult:
        """Raises WorkerError where a field is missing or has another type."""
        return VerifyResult(**_read_fields(VerifyResult, message))


@dataclass(frozen=True, slots=True)
class Reply:
    """One line of the worker. `identity` is that of a call, or None; exactly one of the other fields is set."""

    identity: int | None
    progress: tuple[str, float] | None = None
    error: WorkerError | None = None
    result: dict[str, Any] | None = None


def read_reply(line: bytes) -> Reply:
    """Checks the form of a reply; the fields of a result are those of `from_message`. Raises WorkerError."""
    try:
        message = json.loads(line)
        identity = message["id"]
        if identity is not None and not _is_integer(identity):
            raise TypeError("id: expected an integer or null")
        if "progress" in message:
            progress = message["progress"]
            return Reply(identity, progress=(str(progress["stage"]), float(progress["done"])))
        if "error" in message:
            error = message["error"]
            return Reply(identity, error=WorkerError(str(error["message"]), kind=str(error["type"])))
        return Reply(identity, result=dict(message["result"]))
    except _MALFORMED as error:
        raise WorkerError(f"the worker sent a malformed reply: {error!r}", kind="ProtocolError") from error


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: dict[object, Callable[[Any], bool]] = {
    "int": _is_integer,
    "float": lambda value: _is_integer(value) or (isinstance(value, float) and math.isfinite(value)),
    "str": lambda value: isinstance(value, str),
    "list[int]": lambda value: isinstance(value, list) and all(map(_is_integer, value)),
}


def _read_fields(kind: type[ProveResult] | type[VerifyResult], message: dict[str, Any]) -> dict[str, Any]:
    """The fields of a result by name; each has the annotated type."""
    values = {}
    for name, field in kind.__dataclass_fields__.items():
        if name not in message:
            raise WorkerError(f"result without {name!r}", kind="ProtocolError")
        if not _TYPES[field.type](message[name]):
            raise WorkerError(f"result: {name}: expected {field.type}", kind="ProtocolError")
        values[name] = message[name]
    return values


def _key_fields(coprocessors: tuple[str, ...], log_rows_max: int | None, parameter_set: str | None) -> dict[str, Any]:
    optional = {"log_rows_max": log_rows_max, "parameter_set": parameter_set}
    given = {name: value for name, value in optional.items() if value is not None}
    return {"coprocessors": list(coprocessors), **given}


def _read_key_fields(message: dict[str, Any]) -> tuple[tuple[str, ...], int | None, str | None]:
    coprocessors = message.get("coprocessors", ["P2"])
    if not isinstance(coprocessors, list) or not all(isinstance(name, str) for name in coprocessors):
        raise WorkerError("coprocessors: expected a list of names", kind="RequestError")
    rows, parameters = message.get("log_rows_max"), message.get("parameter_set")
    if rows is not None and (not isinstance(rows, int) or isinstance(rows, bool)):
        raise WorkerError("log_rows_max: expected an integer", kind="RequestError")
    if parameters is not None and not isinstance(parameters, str):
        raise WorkerError("parameter_set: expected a name", kind="RequestError")
    return tuple(coprocessors), rows, parameters


def _config(message: dict[str, Any]) -> ConfigName:
    config = message.get("config")
    if config == "P2":
        return "P2"
    if config == "K":
        return "K"
    if config == "KA":
        return "KA"
    raise WorkerError(f"config: expected P2, K or KA, found {config!r}", kind="RequestError")


def _path(message: dict[str, Any], field: str) -> Path:
    value = message.get(field)
    if not isinstance(value, str) or not value:
        raise WorkerError(f"{field}: expected a path, found {value!r}", kind="RequestError")
    try:
        name = os.fsencode(value)
    except UnicodeEncodeError:
        name = b"\0"
    if b"\0" in name:
        raise WorkerError(f"{field}: expected a path that a file system can hold, found {value!r}", kind="RequestError")
    return Path(value)
