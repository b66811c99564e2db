from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation import card
from remediation.vocabulary import ApprovalStatus, Outcome
from tests.unit import samples

_APPROVERS = ("U1", "U2")
_LONGEST_NAME = "v" * 63
nasty = st.text(alphabet=st.sampled_from("<>&`@!|*_~aé\n"), max_size=400) | st.text(max_size=400)


def _buttons(message: card.Message) -> list[dict[str, Any]]:
    return [
        element for block in message["blocks"] if block["type"] == "actions" for element in block["elements"]
    ]


def _texts(value: Any) -> list[str]:
    """Every text of a message that Slack renders as mrkdwn."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            return [value["text"]]
        return [text for member in value.values() for text in _texts(member)]
    return [text for member in value for text in _texts(member)] if isinstance(value, list) else []


def _within_limits(message: card.Message) -> None:
    assert message["text"]
    assert len(message["blocks"]) <= 50
    for block in message["blocks"]:
        if block["type"] == "section":
            fields = block.get("fields", [])
            assert len(fields) <= 10
            assert all(1 <= len(field["text"]) <= 2000 for field in fields)
            assert fields or 1 <= len(block["text"]["text"]) <= 3000
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150


def test_the_question_offers_both_decisions_under_an_id_that_is_no_secret() -> None:
    message = card.question(samples.remediation(), samples.approval(), _APPROVERS)
    assert [(button["action_id"], button["value"]) for button in _buttons(message)] == [
        ("approve", "an-approval-that-can-not-be-guessed"),
        ("deny", "an-approval-that-can-not-be-guessed"),
    ]
    assert "confirm" in _buttons(message)[0]
    assert "secret-token" not in json.dumps(message)


def test_the_fallback_text_carries_what_a_notification_must() -> None:
    text = card.question(samples.remediation(), samples.approval(), _APPROVERS)["text"]
    for part in ("fraud", "123456789012", "us-east-1", "Encrypt it?", "2026-11-24T09:00:06Z"):
        assert part in text


def test_the_question_shows_who_changed_what_runs_and_what_gets_a_key() -> None:
    shown = "\n".join(
        _texts(
            card.question(
                samples.remediation(notes=["Its exemption ended."]), samples.approval(), _APPROVERS
            )["blocks"]
        )
    )
    for part in (
        "ana@example.com",
        "CreateEndpoint",
        "4 × ml.m6i.large",
        "no KMS key →",
        "Its exemption ended.",
    ):
        assert part in shown


@pytest.mark.parametrize(
    ("status", "word"), [(ApprovalStatus.APPROVED, "*Approved*"), (ApprovalStatus.DENIED, "*Denied*")]
)
def test_a_decided_card_keeps_the_facts_and_loses_the_buttons(status: ApprovalStatus, word: str) -> None:
    asked = card.question(samples.remediation(), samples.approval(), _APPROVERS)
    decided = card.decided(
        samples.remediation(), samples.approval(status, decidedBy="U1", decidedAt="2026-11-23T10:00:00Z")
    )
    assert _buttons(decided) == []
    assert decided["blocks"][:3] == asked["blocks"][:3]
    last = _texts(decided["blocks"])[-1]
    assert word in last
    assert "<@U1>" in last
    assert "<!date^" in last


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_card_without_buttons_that_says_why(outcome: Outcome) -> None:
    record = samples.remediation(
        outcome=outcome, reason="AWS says: <no capacity>", closedAt="2026-11-23T11:00:00Z"
    )
    message = card.closed(record, samples.approval(ApprovalStatus.APPROVED, decidedBy="U1"))
    shown = "\n".join(_texts(message["blocks"]))
    assert _buttons(message) == []
    assert "AWS says: &lt;no capacity&gt;" in shown
    assert "11111111-2222" in shown
    _within_limits(message)


_ENCRYPTED: dict[str, Any] = {
    "outcome": "ENCRYPTED",
    "twinConfigName": samples.TWIN,
    "closedAt": "2026-11-23T11:00:00Z",
    "backoutUntil": "2026-12-07T11:00:00Z",
}


@pytest.mark.parametrize(
    ("facts", "button", "says"),
    [
        ({}, True, "Kept for a way back"),
        ({"backoutId": "b", "backoutRequestedBy": "U1", "backoutOutcome": ""}, False, "*Backing out*"),
        (
            {
                "backoutId": "b",
                "backoutRequestedBy": "U1",
                "backoutOutcome": "BACKED_OUT",
                "exemptUntil": "2026-12-23",
            },
            False,
            "exempt until 2026-12-23",
        ),
        (
            {
                "backoutId": "b",
                "backoutRequestedBy": "arn:aws:iam::1:user/o",
                "backoutOutcome": "ROLLED_BACK",
            },
            True,
            "The backout by `arn:aws:iam::1:user/o` ended ROLLED_BACK",
        ),
        (
            {"backoutClosedAt": "2026-12-07T11:00:00Z", "sourceKept": "It has <another> user."},
            False,
            "&lt;another&gt;",
        ),
        (
            {"backoutClosedAt": "x", "sourceRetiredAt": "2026-12-07T11:00:00Z"},
            False,
            "its content is on record",
        ),
    ],
)
def test_the_way_back_is_offered_only_while_it_is_open(
    facts: dict[str, Any], *, button: bool, says: str
) -> None:
    message = card.closed(
        samples.remediation(**_ENCRYPTED, **facts), samples.approval(ApprovalStatus.APPROVED, decidedBy="U1")
    )
    assert [one["action_id"] for one in _buttons(message)] == (["backout"] if button else [])
    assert says in "\n".join(_texts(message["blocks"]))
    _within_limits(message)


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.ENCRYPTED])
def test_a_change_that_did_not_happen_is_not_shown_as_one(outcome: Outcome) -> None:
    shown = "\n".join(_texts(card.closed(samples.remediation(outcome=outcome), None)["blocks"]))
    assert "no KMS key" in shown
    assert "→" not in shown


def test_after_a_backout_no_key_is_shown() -> None:
    facts = {**_ENCRYPTED, "backoutId": "b", "backoutRequestedBy": "U1", "backoutOutcome": "BACKED_OUT"}
    message = card.closed(samples.remediation(**facts), samples.approval(ApprovalStatus.APPROVED))
    assert "→" not in "\n".join(_texts(message["blocks"]))


def test_a_card_without_an_approval_offers_no_button() -> None:
    assert _buttons(card.closed(samples.remediation(**_ENCRYPTED), None)) == []


def test_a_failure_before_anything_was_known_can_still_be_told() -> None:
    record: Any = {
        key: samples.remediation()[key]  # type: ignore[literal-required]
        for key in ("remediationId", "executionArn", "endpointName", "trigger", "startedAt")
    }
    record["trigger"] = dict.fromkeys(record["trigger"], "")
    failed: Any = {**record, "outcome": "FAILED", "reason": "x" * 9000}
    message = card.closed(failed, None)
    _within_limits(message)
    assert card.must_be_told(failed)
    assert not card.must_be_told(samples.remediation(outcome="ALREADY_ENCRYPTED"))


def test_ten_variants_with_the_longest_names_fit() -> None:
    variants = [
        {"name": f"{_LONGEST_NAME}{i}", "instanceType": "ml.p6e-gb200.36xlarge", "instanceCount": 10_000}
        for i in range(10)
    ]
    surfaces = [
        {
            "surface": "core-dump",
            "path": "x",
            "now": "&" * 500,
            "after": samples.KEY_ARN,
            "problem": "no KMS key",
        }
        for _ in range(23)
    ]
    record = samples.remediation(
        variants=variants, surfaceKeys=surfaces, endpointName="&" * 63, notes=["<" * 3000] * 3
    )
    _within_limits(card.question(record, samples.approval(), _APPROVERS))


@given(nasty, nasty, nasty)
def test_nothing_a_user_wrote_mentions_links_or_breaks_a_limit(endpoint: str, who: str, reason: str) -> None:
    record = samples.remediation(endpointName=endpoint, reason=reason, outcome="FAILED", notes=[reason])
    record["trigger"] = {**record["trigger"], "principalArn": who, "eventTime": who}
    for message in (
        card.question(record, samples.approval(), _APPROVERS),
        card.closed(record, samples.approval(ApprovalStatus.APPROVED, decidedBy="U1")),
    ):
        _within_limits(message)
        for text in [message["text"], *_texts(message["blocks"])]:
            # the only angle brackets are ours: mentions of a decider and date tokens
            stripped = text.replace("<@U1>", "").replace("<@U2>", "")
            for piece in stripped.split("<")[1:]:
                assert piece.startswith("!date^")


@given(st.text(alphabet="&<>`ab", max_size=200), st.integers(10, 100))
def test_a_cut_never_splits_an_entity_or_leaves_code_open(text: str, limit: int) -> None:
    cut = card.clip(card.escape(text), limit)
    assert len(cut) <= limit
    if cut != card.escape(text):
        assert cut.endswith("…")
        assert cut.count("`") % 2 == 0
        rest = cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert "&" not in rest
