"""Runs an `Exchange` under uvicorn on one port, as a program or inside another event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from exchange.app import create_app
from exchange.errors import PortUnavailable
from exchange.logs import get_logger
from exchange.service import Exchange
from exchange.ws.frames import FRAME_BYTES_MAX

GRACE_SECONDS = 5
START_SECONDS = 30.0


class _EmbeddedServer(uvicorn.Server):
    """A server that leaves the signals of the process alone: uvicorn would raise them again after its shutdown."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _make_config(exchange: Exchange) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(exchange),
        host=exchange.settings.host,
        port=exchange.settings.port,
        ws="websockets-sansio",
        ws_max_size=FRAME_BYTES_MAX,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _bind(exchange: Exchange) -> socket.socket:
    """Bound here, so that a port in use is a named refusal and not the end of the interpreter."""
    host, port = exchange.settings.host, exchange.settings.port
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise PortUnavailable(f"port {port}: {os.strerror(error.errno or 0)}") from error


def _port_of(bound: socket.socket) -> int:
    return int(bound.getsockname()[1])


async def _announce(server: uvicorn.Server, exchange: Exchange, port: int) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    (exchange.settings.data_folder / "port").write_text(f"{port}\n")
    get_logger().info("listening", port=port)


async def run(exchange: Exchange) -> int:
    """Serve until SIGTERM, SIGINT or a fault; returns the exit code of the process."""
    bound = _bind(exchange)
    server = _EmbeddedServer(_make_config(exchange))

    def stop() -> None:
        server.should_exit = True

    exchange.on_stop = stop
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    announcement = asyncio.create_task(_announce(server, exchange, _port_of(bound)))
    try:
        await server.serve(sockets=[bound])
    finally:
        announcement.cancel()
    if exchange.fault is not None:
        return exchange.fault.exit_code
    return 0 if server.started else 1


@contextlib.asynccontextmanager
async def serving(exchange: Exchange) -> AsyncIterator[int]:
    """Serve inside the running event loop; yields the port, stops at the end of the block."""
    bound = _bind(exchange)
    server = _EmbeddedServer(_make_config(exchange))
    exchange.on_stop = lambda: setattr(server, "should_exit", True)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        async with asyncio.timeout(START_SECONDS):
            while not server.started:
                if task.done():
                    await task
                    raise RuntimeError("the server ended before it had started")
                await asyncio.sleep(0.01)
        yield _port_of(bound)
    finally:
        server.should_exit = True
        await task
