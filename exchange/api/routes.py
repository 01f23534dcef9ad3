"""Public HTTP routes: keys, metadata, batches, health. Nothing here is private and nothing here trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from exchange.errors import SettlementFault
from exchange.settlement.worker import PROOF

if TYPE_CHECKING:
    from exchange.service import Exchange


def make_router(exchange: Exchange) -> APIRouter:
    """Routes over one exchange."""
    router = APIRouter()

    @router.get("/health/live")
    async def live() -> dict[str, Any]:
        return {"live": True}

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        reasons = exchange.unready_reasons()
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    @router.get("/health")
    async def health() -> dict[str, Any]:
        return exchange.describe()

    @router.get("/v1/keys")
    async def keys() -> dict[str, Any]:
        return exchange.keys.directory()

    @router.get("/v1/meta")
    async def meta() -> dict[str, Any]:
        return exchange.meta()

    @router.get("/v1/batches")
    async def batches() -> dict[str, Any]:
        return {"batches": exchange.hub.batch_records(), **exchange.hub.decoration()}

    @router.get("/v1/batches/{number}")
    async def batch(number: int) -> JSONResponse:
        record = exchange.hub.batch_record(number)
        if record is None:
            return _unknown_batch(number)
        return JSONResponse({"batch": record, **exchange.hub.decoration()})

    @router.get("/v1/batches/{number}/proof")
    async def proof(number: int) -> Response:
        if exchange.hub.batch_record(number) is None:
            return _unknown_batch(number)
        try:
            return Response(exchange.store.read(number, PROOF), media_type="application/octet-stream")
        except SettlementFault:
            return JSONResponse({"code": "NO_PROOF", "msg": f"batch {number} has no proof yet"}, 404)

    return router


def _unknown_batch(number: int) -> JSONResponse:
    return JSONResponse({"code": "UNKNOWN_BATCH", "msg": f"batch {number} is not known"}, 404)
