from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlencode

import boto3
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lambdas.domain.errors import RemediationError, ServiceUnavailable
from lambdas.domain.record import Approval, iso
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import Slack
from lambdas.handlers import check_encryption, request_approval, slack_interactions
from lambdas.services.observability import logger
from tests.handlers.conftest import ADA, CHANNEL, CONTEXT, GRACE, MALLORY, SIGNING_SECRET, Bench
from tests.unit.strategies import json_values


@pytest.fixture
def asked(bench: Bench) -> Bench:
    bench.make_endpoint()
    bench.check()
    bench.run(request_approval.handler, remediationId="r-1", taskToken="token-1")
    return bench


def _body(
    bench: Bench, action: str = "approve", user: str = ADA.id, *, of: str = "r-1", **changes: Any
) -> str:
    payload = {
        "type": "block_actions",
        "user": {"id": user},
        "channel": {"id": CHANNEL},
        "container": {"type": "message", "message_ts": bench.approval(of).get("ts"), "channel_id": CHANNEL},
        "actions": [{"action_id": action, "value": bench.approval(of)["approvalId"]}],
        "trigger_id": bench.slack.new_trigger(user),
        **changes,
    }
    return urlencode({"payload": json.dumps(payload)})


def _denial(
    bench: Bench,
    user: str = ADA.id,
    reason: str = "it is moving next week",
    *,
    ask_again: str = "30",
    of: str = "r-1",
) -> str:
    """The modal that denies, submitted."""
    chosen = {"selected_option": {"value": ask_again}}
    values = {"reason": {"reason": {"value": reason}}, "ask-again": {"ask-again": chosen}}
    return _submitted(bench.approval(of), user, "deny", values)


def _break_glass(bench: Bench, user: str = ADA.id, reason: str = "patients wait") -> str:
    return _submitted(bench.approval(), user, "break-glass", {"reason": {"reason": {"value": reason}}})


def _submitted(approval: Approval, user: str, callback_id: str, values: dict[str, Any]) -> str:
    view = {
        "callback_id": callback_id, "private_metadata": approval["approvalId"],
        "state": {"values": values},
    }  # fmt: skip
    return urlencode({"payload": json.dumps({"type": "view_submission", "user": {"id": user}, "view": view})})


def signed(body: str | bytes, timestamp: float, secret: str = SIGNING_SECRET) -> dict[str, str]:
    raw = body if isinstance(body, bytes) else body.encode()
    stamp = str(int(timestamp))
    signature = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + raw, hashlib.sha256).hexdigest()
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={signature}"}


def _send(bench: Bench, body: str, headers: dict[str, str] | None = None, **event: Any) -> int:
    headers = signed(body, bench.clock.now()) if headers is None else headers
    answer = bench.run(slack_interactions.handler, **{"headers": headers, "body": body, **event})
    return int(answer["statusCode"])


def test_an_approval_is_recorded_then_the_workflow_goes_on_then_the_card_changes(asked: Bench) -> None:
    assert _send(asked, _body(asked)) == 200
    approval = asked.approval()
    assert (approval["status"], approval.get("decidedBy")) == ("APPROVED", ADA.id)
    assert asked.workflow.woken == ["token-1"]
    [card] = asked.messages()
    assert "*Approved*" in json.dumps(card.blocks)
    assert "actions" not in [block["type"] for block in card.blocks]


def test_a_denial_asks_for_its_reason_first(asked: Bench) -> None:
    assert _send(asked, _body(asked, "deny")) == 200
    assert asked.workflow.woken == []
    [modal] = asked.slack.views(ADA.id)
    assert modal.content["private_metadata"] == asked.approval()["approvalId"]
    assert _send(asked, _denial(asked)) == 200
    assert asked.workflow.woken == ["token-1"]
    approval = asked.approval()
    assert (approval["status"], approval.get("reason")) == ("DENIED", "it is moving next week")
    [card] = asked.messages()
    assert "it is moving next week" in json.dumps(card.blocks)


def test_a_break_glass_approval_counts_and_is_announced(asked: Bench) -> None:
    asked.records.note_approval(asked.approval()["approvalId"], {"changedBy": ADA.id})
    assert _send(asked, _break_glass(asked)) == 200
    assert asked.approval()["status"] == "PENDING", "the settings allow none"
    asked.set_rules(breakGlass=True)
    assert _send(asked, _body(asked)) == 200
    [modal] = asked.slack.views(ADA.id)
    assert modal.content["callback_id"] == "break-glass"
    assert _send(asked, _break_glass(asked)) == 200
    approval = asked.approval()
    assert (approval["status"], approval.get("breakGlassBy")) == ("APPROVED", ADA.id)
    [said] = [one for one in asked.slack.messages(CHANNEL) if one.thread_ts]
    assert f"<@{GRACE.id}>" in json.dumps(said.blocks)
    assert "patients wait" in json.dumps(said.blocks)
    [posted] = [call for call in asked.slack.calls if "thread_ts" in call.arguments]
    assert posted.arguments["reply_broadcast"], "the channel sees it, too"


@pytest.mark.parametrize("refusal", ["restricted_action_thread_locked", "message_not_found"])
def test_a_break_glass_approval_is_posted_in_the_channel_where_the_thread_takes_nothing(
    asked: Bench, refusal: str
) -> None:
    asked.records.note_approval(asked.approval()["approvalId"], {"changedBy": ADA.id})
    asked.set_rules(breakGlass=True, default={"approvers": ["*"]})
    asked.slack.faults.fail("chat.postMessage", refusal)
    assert _send(asked, _break_glass(asked)) == 200
    said = asked.messages()[-1]
    assert "patients wait" in json.dumps(said.blocks)
    assert "<!channel>" in json.dumps(said.blocks), "anyone may decide, so all are told"


def test_the_first_of_two_who_approves_by_break_glass_is_announced_by_name(asked: Bench) -> None:
    asked.set_rules(breakGlass=True)
    facts = {"changedBy": ADA.id, "approvalsNeeded": 2}
    asked.records.note_approval(asked.approval()["approvalId"], facts)
    assert _send(asked, _break_glass(asked)) == 200
    [said] = [one for one in asked.slack.messages(CHANNEL) if one.thread_ts]
    assert f"<@{ADA.id}> approved the encryption of" in json.dumps(said.blocks)
    assert _send(asked, _body(asked, user=GRACE.id)) == 200
    shown = json.dumps(asked.messages()[0].blocks)
    assert f"<@{ADA.id}> approved their own change" in shown
    assert asked.approval().get("decidedBy") == GRACE.id
    assert "reason" not in asked.approval(), "the reason was for the break-glass approval"


def test_the_default_routes_approvers_do_not_inherit_a_dropped_routes_questions(bench: Bench) -> None:
    own = {"name": "clinical", "approvers": [GRACE.id], "regions": ["us-east-1"]}
    bench.set_rules(own)
    bench.make_endpoint()
    bench.check()
    bench.run(request_approval.handler, remediationId="r-1", taskToken="token-1")
    bench.set_rules()
    assert _send(bench, _body(bench, user=ADA.id)) == 200
    assert bench.approval()["status"] == "PENDING"
    assert f"<@{GRACE.id}>" in bench.slack.ephemerals(ADA.id)[-1].text
    assert _send(bench, _body(bench, user=GRACE.id)) == 200
    assert bench.approval()["status"] == "APPROVED"


def test_a_click_that_writes_late_does_not_put_the_buttons_back(
    asked: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two approvals the first one's card is written after the second decided."""
    asked.records.note_approval(asked.approval()["approvalId"], {"approvalsNeeded": 2})
    real = Slack.rewrite
    clicks = [_body(asked, user=GRACE.id)]

    def late(self: Slack, *arguments: Any) -> bool:
        if clicks:
            assert _send(asked, clicks.pop()) == 200
        return real(self, *arguments)

    monkeypatch.setattr(Slack, "rewrite", late)
    assert _send(asked, _body(asked, user=ADA.id)) == 200
    assert asked.approval()["status"] == "APPROVED"
    [card] = asked.messages()
    assert "actions" not in [block["type"] for block in card.blocks]


def test_a_group_that_slack_no_longer_shows_locks_out_no_other(asked: Bench) -> None:
    asked.set_rules(default={"approvers": ["S0GONE", "S0TEAM"]})
    assert _send(asked, _body(asked, user=MALLORY.id)) == 200
    assert asked.approval()["status"] == "PENDING"
    assert _send(asked, _body(asked, user=GRACE.id)) == 200
    assert asked.approval()["status"] == "APPROVED"


def test_a_group_out_of_reach_matters_only_to_those_in_no_other(asked: Bench) -> None:
    asked.set_rules(default={"approvers": ["S0TEAM", "S0OTHER"]})
    asked.slack.faults.fail("usergroups.users.list", "internal_error")
    assert _send(asked, _body(asked, user=GRACE.id)) == 503
    assert _send(asked, _body(asked, user=GRACE.id)) == 200
    assert asked.approval()["status"] == "APPROVED"


def test_a_modal_without_a_reason_says_so_in_the_modal(asked: Bench) -> None:
    body = _denial(asked, reason=" ")
    answer = asked.run(slack_interactions.handler, headers=signed(body, asked.clock.now()), body=body)
    assert json.loads(answer["body"])["errors"] == {
        "reason": "Give a reason for leaving the endpoint as it is."
    }
    assert asked.approval()["status"] == "PENDING"


def test_a_modal_that_can_not_be_opened_any_more_shows_as_a_lost_click(asked: Bench) -> None:
    body = _body(asked, "deny")
    asked.slack.expire_triggers()
    assert _send(asked, body) == 503
    assert asked.approval()["status"] == "PENDING"


def test_group_members_are_asked_of_slack_once_a_minute_and_never_guessed(asked: Bench) -> None:
    asked.set_rules(default={"approvers": ["S0TEAM"]})
    asked.slack.faults.fail("usergroups.users.list", "internal_error")
    assert _send(asked, _body(asked)) == 503, "nothing fails open"
    assert asked.approval()["status"] == "PENDING"
    assert _send(asked, _body(asked, user=MALLORY.id)) == 200
    assert _send(asked, _body(asked, user=GRACE.id)) == 200
    assert asked.approval().get("decidedBy") == GRACE.id
    calls = [call.method for call in asked.slack.calls]
    assert calls.count("usergroups.users.list") == 2


def test_anyone_means_anyone_who_sees_the_card(asked: Bench) -> None:
    asked.set_rules(default={"approvers": ["*"]})
    assert _send(asked, _body(asked, user=MALLORY.id, channel={"id": "C0ELSEWHERE"})) == 503, (
        "nobody can be told there"
    )
    assert asked.approval()["status"] == "PENDING"
    assert _send(asked, _body(asked, user=MALLORY.id)) == 200
    assert asked.approval()["status"] == "APPROVED"


def test_a_body_in_base64_is_the_same(asked: Bench) -> None:
    body = _body(asked)
    headers = signed(body, asked.clock.now())
    encoded = base64.b64encode(body.encode()).decode()
    assert _send(asked, encoded, headers, isBase64Encoded=True) == 200
    assert asked.approval()["status"] == "APPROVED"


def test_a_repeated_click_answers_the_workflow_again_and_changes_nothing(asked: Bench) -> None:
    _send(asked, _body(asked))
    decided_at = asked.approval().get("decidedAt")
    asked.pass_time(60)
    assert _send(asked, _body(asked)) == 200
    assert asked.workflow.woken == ["token-1", "token-1"]
    assert asked.approval().get("decidedAt") == decided_at
    [told] = asked.slack.ephemerals(ADA.id)
    assert told.text == "Your decision is recorded."


def test_a_lost_answer_is_made_good_by_any_approver(asked: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> bool:
        raise ServiceUnavailable("Step Functions could not be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(asked.workflow, "wake", broken)
        assert _send(asked, _body(asked, user=ADA.id)) == 503
    assert _send(asked, _body(asked, user=GRACE.id)) == 200
    assert asked.workflow.woken == ["token-1"]
    assert asked.approval().get("decidedBy") == ADA.id
    [told] = asked.slack.ephemerals(GRACE.id)
    assert f"already approved by <@{ADA.id}>" in told.text


def test_a_card_posted_twice_is_brought_up_to_date_where_it_is_clicked(asked: Bench) -> None:
    """Slack took the post and its answer was lost: the step posted again."""
    [first] = asked.messages()
    asked.records.note_approval(asked.approval()["approvalId"], {"ts": "1.000001"})
    copy = {"type": "message", "message_ts": first.ts, "channel_id": CHANNEL}
    assert _send(asked, _body(asked, container=copy)) == 200
    assert asked.approval().get("otherTs") == [first.ts]
    [card] = asked.messages()
    assert "actions" not in [block["type"] for block in card.blocks], "though the first one is gone"


def test_a_workflow_that_ended_meanwhile_has_the_last_word_on_the_card(
    asked: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_: Any) -> bool:
        asked.close("SUPERSEDED", "Changed.")
        return True

    monkeypatch.setattr(asked.workflow, "wake", ends)
    assert _send(asked, _body(asked)) == 200
    [card] = asked.messages()
    assert "Superseded" in card.text


def test_a_click_lost_before_the_workflow_heard_shows_as_lost_and_may_be_repeated(
    asked: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> bool:
        raise ServiceUnavailable("Step Functions could not be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(asked.workflow, "wake", broken)
        assert _send(asked, _body(asked)) == 503
    assert asked.approval()["status"] == "APPROVED"
    assert _send(asked, _body(asked)) == 200
    assert asked.workflow.woken == ["token-1"]


def test_the_second_of_two_people_changes_nothing_and_learns_who_decided(asked: Bench) -> None:
    _send(asked, _body(asked, "approve", ADA.id))
    assert _send(asked, _denial(asked, GRACE.id)) == 200
    assert asked.approval()["status"] == "APPROVED"
    assert asked.workflow.woken == ["token-1"]
    body = _denial(asked, GRACE.id)
    answer = asked.run(slack_interactions.handler, headers=signed(body, asked.clock.now()), body=body)
    assert (
        f"already approved by <@{ADA.id}>" in json.loads(answer["body"])["view"]["blocks"][0]["text"]["text"]
    )


def test_of_two_people_in_the_same_moment_one_wins(asked: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both read PENDING; the condition in the table lets one through."""
    real = records().approval
    approval_id = asked.approval()["approvalId"]
    stale = real(approval_id)
    _send(asked, _denial(asked, GRACE.id))
    body = _body(asked, "approve", ADA.id)
    calls = {"count": 0}

    def first_stale(_approval_id: str) -> Any:
        calls["count"] += 1
        return stale if calls["count"] == 1 else real(approval_id)

    monkeypatch.setattr(records(), "approval", first_stale)
    assert _send(asked, body) == 200
    assert asked.workflow.woken == ["token-1"]
    [told] = asked.slack.ephemerals(ADA.id)
    assert "already denied" in told.text


def test_someone_who_is_no_approver_changes_nothing_and_learns_whom_to_ask(asked: Bench) -> None:
    assert _send(asked, _body(asked, user=MALLORY.id)) == 200
    assert asked.approval()["status"] == "PENDING"
    [attempt] = asked.approval().get("attempts", [])
    assert (attempt["by"], attempt["at"]) == (MALLORY.id, iso(asked.clock_now()))
    assert asked.workflow.woken == []
    [told] = asked.slack.ephemerals(MALLORY.id)
    assert f"<@{ADA.id}>" in told.text


def test_a_click_after_the_deadline_is_late(asked: Bench) -> None:
    asked.pass_time(86_400)
    assert _send(asked, _body(asked)) == 200
    assert asked.approval()["status"] == "PENDING"
    assert "deadline" in asked.slack.ephemerals(ADA.id)[0].text


def test_an_unknown_approval_is_reported_as_such(asked: Bench) -> None:
    body = _body(asked, actions=[{"action_id": "approve", "value": "no-such-approval"}])
    assert _send(asked, body) == 200
    assert "not on record" in asked.slack.ephemerals(ADA.id)[0].text


def test_a_card_that_cannot_be_updated_now_does_not_undo_the_decision(asked: Bench) -> None:
    asked.slack.faults.fail("chat.update", "internal_error")
    assert _send(asked, _body(asked)) == 200
    assert asked.workflow.woken == ["token-1"]


def test_a_person_who_cannot_be_answered_sees_that_the_click_failed(asked: Bench) -> None:
    asked.slack.faults.fail("chat.postEphemeral", "internal_error")
    assert _send(asked, _body(asked, user=MALLORY.id)) == 503


def _assert_unchanged(bench: Bench, status: int) -> None:
    assert status in {400, 401}
    assert bench.approval()["status"] == "PENDING"
    assert bench.workflow.woken == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-slack-signature": "v0=" + "0" * 64},
        {"x-slack-request-timestamp": "now", "x-slack-signature": "v0=" + "0" * 64},
        {"x-slack-request-timestamp": "\u0661\u0667\u0660\u0660", "x-slack-signature": "v0=" + "0" * 64},
        {"x-slack-request-timestamp": "9" * 40, "x-slack-signature": "v0=" + "0" * 64},
        {"x-slack-request-timestamp": "1700000000", "x-slack-signature": "v0=ü"},
        {"x-slack-request-timestamp": "1700000000", "x-slack-signature": ""},
    ],
)
def test_unsigned_or_ill_signed_requests_are_refused(asked: Bench, headers: dict[str, str]) -> None:
    _assert_unchanged(asked, _send(asked, _body(asked), headers))


@pytest.mark.parametrize("age", [301, -301, 86_400])
def test_a_stale_or_future_request_is_refused(asked: Bench, age: int) -> None:
    body = _body(asked)
    _assert_unchanged(asked, _send(asked, body, signed(body, asked.clock.now() - age)))


def test_a_request_signed_with_another_secret_is_refused_and_counted(
    asked: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    body = _body(asked)
    _assert_unchanged(asked, _send(asked, body, signed(body, asked.clock.now(), "another secret")))
    assert '"ForgedRequest":[1.0]' in capsys.readouterr().out, "an alarm watches it"


def test_a_signature_of_another_body_is_refused(asked: Bench) -> None:
    headers = signed(_body(asked, "deny"), asked.clock.now())
    _assert_unchanged(asked, _send(asked, _body(asked, "approve"), headers))


@pytest.mark.parametrize("body", ["", "payload=", "payload=%7B%7D", "x=1", "payload=[1]", "payload=%FF"])
def test_a_signed_but_malformed_request_is_refused(asked: Bench, body: str) -> None:
    _assert_unchanged(asked, _send(asked, body))


def test_a_signed_body_that_is_no_text_is_refused(asked: Bench) -> None:
    raw = b"payload=\xff\xfe"
    headers = signed(raw, asked.clock.now())
    _assert_unchanged(asked, _send(asked, base64.b64encode(raw).decode(), headers, isBase64Encoded=True))


def test_a_rotated_signing_secret_is_read_again_at_once(asked: Bench) -> None:
    _send(asked, _body(asked, user=MALLORY.id))  # the old secret is cached now
    boto3.client("secretsmanager").put_secret_value(
        SecretId=asked.signing_secret_arn, SecretString=json.dumps({"signing_secret": "rotated"})
    )
    body = _body(asked)
    assert _send(asked, body, signed(body, asked.clock.now(), "rotated")) == 200
    assert asked.approval()["status"] == "APPROVED"


def test_an_empty_signing_secret_lets_nobody_in(asked: Bench) -> None:
    boto3.client("secretsmanager").put_secret_value(
        SecretId=asked.signing_secret_arn, SecretString=json.dumps({"signing_secret": ""})
    )
    asked.pass_time(600)
    slack_interactions.signing_secret.cache_clear()
    body = _body(asked)
    assert _send(asked, body, signed(body, asked.clock.now(), "")) == 503
    assert asked.approval()["status"] == "PENDING"


def test_neither_token_nor_secret_is_ever_logged(asked: Bench, caplog: pytest.LogCaptureFixture) -> None:
    _send(asked, _body(asked))
    _send(asked, _body(asked), {"x-slack-signature": "v0=" + "0" * 64})
    with pytest.raises(RemediationError):
        asked.run(request_approval.handler, remediationId="nobody", taskToken="token-1")
    logged = json.dumps([record.__dict__ for record in caplog.records], default=str)
    assert "decision_judged" in logged
    for secret in ("token-1", SIGNING_SECRET, "xoxb-test-token"):
        assert secret not in logged


@pytest.mark.parametrize("action", ["approve", "deny", "backout"])
def test_what_a_click_leads_to_is_logged_under_its_remediations_id(asked: Bench, action: str) -> None:
    _send(asked, _body(asked, action))
    assert logger.get_current_keys()["remediation_id"] == "r-1"


def _form(payload: str) -> str:
    return urlencode({"payload": payload})


_THE_ID = "the-approvals-own-id"
_almost_a_click = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("block_actions") | json_values,
        "user": st.fixed_dictionaries({"id": st.just(ADA.id) | json_values}) | json_values,
        "channel": st.fixed_dictionaries({"id": st.just(CHANNEL) | json_values}) | json_values,
        "container": st.fixed_dictionaries({"message_ts": st.just("1.1") | json_values}) | json_values,
        "actions": st.lists(
            st.fixed_dictionaries(
                {"action_id": st.sampled_from(["approve", "deny", "backout"]) | json_values},
                optional={
                    "value": st.just(_THE_ID) | st.text(max_size=80) | json_values,
                    "url": json_values,
                },
            )
            | json_values,
            max_size=2,
        )
        | json_values,
    },
)
_A_CLICK = {
    "type": "block_actions", "user": {"id": ADA.id}, "channel": {"id": CHANNEL},
    "container": {"message_ts": "1.1"}, "actions": [{"action_id": "approve", "value": _THE_ID}],
}  # fmt: skip
_bodies = st.builds(_form, (_almost_a_click | json_values).map(json.dumps) | st.text(max_size=60)) | st.text(
    max_size=60
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=_bodies, in_base64=st.booleans())
@example(body=_form(json.dumps(_A_CLICK)), in_base64=True)
@example(body=_form(json.dumps({**_A_CLICK, "user": {"id": MALLORY.id}})), in_base64=False)
@example(body=_form(json.dumps({**_A_CLICK, "type": "shortcut"})), in_base64=False)
def test_nothing_that_is_signed_breaks_it_or_decides_by_accident(
    asked: Bench, body: str, in_base64: bool
) -> None:
    approval_id = asked.approval()["approvalId"]
    body = body.replace(_THE_ID, approval_id)
    raw = body.encode("utf-8", "surrogatepass")
    headers = signed(raw, asked.clock.now())
    sent = base64.b64encode(raw).decode() if in_base64 else body
    # 503: it names a person or channel whom Slack doesn't know, so nobody can be told why not
    assert _send(asked, sent, headers, isBase64Encoded=in_base64) in (200, 400, 503)
    decided = asked.approval()["status"] != "PENDING"
    assert decided == bool(asked.workflow.woken)
    if decided:
        assert _is_adas_approval(body, approval_id)
        asked.workflow.woken.clear()
        asked.records.note_approval(approval_id, {"status": "PENDING"})


def _is_adas_approval(body: str, approval_id: str) -> bool:
    """Whether a body is a whole click of Ada's on this question's Encrypt, judged without our own code."""
    try:
        payload = json.loads(parse_qs(body)["payload"][0])
        return (
            payload["type"] == "block_actions"
            and payload["user"]["id"] == ADA.id
            and isinstance(payload["channel"]["id"], str)
            and isinstance(payload["container"]["message_ts"], str)
            and payload["actions"][0]["action_id"] == "approve"
            and payload["actions"][0]["value"] == approval_id
        )
    except (ValueError, KeyError, TypeError, IndexError):
        return False


@given(timestamp=st.text(max_size=20), signature=st.text(max_size=80), body=st.text(max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_is_not_signed_gets_in(asked: Bench, timestamp: str, signature: str, body: str) -> None:
    headers = {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}
    assert _send(asked, body, headers) in (400, 401)
    assert asked.approval()["status"] == "PENDING"


def test_ten_thousand_forged_requests_get_nowhere(asked: Bench) -> None:
    """What was signed is sent with something changed: not one is let in, and not one breaks the function."""
    random = Random(20_261_123)  # noqa: S311  # the same requests in every run
    good = _body(asked)
    statuses: Counter[int] = Counter()
    for _ in range(10_000):
        body, headers = good, signed(good, asked.clock.now())
        event: dict[str, Any] = {"isBase64Encoded": False}
        match random.randrange(7):
            case 0:  # a byte of the body
                at = random.randrange(len(body))
                body = body[:at] + chr(random.randrange(1, 0x2FF)) + body[at + 1 :]
                if body == good:
                    continue
            case 1:  # a digit of the signature
                at = random.randrange(3, 67)
                signature = headers["x-slack-signature"]
                other = random.choice([c for c in "0123456789abcdefgü " if c != signature[at]])
                headers["x-slack-signature"] = signature[:at] + other + signature[at + 1 :]
            case 2:  # the time
                headers["x-slack-request-timestamp"] = str(
                    int(asked.clock.now()) + random.choice([-1, 1]) * random.randrange(1, 10**9)
                )
            case 3:  # a header gone, or of another kind
                headers.pop(random.choice([*headers]))
                headers["x-slack-signature-v1"] = "x"
            case 4:  # another secret
                headers = signed(body, asked.clock.now(), f"secret-{random.random()}")
            case 5:  # called base64 when it isn't
                event["isBase64Encoded"] = True
            case _:  # noise
                noise = "".join(chr(random.randrange(1, 0xD7FF)) for _ in range(random.randrange(80)))
                headers = {"x-slack-request-timestamp": noise, "x-slack-signature": f"v0={noise}"}
        answer = slack_interactions.handler({"headers": headers, "body": body, **event}, CONTEXT)
        statuses[answer["statusCode"]] += 1
    assert set(statuses) <= {400, 401}
    assert sum(statuses.values()) > 9_900
    assert asked.approval()["status"] == "PENDING"
    assert asked.workflow.woken == []


_PEOPLE = st.sampled_from([ADA.id, GRACE.id, MALLORY.id])
_DEEDS = st.lists(
    st.tuples(_PEOPLE, st.sampled_from(["approve", "deny", "deny-in-modal", "replay"])),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deeds=_DEEDS, late=st.booleans())
def test_whatever_people_do_leaves_at_most_one_decision(
    bench: Bench, deeds: list[tuple[str, str]], late: bool
) -> None:
    """Replayed, doubled, reordered, from outsiders and on dead cards."""
    number = len(bench.messages())
    name, remediation_id = f"endpoint-{number}", f"run-{number}"
    bench.make_endpoint(name)
    event = bench.check_input(name, remediation_id, f"event-{number}")
    bench.run(check_encryption.handler, **event)
    bench.run(request_approval.handler, remediationId=remediation_id, taskToken=remediation_id)
    approval_id = bench.approval(remediation_id)["approvalId"]
    if late:
        bench.pass_time(86_400)
    bench.workflow.woken.clear()
    expected = ""
    sent: list[str] = []
    for user, deed in deeds:
        if deed == "replay" and sent:
            body = sent[0]
        elif deed == "deny-in-modal":
            body = _denial(bench, user, of=remediation_id)
        else:
            body = _body(bench, "deny" if deed == "deny" else "approve", user, of=remediation_id)
        sent.append(body)
        assert _send(bench, body) in (200, 503)  # 503: a replayed trigger opens no modal
        decides = {"approve": "APPROVED", "replay": "APPROVED", "deny-in-modal": "DENIED"}.get(deed, "")
        if deed != "replay" and user != MALLORY.id and not late and not expected:
            expected = decides
        elif deed == "replay":
            expected = expected or bench.approval(remediation_id)["status"].replace("PENDING", "")
    found = bench.records.approval(approval_id)
    assert found
    assert found["status"] == (expected or "PENDING")
    assert set(bench.workflow.woken) <= {remediation_id}
    assert ("decidedBy" in found) is bool(expected)
