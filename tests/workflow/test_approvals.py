"""Who decides what where, through the template's own state machine: routes, modals, reminders, threads."""

from __future__ import annotations

import contextlib
import io
import json

import pytest

from local.people import Loop
from local.world import OUTSIDER, SCIENTIST
from tests.workflow.fixtures import Ops

pytestmark = pytest.mark.xdist_group("approvals")


def _shown(loop: Loop) -> str:
    return json.dumps(loop.card().blocks, ensure_ascii=False)


# -- the card's life


def test_the_thread_keeps_the_timeline_and_the_card_shows_each_stage(loop: Loop) -> None:
    execution = loop.make_endpoint(in_service=False)
    assert loop.thread() == []
    loop.click("approve")
    assert "*Creating the encrypted config*" in _shown(loop)
    loop.world.drive(lambda: "*Waiting*" in _shown(loop))
    assert "the endpoint is Creating" in _shown(loop)
    loop.world.drive(lambda: "*Updating*" in _shown(loop))
    loop.world.drive(lambda: "of 2 instances" in _shown(loop))  # how far the update is
    assert loop.outcome(execution) == "ENCRYPTED"
    told = "\n".join(loop.thread())
    for part in ("Approved", "CreateEndpointConfig", "UpdateEndpoint", "Ended ENCRYPTED"):
        assert told.count(part) == 1, part


def test_reminders_come_at_their_interval_and_the_last_one_mentions_the_approvers(loop: Loop) -> None:
    execution = loop.make_endpoint()
    began = loop.world.clock.now()
    loop.world.drive(lambda: len(loop.thread()) == 1)
    assert 8 <= (loop.world.clock.now() - began) / 3600 < 8.1
    assert "Still awaiting" in loop.thread()[0]
    loop.world.drive(lambda: len(loop.thread()) == 2)
    approver = loop.world.approvers[0].id
    assert f"Last reminder:* <@{approver}>" in loop.thread()[1]
    assert loop.outcome(execution) == "EXPIRED"
    assert 24 <= (loop.world.clock.now() - began) / 3600 < 24.2
    assert len(loop.thread()) == 3, "and how it ended"


def test_an_approval_after_a_reminder_counts(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.world.drive(lambda: len(loop.thread()) == 1)
    loop.world.settle()
    assert loop.click("approve") == 200
    assert loop.outcome(execution) == "ENCRYPTED"
    assert len(loop.cards()) == 1


def test_a_newer_change_marks_the_older_card_and_links_the_new_one(loop: Loop) -> None:
    older = loop.make_endpoint()
    [first] = loop.cards()
    newer = loop.update(loop.make_config(f"{loop.name}-2"))
    loop.world.settle()
    assert loop.outcome(older) == "SUPERSEDED"
    old, new = loop.cards()
    assert old.ts == first.ts
    assert loop.buttons(old) == []
    assert f"/archives/{loop.world.channel_id}/p{new.ts.replace('.', '')}" in json.dumps(old.blocks)
    assert loop.record(newer)["supersedes"] == older.name
    assert loop.record(older)["supersededBy"] == newer.name


def test_slack_down_for_an_hour_delays_the_question_and_loses_nothing(loop: Loop) -> None:
    loop.world.slack.faults.take_down()
    execution = loop.make_endpoint()
    began = loop.world.clock.now()
    loop.world.drive(lambda: loop.world.clock.now() - began >= 3600)
    loop.world.slack.faults.bring_up()
    assert loop.cards() == []
    loop.world.drive(lambda: bool(loop.cards()))
    asked = loop.world.clock.now()
    assert asked - began < 2 * 3600
    loop.world.drive(lambda: len(loop.thread()) == 2)
    loop.world.clock.advance(asked + 23.9 * 3600 - loop.world.clock.now())
    assert loop.click("approve") == 200, "its whole time begins when people can see it"
    assert loop.outcome(execution) == "ENCRYPTED"


# -- denials


def test_a_denial_says_why_and_is_not_asked_about_again_before_its_time(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.deny("it is retired in May", again="7")
    assert loop.outcome(execution) == "DENIED"
    assert "“it is retired in May”" in _shown(loop)
    assert loop.record(execution)["decisionReason"] == "it is retired in May"

    swept = loop.world.start(loop.name, kind="sweep")
    assert loop.outcome(swept) == "DENIED"
    assert "it is retired in May" in loop.record(swept)["reason"]
    assert len(loop.cards()) == 1, "nobody is asked the same again at once"

    by_hand = loop.world.start(loop.name)
    loop.world.drive(lambda: len(loop.cards()) == 2)
    loop.deny(again="when-changed")
    assert loop.outcome(by_hand) == "DENIED"
    loop.world.clock.advance(400 * 86_400)
    assert loop.outcome(loop.world.start(loop.name, kind="sweep")) == "DENIED"

    changed = loop.update(loop.make_config(f"{loop.name}-2"))
    assert len(loop.cards()) == 3, "another config is another question"
    loop.deny()
    assert loop.outcome(changed) == "DENIED"


def test_a_modal_sent_too_late_says_so_in_its_place(loop: Loop) -> None:
    execution = loop.make_endpoint()
    ada, grace = (approver.id for approver in loop.world.approvers[:2])
    assert loop.click("deny", user=grace) == 200
    loop.click("approve", user=ada)
    assert loop.submit(grace, {"reason": {"reason": "not now"}}) == 200
    [view] = loop.world.slack.views(grace)
    assert "already approved" in json.dumps(view.content)
    assert loop.outcome(execution) == "ENCRYPTED"


# -- who may decide


def test_nobody_approves_their_own_change_except_by_break_glass_which_notifies_all(loop: Loop) -> None:
    """Ana changed it, as her session's name says; here she is an approver, too."""
    execution = loop.make_endpoint(tags={"route": "anyone"})
    assert f"<@{SCIENTIST.id}>" in _shown(loop), "the card mentions who made the change"
    assert loop.click("approve", user=SCIENTIST.id) == 200
    assert loop.record(execution).get("decision") is None
    assert loop.submit(SCIENTIST.id, {"reason": {"reason": "patients wait"}}) == 200
    assert loop.outcome(execution) == "ENCRYPTED"
    assert "Break-glass approval" in _shown(loop)
    assert any("<!channel>" in said and "patients wait" in said for said in loop.thread())


def test_a_critical_endpoint_needs_two_people(loop: Loop) -> None:
    execution = loop.make_endpoint(tags={"sealpoint:critical": "true"})
    ada, grace = (approver.id for approver in loop.world.approvers[:2])
    assert loop.click("approve", user=ada) == 200
    assert "*1 of 2 approvals:*" in _shown(loop)
    assert loop.buttons() == ["approve", "deny"]
    assert loop.click("approve", user=ada) == 200
    assert "second approver" in loop.world.slack.ephemerals(ada)[-1].text
    assert "decision" not in loop.record(execution)
    assert loop.click("approve", user=grace) == 200
    assert loop.outcome(execution) == "ENCRYPTED"
    assert f"<@{ada}> and <@{grace}>" in _shown(loop)


def test_the_members_of_a_group_decide(loop: Loop) -> None:
    execution = loop.make_endpoint(tags={"route": "group"})
    ada, grace = (approver.id for approver in loop.world.approvers[:2])
    assert "<!subteam^S0MLPLATFORM>" in _shown(loop)
    loop.click("approve", user=ada)
    assert "<!subteam^S0MLPLATFORM>" in loop.world.slack.ephemerals(ada)[-1].text, "whom to ask"
    loop.click("approve", user=grace)
    assert loop.outcome(execution) == "ENCRYPTED"


def test_anyone_in_the_channel_where_the_settings_say_so(loop: Loop) -> None:
    execution = loop.make_endpoint(tags={"route": "anyone"})
    assert loop.click("approve", user=OUTSIDER.id) == 200
    assert loop.outcome(execution) == "ENCRYPTED"


def test_refused_tries_are_on_record(loop: Loop) -> None:
    loop.make_endpoint()
    loop.click("approve", user=OUTSIDER.id)
    [approval] = [item for item in loop.world.items("approval") if item["endpointName"] == loop.name]
    [attempt] = approval["attempts"]
    assert attempt["by"] == OUTSIDER.id
    loop.deny()
    loop.outcome()


# -- routes


def test_an_automatic_route_posts_a_notice_and_encrypts(loop: Loop) -> None:
    execution = loop.make_endpoint(tags={"route": "automatic"})
    [notice] = loop.cards()
    assert loop.buttons(notice) == []
    assert "Approved automatically" in _shown(loop)
    assert loop.outcome(execution) == "ENCRYPTED"
    assert loop.record(execution)["decidedBy"] == "route/automatic"
    assert len(loop.cards()) == 1
    assert loop.buttons() == ["backout"]


def test_an_observing_route_posts_a_notice_and_leaves_it(loop: Loop) -> None:
    execution = loop.make_endpoint(tags={"route": "observe"})
    assert loop.outcome(execution) == "OBSERVED"
    assert "Observe mode" in _shown(loop)
    assert loop.status() == ("InService", loop.config)


# -- the command line


def test_a_route_outside_slack_is_decided_on_the_command_line_alone(loop: Loop, operate: Ops) -> None:
    execution = loop.make_endpoint(tags={"route": "high-impact"})
    assert loop.buttons() == []
    assert f"sealpoint approve {execution.name}" in _shown(loop)
    forged = loop.world.slack_click(loop.world.approvers[0].id, loop.card(), "approve", loop.approval_id())
    assert forged == 200
    assert "can't be decided in Slack" in loop.world.slack.ephemerals(loop.world.approvers[0].id)[-1].text
    assert "decision" not in loop.record(execution)
    assert operate("approve", execution.name) == 0
    assert loop.outcome(execution) == "ENCRYPTED"
    assert loop.record(execution)["decidedBy"].endswith("/ada@example.com")
    assert "`ada@example.com`" in _shown(loop)
    assert loop.buttons() == []


def test_ops_decides_while_slack_is_down(loop: Loop, operate: Ops) -> None:
    execution = loop.make_endpoint()
    loop.world.slack.faults.take_down()
    try:
        assert operate("approve", execution.name) == 0
    finally:
        loop.world.slack.faults.bring_up()
    assert loop.outcome(execution) == "ENCRYPTED"


def test_ops_denies_with_a_reason(loop: Loop, operate: Ops, capsys: pytest.CaptureFixture[str]) -> None:
    execution = loop.make_endpoint()
    assert operate("deny", execution.name, "--reason", "wait for May", "--ask-again", "90") == 0
    assert f"{loop.name}: denied" in capsys.readouterr().out
    assert loop.outcome(execution) == "DENIED"
    assert "“wait for May”" in _shown(loop)


@pytest.mark.parametrize(
    ("given", "who", "says"),
    [
        ("ID", "ana", "give a reason"),  # her own change
        ("no-such-id", "ada", "No question of a remediation no-such-id"),
        ("ID", "mallory", "execute-api:Invoke"),
    ],
)
def test_what_ops_may_not_decide(loop: Loop, operate: Ops, given: str, who: str, says: str) -> None:
    execution = loop.make_endpoint()
    console = io.StringIO()
    with contextlib.redirect_stderr(console):
        assert operate("approve", execution.name if given == "ID" else given, who=who) == 2
    assert says in " ".join(console.getvalue().split())
    assert "decision" not in loop.record(execution)
    loop.deny()
    loop.outcome()


def test_a_break_glass_approval_while_slack_is_down_is_announced_when_it_is_back(
    loop: Loop, operate: Ops
) -> None:
    execution = loop.make_endpoint()
    loop.world.slack.faults.take_down()
    try:
        assert operate("approve", execution.name, "--break-glass", "--reason", "it burns", who="ana") == 0
    finally:
        loop.world.slack.faults.bring_up()
    assert loop.outcome(execution) == "ENCRYPTED"
    [announced] = [said for said in loop.thread() if "Break-glass approval" in said]
    assert f"<@{loop.world.approvers[0].id}>" in announced
    assert "it burns" in announced
