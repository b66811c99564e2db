"""The cloud assembly of this repository with some settings changed, made as the CDK CLI has it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from stacks.settings_file import EXAMPLE
from stacks.strict_yaml import parse

_ROOT = Path(__file__).resolve().parent.parent


class NotSynthesized(Exception):
    """The app refused; the message is its own."""


def synthesize(folder: Path, **changes: Any) -> Path:
    """Write the assembly into a folder, and return that.

    Parameters
    ----------
    changes
        Settings, in place of what they are in `sealpoint.example.yaml`.

    Raises
    ------
    NotSynthesized
    """
    settings = parse((_ROOT / EXAMPLE).read_text(encoding="utf-8")) | changes
    context = json.loads((_ROOT / "cdk.json").read_text())["context"]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "settings.yaml"
        file.write_text(json.dumps(settings))  # which is YAML, too
        environment = {
            **os.environ, "CDK_OUTDIR": str(folder.resolve()),
            "CDK_CONTEXT_JSON": json.dumps({**context, "settingsFile": str(file)}),
        }  # fmt: skip
        made = subprocess.run(  # our own interpreter on our own app
            [sys.executable, "app.py"],
            cwd=_ROOT,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
    if made.returncode != 0:
        raise NotSynthesized(made.stderr)
    return folder


if __name__ == "__main__":
    try:
        synthesize(Path(sys.argv[1]), **json.loads(sys.argv[2]))
    except NotSynthesized as error:
        sys.exit(str(error))
