"""Takes the pictures of a digest's card and the list behind it, light, dark and on a phone: `make pictures`.

They need no world: the card is posted into the Slack stand-in, and the list opened there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Literal

from playwright.sync_api import Browser, sync_playwright
from slack_sdk import WebClient

from lambdas.domain.messages import digest_card, digest_list
from lambdas.domain.record import Digest, Finding
from lambdas.domain.sweep.digest import finding_key
from lambdas.domain.vocabulary import Surface
from local.clock import Clock
from local.slack import Channel, SlackStandIn, User, UserGroup
from tests.browser import chromium
from tests.conftest import ROOT
from tests.unit import samples

_FOLDER = ROOT / "docs/digest"
CAPTIONS = {
    "card": "What a sweep found on one route, in one card: the digest.",
    "modal": "The list behind it, page by page, with a decision for each endpoint or for all shown.",
    "modal-end": "The end of a page: why some are left as they are, when to ask again, and the next page.",
}
_MONDAY_MORNING = 1_795_424_400.0  # so that the times in the pictures stay as they are
_TOKEN = "xoxb-pictures"  # of the stand-in, on this machine alone
_ADA = User(id="U0ADA", name="Ada", email="ada@example.com")
_GRACE = User(id="U0GRACE", name="Grace", email="grace@example.com")
_CHANNEL = Channel(id="C0SEALPOINT", name="sagemaker-security")

# what the page is seen on: its width, its height and its colours
VIEWS: Mapping[str, tuple[int, int, Literal["light", "dark"]]] = {
    "light": (900, 1250, "light"),
    "dark": (900, 1250, "dark"),
    "phone": (390, 1400, "light"),
}


def main() -> None:
    path = chromium.find()
    if path is None:
        sys.exit("There is no Chromium on this machine: `make test` says how to get one.")
    _FOLDER.mkdir(exist_ok=True)
    slack = SlackStandIn(
        clock=Clock(speed=0, start=_MONDAY_MORNING), bot_token=_TOKEN, signing_secret="unused",
        channels=[_CHANNEL], users=[_ADA, _GRACE],
        user_groups=[UserGroup(id="S0TEAM", handle="ml-security", users=[_ADA.id, _GRACE.id])],
    )  # fmt: skip
    digest, findings = sample()
    with slack.serve() as server, sync_playwright() as playwright:
        client = WebClient(_TOKEN, base_url=server.api_url)
        client.chat_postMessage(channel=_CHANNEL.id, **digest_card.message(digest, findings))
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        _take(browser, server.url, "card", "article")
        page = digest_list.page(digest, findings, digest_list.page_to_decide(findings))
        client.views_open(trigger_id=slack.new_trigger(_ADA.id), view=page)
        _take(browser, server.url, "modal", "dialog")
        _take(browser, server.url, "modal-end", "dialog", at_end=True)
        browser.close()


def sample() -> tuple[Digest, list[Finding]]:
    """Five hundred endpoints, most of which wait."""
    now = "2026-11-23T07:00:00Z"
    digest = samples.digest(
        mayDecide=["S0TEAM", _ADA.id], createdAt=now, deadline=now.replace("23T", "24T"), route="clinical"
    )
    found = [_finding(number) for number in range(500)]
    return digest, sorted(found, key=lambda one: finding_key(one["endpointId"], one["surfaces"]))


def _finding(number: int) -> Finding:
    surfaces = [Surface.INSTANCE_VOLUME]
    if number % 20 == 0:
        surfaces.append(Surface.DATA_CAPTURE)
    if number % 60 == 0:
        surfaces.append(Surface.ASYNC_OUTPUT)
    types = ["ml.g5.2xlarge"] if number % 3 else ["ml.m6i.large", "ml.c6i.xlarge"]
    name = f"patient-risk-{number:03}"
    facts = {
        "endpointId": f"123456789012/us-east-1/{name}",
        "endpointName": name,
        "surfaces": surfaces,
        "instanceTypes": types,
    }
    match number:
        case 60 | 240:
            return samples.approved(number, **facts, decidedBy=_ADA.id, outcome="ENCRYPTED")
        case 120:
            return samples.denied(number, **facts, decidedBy=_GRACE.id, outcome="DENIED")
        case 180 | 300:
            return samples.approved(number, **facts, decidedBy=_ADA.id)
        case 360:
            why = "A model of its config was deleted: patient-risk-360-model."
            return samples.approved(number, **facts, decidedBy=_GRACE.id, outcome="FAILED", reason=why)
        case 420:
            return samples.finding(number, **facts, approvals=1)
        case _:
            return samples.finding(number, **facts)


def _take(
    browser: Browser, url: str, name: str, role: Literal["article", "dialog"], *, at_end: bool = False
) -> None:
    for view, (width, height, scheme) in VIEWS.items():
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            timezone_id="UTC",
            bypass_csp=True,
        )
        page.goto(url)
        shown = page.get_by_role(role).first
        shown.wait_for()
        if at_end:
            shown.get_by_role("button", name="Next").scroll_into_view_if_needed()
        path = _FOLDER / f"{name}-{view}.png"
        if role == "dialog":
            chromium.take_dialog(page, path)
        else:
            shown.screenshot(path=path)
        page.close()


if __name__ == "__main__":
    main()
