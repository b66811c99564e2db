"""Runs a command that takes a while, and says every few seconds that it still runs.

``python -m local.patiently "Installing the Node packages" npm ci``. Standard library only, and any Python 3:
this runs before anything is installed. What is known to be noise is left out of the output.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

_EVERY_SECONDS = 8.0
_NOISE = re.compile(r"^(Bundling asset |added \d+ packages|up to date in |$)")


def run(words: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
    """Run a command. Returns its exit code.

    Parameters
    ----------
    words
        What is said at once, and with the time so far every 8 seconds.
    environment
        Of the command; this process's by default.
    """
    began = time.monotonic()
    print(f"{words} ...", flush=True)
    process = subprocess.Popen(  # a command of the Makefile's
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        errors="replace",
    )
    with process:
        reader = threading.Thread(target=_pass_on, args=(process.stdout,), daemon=True)
        reader.start()
        while True:
            try:
                code = process.wait(_EVERY_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"{words} ... {time.monotonic() - began:.0f} s", flush=True)
            else:
                reader.join()
                return code


def _pass_on(output: IO[str] | None) -> None:
    for line in output or ():
        if not _NOISE.match(line):
            print(line, end="", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1], sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
