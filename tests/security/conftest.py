"""The scanners that security teams run, from an environment of their own (`make test` makes it)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build" / "security" / "bin"


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if not (TOOLS / tool).exists():
        pytest.fail(f"{tool} is not installed: run `make scanners`, or `make test`, which does.")
    return subprocess.run(  # noqa: S603  # a pinned tool of this repository
        # by its interpreter: a script's first line can't name one in a folder with a space in its name
        [TOOLS / "python", TOOLS / tool, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
