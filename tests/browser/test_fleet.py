"""`make demo-fleet` at a terminal: a person decides in the digest's list, and the end agrees with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_demo import Terminal
from tests.conftest import synthesized

pytestmark = pytest.mark.xdist_group("browser")


def test_a_person_decides_the_digest_and_the_demo_the_rest(browser: Browser, tmp_path: Path) -> None:
    regions = ["us-east-1", "eu-west-1", "ap-south-1"]
    terminal = Terminal("local.fleet", synthesized(tmp_path / "cdk.out", regions=regions, digestAbove=2))
    try:
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.set_default_timeout(120_000)
        page.goto(terminal.expect(r"http://127\.0\.0\.1:\d+")[0])
        card = page.get_by_role("article").filter(has_text=re.compile("5 endpoints")).first
        expect(card).to_contain_text("5 awaiting a decision", timeout=120_000)
        card.get_by_role("button").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label(re.compile("^All 5")).select_option("Encrypt all")
        dialog.get_by_label("open-00", exact=True).select_option("Leave as is")
        dialog.get_by_label("Why leave some").fill("It is retired next week.")
        dialog.locator("footer .button-primary").click()
        expect(card).to_contain_text("4 approved")
        terminal.enter()
        terminal.expect("Enter ends the demo")
        assert "✗" not in terminal.text
        assert "✓ Every endpoint is what was decided." in terminal.text
        assert re.search(r"4 ENCRYPTED, 1 DENIED|1 DENIED, 4 ENCRYPTED", terminal.text)
        assert re.search(r"Slack: 5 endpoints.*4 encrypted.*1 left as it is", terminal.text, re.DOTALL)
        terminal.enter()
        assert terminal.end() == 0
        page.close()
    finally:
        print(terminal.text[-3000:])  # noqa: T201  # what pytest shows of a failure
        terminal.close()
