"""The cloud assembly of this repository with some settings changed, made as the CDK CLI has it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent


class NotSynthesized(Exception):
    """The app refused; the message is its own."""


def synthesize(folder: Path, **changes: Any) -> Path:
    """Write the assembly into a folder, and return that.

    Parameters
    ----------
    changes
        Settings of `cdk.json`, in place of what they are there.

    Raises
    ------
    NotSynthesized
    """
    context = json.loads((_ROOT / "cdk.json").read_text())["context"]
    context["sealpoint"] |= changes
    environment = {
        **os.environ, "CDK_OUTDIR": str(folder.resolve()), "CDK_CONTEXT_JSON": json.dumps(context)
    }  # fmt: skip
    made = subprocess.run(  # our own interpreter on our own app
        [sys.executable, "app.py"], cwd=_ROOT, env=environment, check=False, capture_output=True, text=True
    )
    if made.returncode != 0:
        raise NotSynthesized(made.stderr)
    return folder


if __name__ == "__main__":
    try:
        synthesize(Path(sys.argv[1]), **json.loads(sys.argv[2]))
    except NotSynthesized as error:
        sys.exit(str(error))
