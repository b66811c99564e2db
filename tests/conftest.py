"""What all tests share: the cloud assembly, synthesized once for a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
    """The cloud assembly of the repository's own `cdk.json`, made as the CDK CLI has it made."""
    return synthesized(tmp_path_factory.mktemp("cdk") / "cdk.out")


@pytest.fixture(scope="session")
def routed_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with `ROUTES`, a broken glass allowed, and two approvers for critical endpoints."""
    return synthesized(tmp_path_factory.mktemp("routed") / "cdk.out", **SPECIAL_SETTINGS)


def synthesized(folder: Path, **changes: Any) -> Path:
    """The cloud assembly of `cdk.json` with some settings changed."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    context["sealpoint"] |= changes
    environment = {**os.environ, "CDK_OUTDIR": str(folder), "CDK_CONTEXT_JSON": json.dumps(context)}
    made = subprocess.run(  # our own interpreter on our own app
        [sys.executable, "app.py"], cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return folder
