"""Takes the README's picture of the card: `make picture` writes docs/card.png."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console

from local.clock import Clock
from local.demo import Demo
from local.world import World
from tests.browser import chromium

_ROOT = Path(__file__).resolve().parents[2]
_MONDAY_MORNING = 1_795_424_400.0  # so that the times in the picture stay as they are


def main() -> None:
    path = chromium.find()
    if path is None:
        sys.exit("There is no Chromium on this machine: `make test` says how to get one.")
    world = World(_ROOT / "cdk.out", Clock(speed=0, start=_MONDAY_MORNING))
    try:
        demo = Demo(world, Console(quiet=True), "approve")
        demo.make_endpoint()
        demo.send_event()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
            page = browser.new_page(
                viewport={"width": 1080, "height": 760}, device_scale_factor=2, timezone_id="UTC"
            )
            page.goto(world.slack_url)
            page.get_by_role("button", name="Encrypt endpoint").wait_for()
            page.screenshot(path=_ROOT / "docs" / "card.png")
            browser.close()
    finally:
        world.stop()


if __name__ == "__main__":
    main()
