"""Where the browser tests' Chromium is, and how it gets there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

# no sandbox, because containers and root have none; no calls home, because tests need no network
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """The path of a Chromium on this machine."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


# What is behind a dialog shows around its round corners, and in the fraction of a pixel at its edges.
_ALONE = """
html, body { background: transparent !important }
body > :not(dialog) { visibility: hidden }
dialog::backdrop { background: none !important }
"""


def take_dialog(page: Page, path: Path) -> None:
    """Take a picture of the open dialog, and of nothing behind it. The page has to bypass its CSP."""
    page.get_by_role("dialog").first.screenshot(path=path, omit_background=True, style=_ALONE)


def main() -> None:
    """Install Debian's Chromium if there is none and we may; else say what to do."""
    if find():
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Chromium for the browser tests (once) ...")  # noqa: T201  # said to whoever waits
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        for command in (["apt-get", "update", "-qq"], install):
            done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603
            if done.returncode:
                sys.exit(f"`{' '.join(command)}` failed:\n{done.stderr}")
    if not find():
        sys.exit(
            "The browser tests need Chromium or Chrome on the PATH: install it (Debian and Ubuntu: "
            "`sudo apt-get install chromium`; macOS: `brew install --cask chromium`), then try again."
        )


if __name__ == "__main__":
    main()
