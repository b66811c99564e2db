from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from lambdas.domain.messages import card, links, modals, thread
from lambdas.domain.messages.blocks import Message, clip, escape
from lambdas.domain.record import TimelineEntry, Vote
from lambdas.domain.vocabulary import ApprovalStatus, Outcome
from local.slack import block_kit
from tests.unit import samples
from tests.unit.blocks import buttons, texts, within_limits
from tests.unit.strategies import nasty

_LONGEST_NAME = "v" * 63


def test_the_question_offers_both_decisions_under_an_id_that_is_no_secret() -> None:
    message = card.question(samples.remediation(), samples.approval())
    assert [(button["action_id"], button["value"]) for button in buttons(message)] == [
        ("approve", "an-approval-that-can-not-be-guessed"),
        ("deny", "an-approval-that-can-not-be-guessed"),
    ]
    assert "confirm" in buttons(message)[0]
    assert "secret-token" not in json.dumps(message)


def test_the_fallback_text_carries_what_a_notification_must() -> None:
    text = card.question(samples.remediation(), samples.approval())["text"]
    for part in ("fraud", "123456789012", "us-east-1", "Encrypt it?", "Tue 24 Nov, 09:00 UTC"):
        assert part in text


def test_the_question_shows_who_changed_what_runs_and_what_gets_a_key() -> None:
    shown = "\n".join(
        texts(
            card.question(samples.remediation(notes=["Its exemption ended."]), samples.approval())["blocks"]
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
def test_a_decided_card_keeps_the_facts_and_loses_thebuttons(status: ApprovalStatus, word: str) -> None:
    asked = card.question(samples.remediation(), samples.approval())
    decided = card.under_way(
        samples.remediation(), samples.approval(status, decidedBy="U1", decidedAt="2026-11-23T10:00:00Z")
    )
    assert buttons(decided) == []
    assert decided["blocks"][:4] == asked["blocks"][:4], "facts and plan"
    [line] = [text for text in texts(decided["blocks"]) if word in text]
    assert "<@U1>" in line
    assert "<!date^" in line


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_card_without_buttons_that_says_why(outcome: Outcome) -> None:
    record = samples.remediation(
        outcome=outcome, reason="AWS says: <no capacity>", closedAt="2026-11-23T11:00:00Z"
    )
    message = card.closed(record, samples.approval(ApprovalStatus.APPROVED, decidedBy="U1"))
    shown = "\n".join(texts(message["blocks"]))
    assert buttons(message) == []
    assert "AWS says: &lt;no capacity&gt;" in shown
    assert "11111111-2222" in shown
    within_limits(message)


_WIKI, _REPOSITORY = "https://example.com/wiki#{}", "docs/runbook/{}.md"


@pytest.mark.parametrize(
    ("facts", "page", "words"),
    [
        ({}, "approval-about-to-expire", "Runbook"),
        ({"outcome": "FAILED"}, "remediation-failed", "What to do"),
        ({"outcome": "ROLLED_BACK"}, "remediation-failed", "What to do"),
        ({"outcome": "UNSUPPORTED"}, "remediation-failed", "What to do"),
        ({"outcome": "EXPIRED"}, "approval-about-to-expire", "What to do"),
        ({"outcome": "NOT_ASKED"}, "slack-unreachable", "What to do"),
        ({"outcome": "OBSERVED"}, "README", "Runbook"),
        ({"outcome": "ENCRYPTED"}, "README", "Runbook"),
    ],
)
@pytest.mark.parametrize("asked", [True, False])
def test_a_card_links_the_runbooks_page_about_it(
    facts: dict[str, Any], page: str, words: str, *, asked: bool
) -> None:
    approval = samples.approval()
    for pages in (_WIKI, _REPOSITORY):
        record = samples.remediation(runbookPages=pages, **facts)
        made = card.closed(record, approval if asked else None) if facts else card.message(record, approval)
        shown, where = "\n".join(texts(made["blocks"])), pages.replace("{}", page)
        if pages == _WIKI:
            assert f"<{where}|{words}>" in shown
        else:  # nobody can click a path, which is named only if there is something to do
            assert (f"What to do: `{where}`" in shown) is (words == "What to do")
            assert "Runbook" not in shown


def test_the_card_of_a_backout_that_failed_links_what_to_do() -> None:
    record = samples.remediation(runbookPages=_WIKI, outcome="ENCRYPTED")
    made = card.closed(record, samples.approval(), samples.backout(outcome="FAILED"))
    where = _WIKI.replace("{}", "remediation-failed")
    assert f"<{where}|What to do>" in "\n".join(texts(made["blocks"]))


@pytest.mark.parametrize("page", get_args(links.RunbookPage))
def test_the_runbooks_pages_that_messages_link_exist(page: str) -> None:
    assert (Path(__file__).resolve().parents[2] / f"docs/runbook/{page}.md").exists()


_ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 25}}}


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, "up to 4 × ml.m6i.large run and are billed in addition"),
        ({"updateOptions": {"DeploymentConfig": _ROLLING}}, "up to 25% more instances run and are billed"),
        (
            {"variants": [{"name": "a", "instanceType": "serverless"}]},
            "a second copy of it runs and is billed",
        ),
    ],
)
def test_the_question_says_what_the_update_costs_meanwhile(facts: dict[str, Any], says: str) -> None:
    blocks = card.question(samples.remediation(**facts), samples.approval())["blocks"]
    assert f"• During the update, {says}" in "\n".join(texts(blocks))


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["The update ended: ENCRYPTED.", "Ended ENCRYPTED."], ["Ended ENCRYPTED."]),
        (
            ["UpdateEndpoint", "The update ended: ENCRYPTED."],
            ["UpdateEndpoint", "The update ended: ENCRYPTED."],
        ),
    ],
)
def test_the_thread_reports_the_end_of_an_update_once(lines: list[str], shown: list[str]) -> None:
    entries: list[TimelineEntry] = [{"at": "2026-11-23T09:30:00Z", "what": line} for line in lines]
    assert thread.timeline(entries)["text"] == "; ".join(shown)


_ENCRYPTED: dict[str, Any] = {
    "outcome": "ENCRYPTED",
    "twinConfigName": samples.TWIN,
    "closedAt": "2026-11-23T11:00:00Z",
    "backoutUntil": "2026-12-07T11:00:00Z",
}


@pytest.mark.parametrize(
    ("facts", "requested", "button", "says"),
    [
        ({}, None, True, "Kept for backing out"),
        ({}, ("U1", None), False, "*Backing out*"),
        ({}, ("U1", {"progress": "a: Baking"}), False, "a: Baking"),
        (
            {},
            ("U1", {"outcome": "BACKED_OUT", "exemptUntil": "2026-12-23"}),
            False,
            "exempt until 2026-12-23",
        ),
        (
            {},
            ("arn:aws:iam::1:user/o", {"outcome": "ROLLED_BACK"}),
            True,
            "The backout by `o` ended ROLLED_BACK",
        ),
        (
            {"backoutClosedAt": "2026-12-07T11:00:00Z", "sourceKept": "It has <another> user."},
            None,
            False,
            "&lt;another&gt;",
        ),
        (
            {"backoutClosedAt": "x", "sourceRetiredAt": "2026-12-07T11:00:00Z"},
            None,
            False,
            "its content is on record",
        ),
    ],
)
def test_the_way_back_is_offered_only_while_it_is_open(
    facts: dict[str, Any], requested: tuple[str, Any] | None, *, button: bool, says: str
) -> None:
    by, found = requested or ("", None)
    request = {"backout": samples.backout_request(by)} if requested else {}
    approval = samples.approval(ApprovalStatus.APPROVED, decidedBy="U1", **request)
    backout = None if found is None else samples.backout(**found)
    message = card.closed(samples.remediation(**_ENCRYPTED, **facts), approval, backout)
    assert [one["action_id"] for one in buttons(message)] == (["backout"] if button else [])
    assert says in "\n".join(texts(message["blocks"]))
    within_limits(message)


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.ENCRYPTED])
def test_a_change_that_did_not_happen_is_not_shown_as_one(outcome: Outcome) -> None:
    shown = "\n".join(texts(card.closed(samples.remediation(outcome=outcome), None)["blocks"]))
    assert "no KMS key" in shown
    assert "→" not in shown


def test_after_a_backout_no_key_is_shown() -> None:
    approval = samples.approval(ApprovalStatus.APPROVED, backout=samples.backout_request())
    backout = samples.backout(outcome="BACKED_OUT")
    message = card.closed(samples.remediation(**_ENCRYPTED), approval, backout)
    assert "→" not in "\n".join(texts(message["blocks"]))


def test_a_card_without_an_approval_offers_no_button() -> None:
    assert buttons(card.closed(samples.remediation(**_ENCRYPTED), None)) == []


def test_a_failure_before_anything_was_known_can_still_be_reported() -> None:
    record: Any = {
        key: samples.remediation()[key]  # type: ignore[literal-required]
        for key in ("remediationId", "executionArn", "endpointName", "trigger", "startedAt")
    }
    record["trigger"] = dict.fromkeys(record["trigger"], "")
    failed: Any = {**record, "outcome": "FAILED", "reason": "x" * 9000}
    message = card.closed(failed, None)
    within_limits(message)
    assert card.must_be_reported(failed)
    assert not card.must_be_reported(samples.remediation(outcome="ALREADY_ENCRYPTED"))


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
    within_limits(card.question(record, samples.approval()))


_PEOPLE = st.sampled_from(["U1", "U2", "arn:aws:sts::1:assumed-role/<r>/*a*"])
_OURS = re.compile(
    r"<(@U[12]|!subteam\^S1|!date\^\d+\^\{date_short_pretty\} at \{time\}\|[-0-9 :]+UTC"
    r"|https://[^<>|]+\|(Endpoint|Execution|Runbook|What to do|The newer question about this endpoint))>"
)


def _messages(endpoint: str, who: str, reason: str, person: str) -> list[Message]:
    """Every message that the code can make, with a user's text wherever there is any."""
    votes: list[Vote] = [{"by": person, "at": "2026-11-23T09:30:00Z"}]
    facts: dict[str, Any] = {
        "endpointName": endpoint, "reason": reason, "notes": [reason], "progress": reason,
        "sourceConfigName": endpoint, "plannedTwinName": endpoint, "supersededByLink": "https://x.slack.com/a",
        "managedBy": {"tool": "Pulumi", "stack": reason}, "changedBySlackUser": "U1", "sourceKept": reason,
        "variants": [{"name": reason, "instanceType": who, "instanceCount": 3}] * 10,
        "endpointArn": "arn:aws:sagemaker:us-east-1:1:endpoint/x", "endpointStatus": who,
        "runbookPages": "https://example.com/r#{}",
    }  # fmt: skip
    record = samples.remediation(**facts)
    record["trigger"] = {**record["trigger"], "principalArn": who, "eventTime": who, "eventName": reason}
    asked: dict[str, Any] = {
        "mayDecide": ["U1", "U2", "S1", "*"], "approvals": votes, "approvalsNeeded": 2, "reason": reason,
        "decidedBy": person, "decidedAt": "2026-11-23T09:30:00Z"
    }  # fmt: skip
    made = [
        card.message(record, samples.approval(status, **asked, **more))
        for status in ApprovalStatus
        for more in (
            {},
            {"breakGlassBy": person, "breakGlassReason": reason},
            {"decideIn": "command-line"},
            {"askAgain": "2026-12-23T09:00:00Z"},
        )
    ]
    for outcome in Outcome:
        ended = samples.remediation(**facts | _ENCRYPTED | {"outcome": outcome})
        ended["trigger"] = record["trigger"]
        made += [
            card.closed(ended, samples.approval(ApprovalStatus.APPROVED, **asked)),
            card.closed(ended, None),
        ]
    approval = samples.approval(ApprovalStatus.APPROVED, **asked)
    entry: TimelineEntry = {"at": "2026-11-23T09:30:00Z", "what": reason, "by": person}
    made += [
        thread.timeline([entry] * 40),
        *(thread.reminder(record, approval, ["U1", "S1"], last=last) for last in (True, False)),
        thread.break_glass(record, approval, ["U1", "S1"]),
    ]
    return made


@settings(max_examples=30, deadline=None)
@given(nasty, nasty, nasty, _PEOPLE)
def test_nothing_a_user_wrote_mentions_links_or_breaks_a_limit(
    endpoint: str, who: str, reason: str, person: str
) -> None:
    for message in _messages(endpoint, who, reason, person):
        within_limits(message)
        for text in [message["text"], *texts(message["blocks"])]:
            # the only angle brackets are ours: mentions of people who may decide, dates and links
            assert "<" not in _OURS.sub("", text), text


@settings(max_examples=30, deadline=None)
@given(nasty, nasty)
def test_slack_takes_every_modal(endpoint: str, words: str) -> None:
    for view in (
        modals.deny("an-id", endpoint),
        modals.break_glass("an-id", endpoint),
        modals.explanation(words or "-"),
    ):
        assert block_kit.check_view(view) == []


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({}, "*Creating the encrypted config*"),
        ({"progress": "it is Creating"}, "*Waiting* until the endpoint can be updated · it is Creating"),
        ({"twinConfigName": "t"}, "*Encrypted config created*"),
        (
            {"updateRequestedAt": "2026-11-23T10:00:00Z", "progress": "Updating; a: Baking"},
            "Updating; a: Baking",
        ),
    ],
)
def test_an_approved_card_shows_how_far_it_is(facts: dict[str, Any], says: str) -> None:
    approval = samples.approval(ApprovalStatus.APPROVED, decidedBy="U1", decidedAt="2026-11-23T10:00:00Z")
    message = card.message(samples.remediation(**facts), approval)
    assert says in "\n".join(texts(message["blocks"]))
    assert buttons(message) == []


def test_a_route_outside_slack_shows_the_command_instead_ofbuttons() -> None:
    message = card.question(samples.remediation(), samples.approval(decideIn="command-line"))
    assert buttons(message) == []
    assert "`sealpoint approve 11111111-2222" in "\n".join(texts(message["blocks"]))


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        ("CloudFormation", "KmsKeyId: arn:"),
        ("Terraform", 'kms_key_arn = "arn:'),
        ("Pulumi", "kmsKeyArn: arn:"),
        ("ACK", "kmsKeyID: arn:"),
    ],
)
def test_people_who_manage_the_endpoint_by_code_see_the_line_to_change(tool: str, says: str) -> None:
    record = samples.remediation(managedBy={"tool": tool, "stack": "risk"})
    shown = "\n".join(texts(card.question(record, samples.approval())["blocks"]))
    assert f"*Managed by {tool}*" in shown
    assert says in shown
    # github.com/aws-controllers-k8s/community/issues/1355: drift is undone without a deployment
    assert ("controller" in shown) is (tool == "ACK") is ("Its next deployment will undo this" not in shown)


def test_the_first_of_two_approvals_is_shown_and_the_buttons_stay() -> None:
    votes: list[Vote] = [{"by": "U1", "at": "2026-11-23T09:30:00Z"}]
    message = card.question(samples.remediation(), samples.approval(approvalsNeeded=2, approvals=votes))
    assert "*1 of 2 approvals:* <@U1>" in "\n".join(texts(message["blocks"]))
    assert [button["action_id"] for button in buttons(message)] == ["approve", "deny"]


def test_votes_of_two_ways_are_not_counted_together() -> None:
    ada = "arn:aws:sts::123456789012:assumed-role/Oncall/ada@example.com"
    votes: list[Vote] = [{"by": by, "at": "2026-11-23T09:30:00Z"} for by in ("U1", ada)]
    message = card.question(samples.remediation(), samples.approval(approvalsNeeded=2, approvals=votes))
    shown = "\n".join(texts(message["blocks"]))
    assert "*1 of 2 approvals:*" in shown
    assert "both must use Slack, or both IAM" in shown


def test_the_card_names_who_approved_by_break_glass_and_no_one_else() -> None:
    votes: list[Vote] = [{"by": by, "at": "2026-11-23T09:30:00Z"} for by in ("U1", "U2")]
    broken: dict[str, Any] = {"breakGlassBy": "U1", "breakGlassReason": "patients wait", "approvalsNeeded": 2}
    for approval in (
        samples.approval(approvals=votes[:1], **broken),
        samples.approval(ApprovalStatus.APPROVED, approvals=votes, decidedBy="U2", **broken),
    ):
        shown = "\n".join(texts(card.message(samples.remediation(), approval)["blocks"]))
        assert "*Break-glass approval:* <@U1> approved their own change: “patients wait”" in shown
    denied = samples.approval(ApprovalStatus.DENIED, approvals=votes[:1], decidedBy="U2", **broken)
    shown = "\n".join(texts(card.message(samples.remediation(), denied)["blocks"]))
    assert "Break-glass" not in shown


def test_the_confirmation_says_how_this_endpoint_is_updated() -> None:
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 25}}}
    record = samples.remediation(updateOptions={"DeploymentConfig": rolling})
    [approve, _] = buttons(card.question(record, samples.approval()))
    assert "in rolling batches of 25%" in approve["confirm"]["text"]["text"]
    assert "blue/green" not in json.dumps(approve)


def test_a_surface_that_stays_needs_no_line_of_code() -> None:
    capture = {
        "surface": "data-capture", "path": "DataCaptureConfig.KmsKeyId", "now": "", "after": samples.KEY_ARN,
        "problem": "no KMS key",
    }  # fmt: skip
    kept = {**samples.remediation().get("surfaceKeys", [])[0], "now": "k", "after": "k"}
    managed = {"tool": "CloudFormation", "stack": "risk"}
    record = samples.remediation(managedBy=managed, surfaceKeys=[kept, capture])
    shown = "\n".join(texts(card.question(record, samples.approval())["blocks"]))
    assert f"says `DataCaptureConfig: {{KmsKeyId: {samples.KEY_ARN}}}`" in shown


def test_a_superseded_card_leads_to_the_newer_one() -> None:
    record = samples.remediation(outcome="SUPERSEDED", supersededByLink="https://x.slack.com/archives/C/p1")
    shown = "\n".join(texts(card.closed(record, samples.approval(ApprovalStatus.SUPERSEDED))["blocks"]))
    assert "<https://x.slack.com/archives/C/p1|The newer question" in shown


@given(st.text(alphabet="&<>`ab", max_size=200), st.integers(10, 100))
def test_a_cut_never_splits_an_entity_or_leaves_code_open(text: str, limit: int) -> None:
    cut = clip(escape(text), limit)
    assert len(cut) <= limit
    if cut != escape(text):
        assert cut.endswith("…")
        assert cut.count("`") % 2 == 0
        rest = cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert "&" not in rest


@settings(max_examples=10, deadline=None)
@given(nasty, nasty, nasty, _PEOPLE)
def test_slacks_own_models_take_every_block(endpoint: str, who: str, reason: str, person: str) -> None:
    for message in _messages(endpoint, who, reason, person):
        for given_block in message["blocks"]:
            block = Block.parse(given_block)
            assert block is not None
            block.validate_json()
    for view in (
        modals.deny("an-id", endpoint),
        modals.break_glass("an-id", endpoint),
        modals.explanation("x"),
    ):
        View(**view).validate_json()
