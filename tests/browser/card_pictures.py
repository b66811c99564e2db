"""Takes the pictures of the card in each stage of its life, light and dark: `make pictures`.

Writes ``docs/card.png`` (the README's), ``docs/cards/<stage>-<scheme>.png`` and the page that shows them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from local.clock import Clock
from local.demo import Demo
from local.keyboard import Keyboard
from local.people import Loop
from local.world import SCIENTIST, World
from tests.browser import chromium, digest_pictures
from tests.conftest import ROOT, SPECIAL_SETTINGS, synthesized
from tests.workflow.stories import STORIES

_MONDAY_MORNING = 1_795_424_400.0  # so that the times in the pictures stay as they are
_SCHEMES = ("light", "dark")

# modals, by the button that opens them and the person who clicks it
_MODALS = {"deny-modal": ("The modal that asks why an endpoint stays as it is.", "deny", "anyone", False),
           "break-glass-modal": ("The modal that breaks the glass.", "approve", "anyone", True)}  # fmt: skip


def main() -> None:
    path = chromium.find()
    if path is None:
        sys.exit("There is no Chromium on this machine: `make test` says how to get one.")
    folder = ROOT / "docs/cards"
    folder.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        _readme_picture(browser)
        captions = _stages(browser, folder)
        browser.close()
    lines = ["# The card, stage by stage", "", "Made by `make pictures`, from the card as it is now.", ""]
    for name, caption in captions.items():
        shown = " ".join(f"![{name}, {scheme}](cards/{name}-{scheme}.png)" for scheme in _SCHEMES)
        lines += [f"## {caption}", "", shown, ""]
    for name, caption in digest_pictures.CAPTIONS.items():
        shown = " ".join(f"![{name}, {view}](digest/{name}-{view}.png)" for view in digest_pictures.VIEWS)
        lines += [f"## {caption}", "", shown, ""]
    (ROOT / "docs/cards.md").write_text("\n".join(lines))


def _readme_picture(browser: Browser) -> None:
    world = World(ROOT / "cdk.out", Clock(speed=0, start=_MONDAY_MORNING))
    try:
        demo = Demo(world, Console(quiet=True), "approve", Keyboard(used=False))
        demo.make_endpoint()
        demo.send_event()
        page = browser.new_page(
            viewport={"width": 1080, "height": 820}, device_scale_factor=2, timezone_id="UTC"
        )
        page.goto(world.slack_url)
        page.get_by_role("button", name="Encrypt endpoint").wait_for()
        page.screenshot(path=ROOT / "docs/card.png")
        page.close()
    finally:
        world.stop()


def _stages(browser: Browser, folder: Path) -> dict[str, str]:
    """Every stage, each about an endpoint of its own; returns the captions."""
    captions: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as made:
        world = World(
            synthesized(Path(made) / "cdk.out", **SPECIAL_SETTINGS), Clock(speed=0, start=_MONDAY_MORNING)
        )
        try:
            for story in STORIES:
                name = story.__name__.replace("_", "-")
                captions[name] = (story.__doc__ or name).strip()
                loop = _loop(world, name)
                story(loop)
                for scheme in _SCHEMES:
                    page = _page(browser, world, scheme)
                    card = page.get_by_role("article").filter(has_text=loop.name).first
                    card.screenshot(path=folder / f"{name}-{scheme}.png")
                    page.close()
            for name, (caption, action, route, own) in _MODALS.items():
                captions[name] = caption
                loop = _loop(world, name)
                loop.make_endpoint(tags={"route": route})
                user = SCIENTIST.id if own else world.approvers[0].id
                loop.click(action, user=user)
                for scheme in _SCHEMES:
                    page = _page(browser, world, scheme, user)
                    chromium.take_dialog(page, folder / f"{name}-{scheme}.png")
                    page.close()
                world.slack.close_view(user)
        finally:
            world.stop()
    return captions


def _loop(world: World, stage: str) -> Loop:
    world.trail_is_logging = True
    return Loop(world, f"patient-risk-{stage}")


def _page(browser: Browser, world: World, scheme: str, user: str = "") -> Page:
    page = browser.new_page(
        viewport={"width": 760, "height": 2400},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="UTC",
        bypass_csp=True,
    )
    page.goto(world.slack_url)
    if user:
        page.get_by_role("combobox").first.select_option(value=user)
        page.get_by_role("dialog").wait_for()
    page.get_by_role("article").first.wait_for()
    return page


if __name__ == "__main__":
    main()
