"""Which region a command is about, where none is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.deployment import Deployment, NotDeployed


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No region in the environment or in a profile, and no settings here."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)


def regions(*names: str) -> None:
    ids = {"slackChannel": "C0123456789", "approvers": ["U0123456789"]}
    Path("sealpoint.yaml").write_text(json.dumps({"regions": names, **ids}))


def test_the_only_region_of_the_settings_needs_no_naming() -> None:
    regions("eu-central-1")
    assert Deployment().stack_name == "Sealpoint-eu-central-1"


def test_the_environments_region_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    regions("eu-central-1")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert Deployment().region == "us-west-2"
    assert Deployment("us-east-1").region == "us-east-1"


def test_of_several_regions_one_has_to_be_named() -> None:
    regions("eu-central-1", "us-east-1")
    with pytest.raises(NotDeployed, match="Use --region with one of eu-central-1, us-east-1, or set"):
        Deployment()


def test_without_settings_the_region_has_to_be_named() -> None:
    with pytest.raises(NotDeployed, match="Use --region with one, or set AWS_REGION"):
        Deployment()
