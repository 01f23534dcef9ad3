"""The real prover and contract behind the settlement worker: worker process, operator key, chain client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from eth_account import Account

from exchange.errors import SettlementFault
from exchange.settings import Settings
from exchange.settlement.batcher import make_builder
from exchange.settlement.chain import Chain
from exchange.settlement.finality import ChainLedger
from exchange.storage.journal import read_master_key
from exchange.venue import VenueId
from zk.service.client import ProveJob, ProverClient, VerifyJob, WorkerError

CONFIG: Literal["K"] = "K"  # what the contract's verifier reads


class ProverFault(SettlementFault):
    """The prover worker failed, or proved something else than the batch."""


class WorkerProver:
    """`Prover` over the prover's own process."""

    def __init__(self, client: ProverClient, guest: Path) -> None:
        self._client = client
        self._guest = guest

    async def prove(self, hints: Path, proof: Path, on_progress: Callable[[str, float], None]) -> dict[str, Any]:
        """Figures of the proof that now lies at `proof`. Raises ProverFault."""
        try:
            result = await self._client.prove(ProveJob(self._guest, hints, CONFIG, proof), on_progress)
        except WorkerError as error:
            raise ProverFault(f"prover: {error}") from error
        figures = asdict(result)
        del figures["public_values"]
        return {**figures, "vk_digest": "0x" + result.vk_digest}

    async def check(self, proof: Path, public_inputs_hash: bytes) -> None:
        """Verifies the proof at `proof` and that its outputs are the hash and eight zero words. Raises ProverFault.

        Public values carry each output word as two 16-bit limbs; the sixteen outputs are the last of them.
        """
        try:
            result = await self._client.verify(VerifyJob(self._guest, proof, CONFIG))
        except WorkerError as error:
            raise ProverFault(f"the proof is not accepted: {error}") from error
        limbs = [int.from_bytes(public_inputs_hash[i : i + 2], "little") for i in range(0, 32, 2)] + [0] * 16
        if result.public_values[-len(limbs) :] != limbs:
            raise ProverFault("the proof's outputs are not the hash of this batch's public inputs")


@asynccontextmanager
async def open_pipeline(settings: Settings, chain: Chain) -> AsyncIterator[dict[str, Any]]:
    """Arguments `builder`, `prover`, `ledger` of an Exchange that settles; nothing when it does not."""
    if not settings.settle:
        yield {}
        return
    assert settings.operator_key_file is not None and settings.guest is not None  # load_settings has checked
    venue = VenueId(settings.chain_id, bytes.fromhex(settings.exchange[2:]))
    operator = Account.from_key(read_master_key(settings.operator_key_file))
    async with ProverClient() as client:
        yield {
            "builder": make_builder(venue),
            "prover": WorkerProver(client, settings.guest),
            "ledger": ChainLedger(chain, operator),
        }
