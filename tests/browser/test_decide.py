"""An approver decides on the Slack page, as a person would."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from local.people import Loop

pytestmark = pytest.mark.xdist_group("browser")


def test_approve_asks_for_confirmation_and_encrypts(loop: Loop, page: Page) -> None:
    loop.make_endpoint()
    card = page.get_by_role("article").filter(has_text=loop.name).first
    card.get_by_role("button", name="Encrypt endpoint").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Encrypt this endpoint?")
    dialog.get_by_role("button", name="Cancel").click()
    assert loop.buttons() == ["approve", "deny"], "a cancelled dialog decides nothing"

    card.get_by_role("button", name="Encrypt endpoint").click()
    page.get_by_role("dialog").get_by_role("button", name="Encrypt endpoint").click()
    expect(card).to_contain_text("Approved by")
    expect(card.get_by_role("button", name="Encrypt endpoint")).to_have_count(0)

    assert loop.outcome() == "ENCRYPTED"
    expect(card).to_contain_text("in service on its encrypted twin")


def test_an_approver_remediates_and_backs_out(loop: Loop, page: Page) -> None:
    loop.make_endpoint()
    loop.scale(5)
    card = page.get_by_role("article").filter(has_text=loop.name).first
    card.get_by_role("button", name="Encrypt endpoint").click()
    page.get_by_role("dialog").get_by_role("button", name="Encrypt endpoint").click()
    expect(card).to_contain_text("Approved by")
    assert loop.outcome() == "ENCRYPTED"
    assert loop.status()[1] != loop.config

    card.get_by_role("button", name="Back out").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Return to the old config?")
    dialog.get_by_role("button", name="Back out").click()
    expect(card).to_contain_text("Backing out")
    expect(card.get_by_role("button", name="Back out")).to_have_count(0)
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"
    expect(card).to_contain_text("in service on its earlier config")
    assert loop.status() == ("InService", loop.config)
    assert loop.count() == 5


def test_deny_leaves_the_endpoint_as_it_is(loop: Loop, page: Page) -> None:
    loop.make_endpoint()
    card = page.get_by_role("article").filter(has_text=loop.name).first
    card.get_by_role("button", name="Leave as is").click()
    modal = page.get_by_role("dialog")
    expect(modal).to_contain_text("Why leave it as it is?")
    modal.get_by_role("button", name="Leave as is").click()
    expect(modal).to_be_visible()  # it wants a reason
    modal.get_by_role("textbox").fill("It is retired next week")
    modal.get_by_role("combobox").select_option(label="in 7 days, or when its config changes")
    modal.get_by_role("button", name="Leave as is").click()
    expect(card).to_contain_text("Denied by")
    expect(card).to_contain_text("It is retired next week")
    assert loop.outcome() == "DENIED"
    assert loop.status() == ("InService", loop.config)
    expect(card).to_contain_text("Left as it is")
    expect(card.get_by_role("button", name="Leave as is")).to_have_count(0)


def test_an_outsider_is_answered_privately(loop: Loop, page: Page) -> None:
    loop.make_endpoint()
    page.get_by_role("combobox").select_option(label="Olu (no approver)")
    card = page.get_by_role("article").filter(has_text=loop.name).first
    card.get_by_role("button", name="Leave as is").click()
    expect(page.get_by_text("you are not on the list")).to_be_visible()
    assert loop.buttons() == ["approve", "deny"]
    page.get_by_role("combobox").select_option(label=loop.world.approvers[0].name)
    card.get_by_role("button", name="Leave as is").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("It is retired next week")
    page.get_by_role("dialog").get_by_role("button", name="Leave as is").click()
    expect(card).to_contain_text("Denied by")
    assert loop.outcome() == "DENIED"
