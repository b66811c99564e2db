"""The whole loop, clicked by a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from local.world import World
from tests.browser import chromium
from tests.workflow.fixtures import loop, world, worlds

__all__ = ["loop", "world", "worlds"]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    assert path, "no Chromium on this machine: `make test` says how to get one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    """The Slack page, and a test that fails if it reports an error to its console."""
    page = browser.new_page(viewport={"width": 1000, "height": 1100})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(world.slack_url)
    yield page
    page.close()
    assert errors == []
