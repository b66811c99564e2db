"""What all tests share: the cloud assembly, synthesized once for a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.assemblies import synthesized

# how long an example takes is the machine's affair: a busy one must not fail a property that holds
settings.register_profile("sealpoint", deadline=None)
settings.load_profile("sealpoint")

__all__ = ["synthesized"]

ROOT = Path(__file__).resolve().parent.parent


# One route for each way of deciding; endpoints without such a tag take the default one.
ROUTES: list[dict[str, Any]] = [
    {"name": "automatic", "tags": {"route": "automatic"}, "approvalMode": "automatic"},
    {"name": "observe", "tags": {"route": "observe"}, "approvalMode": "observe"},
    {"name": "high-impact", "tags": {"route": "high-impact"}, "decideIn": "command-line"},
    {"name": "group", "tags": {"route": "group"}, "approvers": ["S0MLPLATFORM"], "reminderHours": 0},
    {"name": "anyone", "tags": {"route": "anyone"}, "approvers": ["*"], "approvalDeadlineHours": 2},
]
SPECIAL_SETTINGS: dict[str, Any] = {
    "routes": ROUTES, "breakGlass": True, "twoApproversTag": {"sealpoint:critical": "true"},
    "runbookUrl": "https://example.com/runbook",
}  # fmt: skip


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloud assembly of the example's settings, made as the CDK CLI has it made."""
    return synthesized(tmp_path_factory.mktemp("cdk") / "cdk.out")


@pytest.fixture(scope="session")
def routed_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with `ROUTES`, break-glass approvals allowed, and two approvers for critical endpoints."""
    return synthesized(tmp_path_factory.mktemp("routed") / "cdk.out", **SPECIAL_SETTINGS)
