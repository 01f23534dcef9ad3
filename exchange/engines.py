"""Which implementation of the engine runs: the native core, or the readable model (slow; for tests and comparison)."""

from __future__ import annotations

import importlib
from typing import Any, cast

from exchange.errors import SettingsInvalid
from exchange.sequencer.engine import Engine

_IMPLEMENTATIONS = {"core": ("matching.engine", "Engine"), "model": ("matching.spec.machine", "Model")}


def create_engine(name: str, fund_owner: bytes, fee_owner: bytes) -> Engine:
    """A fresh engine at genesis; raises SettingsInvalid when it is not built."""
    module, attribute = _IMPLEMENTATIONS[name]
    try:
        factory: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingsInvalid(f"engine {name} is not available: {error}") from error
    return cast(Engine, factory(fund_owner, fee_owner))
