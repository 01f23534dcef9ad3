"""Settings: unknown keys are refused, flags win, secrets are not echoed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exchange.errors import SettingsInvalid
from exchange.settings import ENV_PREFIX, load_settings


def fields(folder: Path) -> dict[str, Any]:
    return {
        "data_folder": folder,
        "journal_key_file": folder / "j",
        "identity_key_file": folder / "i",
        "exchange": "0x" + "11" * 20,
        "fund_owner": "0x" + "22" * 20,
        "fee_owner": "0x" + "33" * 20,
    }


def test_flags_win_over_environment_and_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "exchange.toml"
    file.write_text("tick_ms = 1\nport = 1\nchain_id = 1\n")
    monkeypatch.setenv(f"{ENV_PREFIX}PORT", "2")
    monkeypatch.setenv(f"{ENV_PREFIX}CHAIN_ID", "2")
    settings = load_settings(file, **fields(tmp_path), chain_id=3)
    assert (settings.tick_ms, settings.port, settings.chain_id) == (1, 2, 3)


def test_unknown_key_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "exchange.toml"
    file.write_text("tick_milliseconds = 1\n")
    with pytest.raises(SettingsInvalid, match="tick_milliseconds"):
        load_settings(file, **fields(tmp_path))


def test_unknown_environment_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{ENV_PREFIX}TIKC_MS", "1")
    with pytest.raises(SettingsInvalid, match="TIKC_MS"):
        load_settings(**fields(tmp_path))


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "0.0.0.0"},
        {"host": "192.168.1.1"},
        {"port": 70_000},
        {"exchange": "0x11"},
        {"exchange": "zz" * 21},
        {"tick_ms": 0},
        {"batch_ms_max": 30_000},
        {"orders_burst": 63},
        {"engine": "fast"},
        {"settle": True},
        {"data_folder": None},
    ],
)
def test_values_out_of_range_are_refused_by_name(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(**{**fields(tmp_path), **changes})
    assert next(iter(changes)) in str(refused.value)


def test_value_in_the_wrong_place_is_not_printed(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(**{**fields(tmp_path), "exchange": "secret-secret"})
    assert "secret-secret" not in str(refused.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"absent\.toml"):
        load_settings(tmp_path / "absent.toml", **fields(tmp_path))
