"""The settings that the stack hands to a function, as environment variables."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from functools import cache
from typing import Any

from lambdas.domain.approval.routes import Rules, read_rules


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


@cache
def rules() -> Rules:
    """The settings about decisions."""
    return read_rules(json.loads(required("DECISION_RULES")))


def optional_json(name: str) -> Any:
    """A setting in JSON; None if it is not set."""
    value = os.environ.get(name, "").strip()
    return json.loads(value) if value else None


def optional_list(name: str) -> tuple[str, ...]:
    """A comma-separated setting that may be absent."""
    return tuple(part.strip() for part in os.environ.get(name, "").split(",") if part.strip())
