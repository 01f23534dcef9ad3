"""Settings of one exchange process: flags over environment (`BLINDBOOK_SERVE_…`) over a TOML file; unknown keys are refused."""

from __future__ import annotations

import ipaddress
import os
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from exchange.auth.buckets import Rate
from exchange.errors import SettingsInvalid
from exchange.sequencer.batch import BatchPolicy
from exchange.sequencer.machine import SequencerPolicy

ENV_PREFIX = "BLINDBOOK_SERVE_"
_config_file: ContextVar[Path | None] = ContextVar("settings file", default=None)


def _check_address(text: str) -> str:
    if len(text) != 42 or not text.startswith("0x"):
        raise ValueError("expected 0x and 40 hexadecimal digits")
    bytes.fromhex(text[2:])
    return text.lower()


def _check_loopback(text: str) -> str:
    if text != "localhost" and not ipaddress.ip_address(text).is_loopback:
        raise ValueError("only loopback addresses are served: put a TLS end in front")
    return text


Address = Annotated[str, AfterValidator(_check_address)]
Positive = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """Everything that can be set. Times in ms, addresses as 0x hex."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    host: Annotated[str, AfterValidator(_check_loopback)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, lt=65_536)] = 8080
    data_folder: Path
    journal_key_file: Path
    identity_key_file: Path
    control_socket: Path | None = None

    chain_id: Positive = 31_337
    exchange: Address
    fund_owner: Address
    fee_owner: Address
    engine: Literal["core", "model"] = "core"

    tick_ms: Positive = 10
    price_interval_ms: Positive = 1_000
    price_age_ms_max: Positive = 5_000
    prices_open_batches: bool = False
    batch_commands_max: Positive = 250
    batch_cycles_max: Positive = 3_000_000
    batch_ms_max: Annotated[int, Field(gt=0, lt=30_000)] = 25_000
    batch_idle_ms: Positive = 5_000
    batch_l1_requests_max: Annotated[int, Field(gt=0, le=1_000)] = 32
    batch_withdrawals_max: Annotated[int, Field(gt=0, le=1_000)] = 32
    book_interval_ms: Annotated[int, Field(ge=0)] = 100
    journal_segment_bytes: Annotated[int, Field(ge=65_536)] = 16 << 20

    orders_burst: Annotated[int, Field(ge=64)] = 400
    orders_per_second: Positive = 40
    cancels_burst: Annotated[int, Field(ge=64)] = 1_000
    cancels_per_second: Positive = 200
    connections_max: Positive = 256

    settle: bool = False
    l1_rpc: str = "http://127.0.0.1:8545"
    l1_poll_ms: Positive = 500
    l1_finality_depth: Annotated[int, Field(ge=0)] | None = None
    operator_key_file: Path | None = None
    guest: Path | None = None
    prover_attempts_max: Positive = 3

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags first, then environment, then the file."""
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if (file := _config_file.get()) is not None:
            sources += (TomlConfigSettingsSource(settings_cls, file),)
        return sources

    @property
    def control_path(self) -> Path:
        """Unix socket of the privileged commands."""
        return self.control_socket or self.data_folder / "control.sock"

    @property
    def policy(self) -> SequencerPolicy:
        """The sequencer's part."""
        batch = BatchPolicy(
            self.batch_commands_max,
            self.batch_cycles_max,
            self.batch_ms_max,
            self.batch_idle_ms,
            self.batch_l1_requests_max,
            self.batch_withdrawals_max,
        )
        return SequencerPolicy(
            batch, self.tick_ms, self.price_interval_ms, self.price_age_ms_max, self.prices_open_batches
        )

    @property
    def order_rate(self) -> Rate:
        """Bucket of order operations."""
        return Rate(self.orders_burst, self.orders_per_second)

    @property
    def cancel_rate(self) -> Rate:
        """Bucket of cancels."""
        return Rate(self.cancels_burst, self.cancels_per_second)


def load_settings(config: Path | None = None, **flags: Any) -> Settings:
    """Effective settings; raises SettingsInvalid naming every wrong or unknown key."""
    if config is not None and not config.is_file():
        raise SettingsInvalid(f"settings file {config.name} does not exist")
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX) and name.upper() not in known)
    if unknown:
        raise SettingsInvalid(f"unknown setting {', '.join(unknown)}")
    token = _config_file.set(config)
    try:
        settings = Settings(**{name: value for name, value in flags.items() if value is not None})
    except (ValidationError, ValueError) as error:
        raise SettingsInvalid(_describe(error)) from error
    finally:
        _config_file.reset(token)
    if settings.settle and (settings.operator_key_file is None or settings.guest is None):
        raise SettingsInvalid("settle needs operator_key_file and guest")
    return settings


def _describe(error: Exception) -> str:
    if isinstance(error, ValidationError):
        # Values are left out: a key pasted into the wrong field must not be printed.
        return "; ".join(
            f"{'.'.join(str(p) for p in item['loc']) or 'settings'}: {item['msg']}" for item in error.errors()
        )
    return str(error)
