"""The privileged Unix socket: JSON lines for feeder and operator. It cannot place, change or cancel an order."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from exchange.errors import Refusal, SettingsInvalid

LINE_BYTES_MAX = 4_096
PATH_BYTES_MAX = 100  # the system's limit is 107
Operation = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class ControlSocket:
    """Serves the given operations to processes of the same user."""

    def __init__(self, path: Path, operations: dict[str, Operation]) -> None:
        if len(str(path).encode()) > PATH_BYTES_MAX:
            raise SettingsInvalid(f"control_socket: expected a path of at most {PATH_BYTES_MAX} bytes")
        self._path = path
        self._operations = operations
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; mode 0600."""
        self._path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LINE_BYTES_MAX)
        finally:
            os.umask(previous)

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _peer_uid(writer) != os.getuid():
                return
            while line := await reader.readline():
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ValueError, ConnectionError):
            return  # a line above the limit, or a peer that is gone
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict) or not isinstance(request.get("op"), str):
                raise Refusal("BAD_FRAME", "expected an object with op")
            operation = self._operations.get(request.pop("op"))
            if operation is None:
                raise Refusal("UNKNOWN_OP", "unknown operation")
            return {"ok": True, **await operation(request)}
        except (ValueError, RecursionError):
            return {"ok": False, "code": "BAD_FRAME", "detail": "not JSON"}
        except Refusal as refusal:
            return {"ok": False, "code": refusal.code, "detail": refusal.detail}


def get_integer(request: dict[str, Any], name: str) -> int:
    """A required integer argument; raises BAD_FRAME."""
    value = request.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal("BAD_FRAME", f"{name}: expected an integer")
    return value


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    peer = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):
        return os.getuid()  # the mode of the socket file is the guard
    data = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", data)[1])
