"""`make demo` at a terminal, with a person in a real browser: every way to decide, and the way back."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import ROOT

pytestmark = pytest.mark.xdist_group("browser")

_LONG_SECONDS = 90.0
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\]8;[^\x1b]*\x1b\\")


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, module: str, assembly: Path, **environment: str) -> None:
        mine, theirs = pty.openpty()
        self._fd = mine
        self._written = ""
        quiet = {name: os.environ[name] for name in os.environ if not name.startswith("DEMO_")}
        self.process = subprocess.Popen(  # noqa: S603  # our own interpreter on our own demo
            [sys.executable, "-m", module, str(assembly)], cwd=ROOT,
            env={**quiet, "TERM": "xterm", "COLUMNS": "100", **environment},
            stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return _ANSI.sub("", self._written).replace("\r", "")

    def expect(self, pattern: str) -> re.Match[str]:
        give_up = time.monotonic() + _LONG_SECONDS
        while time.monotonic() < give_up:
            if found := re.search(pattern, self.text):
                return found
            time.sleep(0.05)
        raise AssertionError(f"{pattern!r} never came: {self.text[-3000:]}")

    def enter(self) -> None:
        os.write(self._fd, b"\n")

    def end(self) -> int:
        """Its exit code."""
        code = self.process.wait(_LONG_SECONDS)
        self._reader.join(5)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._fd)

    def _read(self) -> None:
        while True:
            try:
                read = os.read(self._fd, 65536)
            except OSError:  # the program has ended
                return
            self._written += read.decode(errors="replace")


@pytest.fixture
def demo(assembly: Path) -> Iterator[Terminal]:
    terminal = Terminal("local.demo", assembly)
    yield terminal
    terminal.close()


@pytest.fixture
def shown(browser: Browser, demo: Terminal, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The demo's page on a desk; with the parameter "phone" in the dark, on a phone."""
    phone = getattr(request, "param", "") == "phone"
    page = browser.new_page(
        viewport={"width": 390, "height": 844} if phone else {"width": 1000, "height": 900},
        color_scheme="dark" if phone else "light",
    )
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(_LONG_SECONDS * 1000)
    page.goto(demo.expect(r"http://127\.0\.0\.1:\d+")[0])
    page.get_by_role("button", name="Encrypt endpoint").wait_for()
    yield page
    page.close()
    assert errors == []


def _person(page: Page, name: str) -> None:
    page.get_by_label("You are").select_option(label=name)


def test_ana_is_refused_then_ada_approves_and_backs_out(demo: Terminal, shown: Page) -> None:
    demo.expect("Be Ana first")
    _person(shown, "Ana")
    shown.get_by_role("button", name="Encrypt endpoint").click()
    shown.get_by_role("dialog").get_by_role("button", name="Encrypt endpoint").click()
    expect(shown.get_by_text("nobody may approve their own change")).to_be_visible()

    _person(shown, "Ada")
    shown.get_by_role("button", name="Encrypt endpoint").click()
    shown.get_by_role("dialog").get_by_role("button", name="Encrypt endpoint").click()
    expect(shown.get_by_role("article").first).to_contain_text(
        re.compile(r"[1-5] of 6 instances"), timeout=30_000
    )
    demo.expect(r"✓ InService on a config with the key")
    assert re.search(r"Slack, to Ana alone: You made this change", demo.text)
    assert re.search(r"Ada clicks .Encrypt endpoint", demo.text)

    shown.get_by_role("button", name="Back out").click()
    shown.get_by_role("dialog").get_by_role("button", name="Back out").click()
    demo.expect(r"✓ Backed out: InService on patient-risk-config again")
    expect(shown.get_by_role("article").first).to_contain_text("in service on its earlier config")
    assert demo.process.poll() is None, "it stays until Enter"
    demo.enter()
    assert demo.end() == 0


@pytest.mark.parametrize("shown", ["phone"], indirect=True)
def test_a_denial_is_an_end_like_any_other(demo: Terminal, shown: Page) -> None:
    button = shown.get_by_role("button", name="Leave as is")
    button.click()
    modal = shown.get_by_role("dialog")
    modal.wait_for()
    shown.keyboard.press("Escape")
    expect(modal).to_be_hidden()
    expect(button).to_be_focused()

    button.click()
    modal.get_by_role("textbox").fill("It is retired next week")
    modal.get_by_role("button", name="Leave as is").click()
    demo.expect(r"✓ Denied: the endpoint is untouched")
    assert "✗" not in demo.text
    demo.expect("the reason: It is retired next week")
    demo.enter()
    assert demo.end() == 0


def test_enter_lets_the_demo_click_and_enter_ends_it(demo: Terminal) -> None:
    demo.expect("Or press Enter")
    demo.expect("RequestApproval")
    demo.enter()
    demo.expect("Enter: the demo clicks for you")
    demo.expect(r"✓ InService on a config with the key")
    demo.expect("Enter ends the demo")
    ending = demo.text[demo.text.rindex("patient-risk: UNENCRYPTED") : demo.text.rindex("✓ InService")]
    assert len(ending.splitlines()) + 1 <= 15
    demo.enter()
    assert demo.end() == 0


@pytest.mark.parametrize("shown", ["phone"], indirect=True)
def test_on_a_phone_the_card_begins_at_its_start(demo: Terminal, shown: Page) -> None:
    list_top = shown.get_by_role("log").evaluate("node => node.getBoundingClientRect().top")
    card = shown.get_by_role("article").first
    assert card.evaluate("node => node.getBoundingClientRect().top") >= list_top
    _assert_links_stay_here(card, shown)
    assert demo.process.poll() is None


def _assert_links_stay_here(card: Locator, page: Page) -> None:
    """The console's links open local pages, which say what the console would."""
    for name, said in (("Endpoint", "patient-risk-config"), ("Execution", "RequestApproval")):
        with page.expect_popup() as opened:
            card.get_by_role("link", name=name, exact=True).click()
        popup = opened.value
        assert popup.url.startswith("http://127.0.0.1:")
        expect(popup.get_by_role("main")).to_contain_text(said)
        popup.close()
