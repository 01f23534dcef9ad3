"""The ASGI application: HTTP routes and the native socket over one `Exchange`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from exchange.api.routes import make_router
from exchange.service import Exchange
from exchange.ws.endpoint import Session
from exchange.ws.protocol import CloseCode

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]", "::1", "testserver"})


def create_app(exchange: Exchange) -> FastAPI:
    """Routes plus lifespan; the exchange is started and stopped with the application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await exchange.start()
        try:
            yield
        finally:
            await exchange.stop()

    app = FastAPI(title="blindbook", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.include_router(make_router(exchange))
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_error)

    @app.websocket("/v1/ws")
    async def native(socket: WebSocket) -> None:
        if not is_host_allowed(socket.headers.get("host", "")) or socket.headers.get("origin") is not None:
            await socket.close(CloseCode.ABUSE)  # a browser page of another site: refused before the handshake
            return
        if len(exchange.sessions) >= exchange.settings.connections_max:
            await socket.close(CloseCode.ABUSE)
            return
        session = Session(socket, exchange.writer, exchange.reads, exchange.venue, exchange.session_limits())
        exchange.sessions.add(session)
        try:
            await session.serve()
        finally:
            exchange.sessions.discard(session)

    return app


async def _answer_invalid(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"code": "BAD_REQUEST", "msg": "a parameter is not what this path expects"}, 422)


async def _answer_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    name = HTTPStatus(error.status_code).name
    return JSONResponse({"code": name, "msg": HTTPStatus(error.status_code).phrase}, error.status_code)


def is_host_allowed(host: str) -> bool:
    """Only loopback names: a foreign name that resolves to loopback is an attack on a local port."""
    name = host.rsplit(":", 1)[0] if host.count(":") == 1 or host.startswith("[") else host
    return name in LOOPBACK_HOSTS
