"""What all tests share: the cloud assembly, synthesized once for a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import app

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cloud assembly of the repository's own `cdk.json`, as `make synth` writes it."""
    folder = tmp_path_factory.mktemp("cdk") / "cdk.out"
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app.build(outdir=str(folder), context=context).synth()
    return folder
