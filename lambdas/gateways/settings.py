"""The settings that the stack hands to a function.

Environment variables hold what CloudFormation fills in and what is always small. A file of the asset, one for
all regions, holds what a user may make large: an environment has room for 4 KB.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from lambdas.domain.approval.routes import Rules, read_rules

SETTINGS_FILE = Path(__file__).resolve().parents[2] / "settings.json"


class SettingMissing(Exception):
    """The function was deployed without a setting that it needs."""


def required(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise SettingMissing(
            f"The environment variable {name} is not set: deploy the function with its stack."
        )
    return value


def required_list(name: str) -> tuple[str, ...]:
    """A comma-separated setting; nothing in it is the same as not set."""
    return tuple(part.strip() for part in required(name).split(",") if part.strip())


def required_seconds(name: str) -> int:
    return int(required(name))


def required_days(name: str) -> timedelta:
    return timedelta(days=int(required(name)))


def required_share(name: str) -> float:
    """A share of AWS's quotas, given in percent."""
    return int(required(name)) / 100


def optional_list(name: str) -> tuple[str, ...]:
    """A comma-separated setting that may be absent."""
    return tuple(part.strip() for part in os.environ.get(name, "").split(",") if part.strip())


@cache
def rules() -> Rules:
    """The settings about decisions."""
    return read_rules(_from_file("decisions"))


def encrypted_by() -> tuple[str, ...]:
    """Which keys count in this region; none but our own if empty."""
    by_region, region = _from_file("encryptedBy"), required("AWS_REGION")
    if region not in by_region:
        raise SettingMissing(f"The settings are not for {region}: deploy the function with its stack.")
    return tuple(by_region[region])


def deployment_config() -> dict[str, Any] | None:
    """SageMaker's DeploymentConfig for endpoints that have none; None leaves them to SageMaker's default."""
    return _from_file("deploymentConfig")


def _from_file(name: str) -> Any:
    try:
        return file_settings()[name]
    except (OSError, KeyError) as error:
        raise SettingMissing(
            f"{SETTINGS_FILE.name} of the function's code has no {name}: deploy the function with its stack."
        ) from error


@cache
def file_settings() -> Mapping[str, Any]:
    """The settings of the asset's file, read once in a function's life."""
    return json.loads(SETTINGS_FILE.read_text())
