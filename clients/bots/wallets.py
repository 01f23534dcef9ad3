"""The key file of several accounts: JSON `{"accounts": [{"account": 2, "slot": 0, "key": "0x..."}]}`, readable by its owner only."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from clients.python.client import Credential
from clients.python.errors import ClientError
from clients.python.signing import Key


class WalletError(ClientError):
    """The key file is missing, open to others, or not readable."""


def write_wallets(path: Path, credentials: Sequence[Credential]) -> None:
    """Writes the key file with mode 0600; the file must not exist."""
    document = {
        "accounts": [{"account": c.account, "slot": c.slot, "key": "0x" + c.key.secret.hex()} for c in credentials]
    }
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise WalletError(f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=1)


def read_wallets(path: Path) -> list[Credential]:
    """Reads the key file; WalletError if others could read it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text()
    except OSError as error:
        raise WalletError(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise WalletError(f"{path}: expected mode 0600, found {mode:04o}")
    try:
        entries = json.loads(text)["accounts"]
        return [
            Credential(int(e["account"]), Key.from_bytes(bytes.fromhex(e["key"][2:])), int(e.get("slot", 0)))
            for e in entries
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise WalletError(f"{path}: not a key file: {error.__class__.__name__}") from error
