"""A digest's list on the Slack page: what is chosen stays chosen, and goes nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from slack_sdk import WebClient

from lambdas.domain.messages import digest_list
from local.clock import Clock
from local.slack import Channel, SlackStandIn, User
from tests.unit import samples

pytestmark = pytest.mark.xdist_group("browser")

_ADA = User(id="U0ADA", name="Ada", email="ada@example.com")


def test_choices_stay_where_a_modal_is_updated_and_are_not_found_on_the_next_page(browser: Browser) -> None:
    slack = SlackStandIn(
        clock=Clock(speed=0), bot_token="xoxb-1", signing_secret="s",
        channels=[Channel(id="C0", name="ops")], users=[_ADA],
    )  # fmt: skip
    found = [samples.finding(number) for number in range(30)]

    def shown(number: int, notice: str = "") -> dict[str, Any]:
        return digest_list.page(samples.digest(), found, number, notice=notice)

    with slack.serve() as server:
        client = WebClient("xoxb-1", base_url=server.api_url)
        client.views_open(trigger_id=slack.new_trigger(_ADA.id), view=shown(1))
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(server.url)
        dialog = page.get_by_role("dialog")
        for_all, one = (
            dialog.get_by_label("All 20 on this page awaiting a decision"),
            dialog.get_by_label("fraud-3", exact=True),
        )
        for_all.select_option("Encrypt all")
        one.select_option("Leave as is")
        dialog.get_by_label("Why leave some").fill("It moves.")

        [view] = slack.views(_ADA.id)
        client.views_update(view_id=view.id, hash=view.hash, view=shown(1, "Not recorded."))
        expect(dialog).to_contain_text("Not recorded.")
        expect(for_all).to_have_value("encrypt")
        expect(one).to_have_value("leave")
        expect(dialog.get_by_label("Why leave some")).to_have_value("It moves.")

        client.views_update(view_id=view.id, view=shown(2))
        expect(dialog).to_contain_text("Page 2 of 2")
        expect(dialog.get_by_label("All 10 on this page awaiting a decision")).to_have_value("later")
        expect(dialog.get_by_label("fraud-25", exact=True)).to_have_value("as-above")
        expect(dialog.get_by_label("Why leave some")).to_have_value("")
        page.close()
