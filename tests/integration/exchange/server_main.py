"""A test exchange as a process of its own: `python -m tests.integration.exchange.server_main FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from exchange.errors import FatalFault, StartRefused
from exchange.logs import configure_logs
from exchange.oracle.sources import FixedPrices
from exchange.server import run
from exchange.service import Exchange
from tests.integration.exchange.harness import PRICE, GenesisFeed, make_settings


async def _main(folder: Path) -> int:
    return await run(Exchange(make_settings(folder), request_feed=GenesisFeed, source=FixedPrices(PRICE)))


def main() -> int:
    """Exit code of the exchange."""
    configure_logs()
    try:
        return asyncio.run(_main(Path(sys.argv[1])))
    except (StartRefused, FatalFault) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
