"""A local chain in its own process, on a loopback port, with the limits of the real one."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import re
import signal
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from eth_account import Account
from eth_account.signers.local import LocalAccount

from exchange.errors import SettlementFault
from exchange.settlement.artifacts import tool

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 5.0
LOG_BYTES_MAX = 16_384
_LISTENING = re.compile(r"Listening on (127\.0\.0\.1:\d+)")
_PR_SET_PDEATHSIG = 1


class AnvilFailed(SettlementFault):
    """The local chain did not start or died; the message ends with its last lines."""


class Anvil:
    """`async with Anvil() as node`: a running chain with funded accounts, gone at the end of the block.

    Code-size limits (EIP-170, EIP-3860) and the transaction gas cap (EIP-7825) are on. Blocks come with transactions,
    or every `block_seconds`. `port` 0 takes a free one.
    """

    def __init__(self, *, port: int = 0, chain_id: int = 31337, block_seconds: float | None = None) -> None:
        self._port = port
        self._chain_id = chain_id
        self._block_seconds = block_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._log = b""
        self.rpc_url = ""
        self.accounts: list[LocalAccount] = []

    async def __aenter__(self) -> Anvil:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def is_running(self) -> bool:
        """The process was started and did not end."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Starts the process and waits until it serves; raises AnvilFailed or ToolMissing."""
        binary = tool("anvil")
        with tempfile.TemporaryDirectory(prefix="anvil-") as folder:
            config = Path(folder) / "config.json"
            self._process = await asyncio.create_subprocess_exec(
                str(binary),
                *self._arguments(config),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
            try:
                address = await asyncio.wait_for(self._wait_until_listening(), START_SECONDS_MAX)
                keys = json.loads(config.read_text())["private_keys"]
            except (TimeoutError, OSError, ValueError, KeyError) as error:
                await self.stop()
                raise AnvilFailed(f"anvil did not start: {error!r}\n{self.log_tail()}") from error
            except BaseException:
                await self.stop()
                raise
        self.rpc_url = f"http://{address}"
        self.accounts = [Account.from_key(key) for key in keys]
        assert self._process.stdout is not None
        self._reader = asyncio.create_task(self._drain(self._process.stdout))

    async def stop(self) -> None:
        """Ends the process; safe to call twice."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None

    def log_tail(self) -> str:
        """The last kilobytes the process wrote."""
        return self._log.decode(errors="replace")

    def _arguments(self, config: Path) -> list[str]:
        arguments = ["--host", "127.0.0.1", "--port", str(self._port), "--chain-id", str(self._chain_id)]
        arguments += ["--hardfork", "osaka", "--enable-tx-gas-limit", "--color", "never", "--config-out", str(config)]
        if self._block_seconds is not None:
            arguments += ["--block-time", str(self._block_seconds)]
        return arguments

    async def _wait_until_listening(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        while line := await self._process.stdout.readline():
            found = _LISTENING.search(line.decode(errors="replace"))
            if found:
                return found.group(1)
            self._log = (self._log + line)[-LOG_BYTES_MAX:]
        raise AnvilFailed(f"anvil ended with code {await self._process.wait()}:\n{self.log_tail()}")

    async def _drain(self, stream: asyncio.StreamReader) -> None:
        """Keeps the pipe empty: were it full, the process would stop. Reads pieces, for a line can be as long as a proof."""
        while piece := await stream.read(LOG_BYTES_MAX):
            self._log = (self._log + piece)[-LOG_BYTES_MAX:]


def _die_with_parent() -> None:
    """Linux: the chain ends when this process is killed, so that nothing is left behind on the port."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
