"""`blindbook serve`: one exchange process on a loopback port."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.errors import ExchangeError, FatalFault, StartRefused
from exchange.logs import configure_logs
from exchange.oracle.sources import FixedPrices, PriceSource, RandomWalk
from exchange.server import run
from exchange.service import Exchange, ensure_keys
from exchange.settings import Settings, load_settings


def serve(
    config: Annotated[Path | None, typer.Option(help="TOML file with settings; flags and environment win.")] = None,
    data_folder: Annotated[Path | None, typer.Option(help="Journal, keys and settlement files.")] = None,
    port: Annotated[int | None, typer.Option(help="Loopback port; 0 takes a free one.")] = None,
    exchange: Annotated[str | None, typer.Option(help="Address of the settlement contract.")] = None,
    chain_id: Annotated[int | None, typer.Option(help="Chain of the contract.")] = None,
    l1_rpc: Annotated[str | None, typer.Option(help="RPC endpoint of the chain.")] = None,
    settle: Annotated[bool, typer.Option(help="Prove batches and submit them.")] = False,
    offline: Annotated[bool, typer.Option(help="Do not follow the chain (no deposits come in).")] = False,
    price: Annotated[list[str] | None, typer.Option(help="market=price_fine; repeat for several markets.")] = None,
    walk_ppm: Annotated[int, typer.Option(help="Let prices walk randomly by this much per poll.")] = 0,
) -> None:
    """Run the exchange until a signal. Exit codes: 28 disk full, 65 journal damaged, 66 replay differs, 69 port in use, 70 engine halted,
    73 folder in use, 74 disk fault, 77 wrong key, 78 bad settings."""
    configure_logs()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold every order and key
    flags: dict[str, Any] = {
        "data_folder": data_folder,
        "port": port,
        "exchange": exchange,
        "chain_id": chain_id,
        "l1_rpc": l1_rpc,
        "settle": settle or None,
    }
    try:
        code = asyncio.run(_serve(flags, config, price or [], walk_ppm, offline=offline))
    except (StartRefused, FatalFault) as refused:
        _print_refusal(refused)
        code = refused.exit_code
    except ExchangeError as refused:
        _print_refusal(refused)
        code = 1
    raise typer.Exit(code)


def _print_refusal(error: ExchangeError) -> None:
    print(json.dumps({"error": type(error).__name__, "detail": str(error)}), file=sys.stderr)


async def _serve(flags: dict[str, Any], config: Path | None, prices: list[str], walk_ppm: int, *, offline: bool) -> int:
    settings = load_settings(config, **_with_default_keys(flags))
    ensure_keys(settings.journal_key_file, settings.identity_key_file)
    source = _parse_prices(prices, walk_ppm)
    if offline:
        return await run(Exchange(settings, source=source))
    return await _serve_on_chain(settings, source)


async def _serve_on_chain(settings: Settings, source: PriceSource | None) -> int:
    # Imported here: an offline exchange needs neither web3 nor a prover.
    from exchange.settlement.chain import Chain
    from exchange.settlement.pipeline import open_pipeline
    from exchange.settlement.requests import RequestFeed

    chain = await Chain.connect(settings.l1_rpc, settings.exchange, finality_depth=settings.l1_finality_depth)
    async with chain, open_pipeline(settings, chain) as parts:
        exchange = Exchange(settings, **parts, source=source, request_feed=lambda next_id: RequestFeed(chain, next_id))
        return await run(exchange)


def _with_default_keys(flags: dict[str, Any]) -> dict[str, Any]:
    """Keys lie beside the data unless settings say otherwise."""
    folder = flags.get("data_folder")
    if folder is None:
        return flags
    return {"journal_key_file": folder / "journal.key", "identity_key_file": folder / "identity.key", **flags}


def _parse_prices(texts: list[str], walk_ppm: int) -> PriceSource | None:
    prices: dict[int, int] = {}
    for text in texts:
        market, _, price = text.partition("=")
        if not (market.isdigit() and price.isdigit()):
            raise typer.BadParameter(f"expected market=price_fine, found {text}")
        prices[int(market)] = int(price)
    if not prices:
        return None
    return RandomWalk(prices, walk_ppm, seed=0) if walk_ppm else FixedPrices(prices)
