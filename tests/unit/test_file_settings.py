"""The settings in the functions' asset, as they are read from there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambdas.gateways import settings as gateway


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "settings.json"
    monkeypatch.setattr(gateway, "SETTINGS_FILE", file)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    gateway.file_settings.cache_clear()
    return file


def test_a_region_has_the_keys_of_its_own(file: Path) -> None:
    file.write_text(json.dumps({"encryptedBy": {"us-east-1": ["any"], "eu-west-1": ["alias/phi"]}}))
    assert gateway.encrypted_by() == ("alias/phi",)


@pytest.mark.parametrize("text", [None, "{}", '{"encryptedBy": {"us-east-1": ["any"]}}'])
def test_what_is_missing_is_never_taken_for_a_setting(file: Path, text: str | None) -> None:
    if text:
        file.write_text(text)
    with pytest.raises(gateway.SettingMissing, match="deploy the function with its stack"):
        gateway.encrypted_by()
