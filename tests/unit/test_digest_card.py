from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from lambdas.domain.messages import digest_card
from lambdas.domain.record import Digest, Finding
from lambdas.domain.vocabulary import Outcome, Surface
from tests.unit import samples
from tests.unit.blocks import buttons, texts, within_limits
from tests.unit.strategies import findings, nasty

_OURS = re.compile(
    r"<(@U[12]|!subteam\^S1|!date\^\d+\^\{date_short_pretty\} at \{time\}\|[-0-9 :]+UTC"
    r"|https://example\.com/runbook#[a-zA-Z-]+\|(Runbook|What to do))>"
)


def _shown(digest: Digest, found: Sequence[Finding]) -> str:
    return "\n".join(texts(digest_card.message(digest, found)["blocks"]))


def _some_of_each() -> list[Finding]:
    return [
        *(samples.finding(number) for number in range(480)),
        *(samples.approved(number) for number in range(480, 487)),
        *(samples.approved(number, outcome="ENCRYPTED") for number in range(487, 492)),
        *(samples.denied(number) for number in range(492, 494)),
        samples.denied(494, outcome="DENIED"),
        *(samples.finding(number, outcome="EXPIRED") for number in range(495, 498)),
        *(samples.approved(number, outcome="ROLLED_BACK") for number in range(498, 500)),
    ]


def test_it_says_how_many_are_how_far() -> None:
    message = digest_card.message(samples.digest(), _some_of_each())
    assert message["blocks"][0]["text"]["text"] == ":unlock: 500 endpoints without a KMS key"
    assert (
        "480 awaiting a decision · 12 approved (5 encrypted) · 3 left as they are · 3 not decided in time · "
        "2 rolled back" in "\n".join(texts(message["blocks"]))
    )


@pytest.mark.parametrize(
    ("some", "link"),
    [
        ([samples.finding()], "approval-about-to-expire|Runbook"),
        ([samples.approved(outcome="ENCRYPTED")], "README|Runbook"),
        ([samples.finding(), samples.approved(1, outcome="ROLLED_BACK")], "remediation-failed|What to do"),
        ([samples.finding(outcome="FAILED")], "remediation-failed|What to do"),
    ],
)
def test_it_links_the_runbooks_page_about_it(some: list[Finding], link: str) -> None:
    assert f"<https://example.com/runbook#{link}>" in _shown(samples.digest(), some)


def test_it_shows_the_worst_and_counts_the_rest() -> None:
    worst = samples.finding(0, surfaces=list(Surface), instanceTypes=[f"ml.t{n}.large" for n in range(9)])
    shown = _shown(samples.digest(), [worst, *(samples.finding(number) for number in range(1, 500))])
    assert (
        "• `fraud-0` · instance volume, core dumps, data capture, async output · "
        "ml.t0.large, ml.t1.large, ml.t2.large and 6 more types\n• `fraud-1`" in shown
    )
    assert "and 492 more" in shown


def test_the_fallback_text_carries_what_a_notification_must() -> None:
    text = digest_card.message(samples.digest(), _some_of_each())["text"]
    for part in ("500 endpoints", "fraud-0", "123456789012", "us-east-1", "Encrypt them?", "Tue 24 Nov, 06:"):
        assert part in text


@pytest.mark.parametrize(
    ("facts", "found", "button", "says"),
    [
        ({}, samples.finding(), "Review and decide …", "Decide by"),
        ({}, samples.finding(approvals=1), "Review and decide …", "1 approved, a second approval is needed"),
        ({}, samples.approved(), "See the list …", "approved by <@U1>, in progress"),
        ({}, samples.finding(approvalId=""), "Review and decide …", ""),
        ({}, samples.approved(outcome="ENCRYPTED"), "", ":lock: encrypted, approved by <@U1>"),
        ({}, samples.denied(outcome="DENIED"), "", "left as it is, denied by <@U2>"),
        ({"decideIn": "command-line"}, samples.finding(), "See the list …", "`sealpoint approve"),
        ({"mode": "automatic"}, samples.approved(decidedBy=""), "See the list …", "*Nobody is asked:*"),
        ({"mode": "observe"}, {**samples.finding(), "approvalId": None}, "", ""),
    ],
)
def test_the_button_is_there_while_it_does_something(
    facts: dict[str, Any], found: Any, button: str, says: str
) -> None:
    if found.get("approvalId") is None:
        found = {name: fact for name, fact in found.items() if name != "approvalId"}
        button, says = "See the list …", "*Nothing is changed:*"
    message = digest_card.message(samples.digest(**facts), [found])
    assert [(one["action_id"], one["value"], one["text"]["text"]) for one in buttons(message)] == (
        [("review", samples.digest()["digestId"], button)] if button else []
    )
    assert says in "\n".join(texts(message["blocks"]))
    within_limits(message)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_when_all_is_over_it_says_how_it_ended(outcome: Outcome) -> None:
    message = digest_card.message(samples.digest(), [samples.finding(n, outcome=outcome) for n in range(2)])
    shown = "\n".join(texts(message["blocks"]))
    assert "*How it ended:* 2 " in shown
    assert "Decide by" not in shown
    assert buttons(message) == []
    encrypted = message["blocks"][0]["text"]["text"] == ":lock: 2 endpoints encrypted"
    assert encrypted == (outcome is Outcome.ENCRYPTED)


def test_ten_thousand_of_the_longest_fit_and_the_same_makes_the_same() -> None:
    types = ["ml.p6e-gb200.36xlarge"] * 50
    found = [
        samples.approved(number, endpointName="v" * 63, surfaces=list(Surface), instanceTypes=types)
        for number in range(10_000)
    ]
    digest = samples.digest(mayDecide=[f"U{number:010}" for number in range(300)])
    message = digest_card.message(digest, found)
    within_limits(message)
    assert "10,000 endpoints" in message["text"]
    assert json.dumps(message) == json.dumps(digest_card.message(dict(digest), list(found)))  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.lists(findings, max_size=12), nasty)
def test_nothing_a_user_wrote_mentions_links_or_breaks_a_limit(found: list[Finding], route: str) -> None:
    for facts in ({}, {"decideIn": "command-line"}, {"mode": "automatic"}, {"mode": "observe"}):
        digest = samples.digest(route=route, **facts)
        for message in (
            digest_card.message(digest, found),
            *(digest_card.reminder(digest, found, ["U1", "S1"], last=last) for last in (True, False)),
        ):
            within_limits(message)
            for block in message["blocks"]:
                parsed = Block.parse(block)
                assert parsed is not None
                parsed.validate_json()
            for text in [message["text"], *texts(message["blocks"])]:
                assert "<" not in _OURS.sub("", text), text


def test_a_reminder_counts_what_waits_and_the_last_one_mentions_people() -> None:
    found = _some_of_each()
    first = digest_card.reminder(samples.digest(), found, ["U1", "S1"], last=False)
    last = digest_card.reminder(samples.digest(), found, ["U1", "S1"], last=True)
    assert "480 of 500 endpoints" in first["text"]
    assert "<@U1>" not in json.dumps(first)
    [words] = texts(last["blocks"])
    assert "*Last reminder:* <@U1>, <!subteam^S1>, 480 of 500 endpoints are open until" in words
