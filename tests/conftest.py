"""What all tests share: the cloud assembly, synthesized once for a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloud assembly of the repository's own `cdk.json`, made as the CDK CLI has it made."""
    folder = tmp_path_factory.mktemp("cdk") / "cdk.out"
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    environment = {**os.environ, "CDK_OUTDIR": str(folder), "CDK_CONTEXT_JSON": json.dumps(context)}
    made = subprocess.run(  # our own interpreter on our own app
        [sys.executable, "app.py"], cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return folder
