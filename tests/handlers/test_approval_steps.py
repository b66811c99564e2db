"""RequestApproval, ReadDecision and CloseRemediation against the Slack stand-in."""

from __future__ import annotations

import gc
import json
import socket
import threading
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.domain.errors import EndpointChanged, InvalidInput, RequestRefused, SlackUnavailable, Throttled
from lambdas.domain.record import happened
from lambdas.domain.vocabulary import ApprovalStatus, Outcome
from lambdas.gateways.records.records import Records
from lambdas.gateways.slack import Slack
from lambdas.gateways.slack_secret import SlackSecret
from lambdas.handlers import check_encryption, read_decision, request_approval
from tests.handlers.conftest import ADA, CHANNEL, FRAUD, Bench
from tests.unit import samples


@pytest.fixture
def found(bench: Bench) -> Bench:
    """An unencrypted endpoint whose remediation r-1 is about to ask."""
    bench.make_endpoint()
    bench.check()
    return bench


def read(bench: Bench, **event: Any) -> dict[str, Any]:
    return bench.run(read_decision.handler, remediationId="r-1", **event)


def ask(bench: Bench, token: str = "token-1") -> dict[str, Any]:
    return bench.run(request_approval.handler, remediationId="r-1", taskToken=token)


def test_the_question_is_posted_and_the_token_stays_on_record(found: Bench) -> None:
    assert ask(found) == {}
    [card] = found.messages()
    approval = found.approval()
    assert approval["status"] == "PENDING"
    assert found.records.token(approval["approvalId"]) == "token-1"
    assert (approval.get("channel"), approval.get("ts")) == (CHANNEL, card.ts)
    assert "token-1" not in json.dumps(card.blocks)
    assert approval["deadline"] == found.remediation().get("deadline")


def test_the_step_run_again_posts_no_second_card_and_takes_the_new_token(found: Bench) -> None:
    ask(found)
    ask(found, "token-2")
    assert len(found.messages()) == 1
    assert found.records.token(found.approval()["approvalId"]) == "token-2"


def test_a_decision_made_before_the_step_ran_again_is_answered_at_once(found: Bench) -> None:
    ask(found)
    found.records.settle(found.approval()["approvalId"], ApprovalStatus.APPROVED, {"decidedBy": ADA.id})
    ask(found, "token-2")
    assert found.workflow.woken == ["token-2"]


def test_nobody_is_asked_about_an_endpoint_that_a_newer_change_has_claimed(found: Bench) -> None:
    found.records.release(FRAUD, "remediation#r-1")
    with pytest.raises(EndpointChanged):
        ask(found)
    assert found.messages() == []
    assert read(found, failures=1) == {}
    assert found.close()["outcome"] == "SUPERSEDED"


def test_slack_out_of_reach_is_worth_another_try_which_asks(found: Bench) -> None:
    found.slack.faults.fail("chat.postMessage", "internal_error")
    with pytest.raises(SlackUnavailable):
        ask(found)
    assert found.messages() == []
    ask(found, "token-2")
    assert len(found.messages()) == 1
    assert found.records.token(found.approval()["approvalId"]) == "token-2"


def test_a_channel_that_slack_does_not_know_is_reported_in_slacks_words(found: Bench) -> None:
    found.set_rules(default={"channel": "C0NOWHERE"})
    with pytest.raises(RequestRefused, match="channel_not_found"):
        ask(found)


@pytest.mark.parametrize(
    "secret", ['{"bot_token": ""}', '{"signing_secret": "xoxb-x"}', "xoxb-raw", "[]", "{}"]
)
def test_a_secret_that_is_not_filled_in_stops_and_is_not_quoted(found: Bench, secret: str) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=found.token_arn, SecretString=secret)
    with pytest.raises(RequestRefused, match=r"bot token is not (stored yet|JSON)") as caught:
        ask(found)
    assert "xoxb" not in str(caught.value)


def test_a_rotated_token_is_read_again_at_once(found: Bench) -> None:
    secret = {"bot_token": "xoxb-old", "further": "members are no fault"}
    client = boto3.client("secretsmanager")
    client.put_secret_value(SecretId=found.token_arn, SecretString=json.dumps(secret))
    with pytest.raises(RequestRefused, match="invalid_auth"):
        ask(found)
    secret["bot_token"] = "xoxb-test-token"
    client.put_secret_value(SecretId=found.token_arn, SecretString=json.dumps(secret))
    found.pass_time(600)
    ask(found, "token-2")
    assert len(found.messages()) == 1


def test_the_deadline_expires_an_open_question(found: Bench) -> None:
    ask(found)
    found.pass_time(24 * 3600)
    assert read(found) == {"decision": "EXPIRED"}
    assert found.approval()["status"] == "EXPIRED"


def test_a_woken_workflow_reminds_nobody_until_a_reminder_is_due(found: Bench) -> None:
    ask(found)
    for _ in range(3):
        assert read(found)["waitSeconds"] == pytest.approx(8 * 3600, abs=1)
    assert _thread(found) == []
    found.pass_time(8 * 3600)
    assert read(found)["waitSeconds"] == pytest.approx(8 * 3600, abs=1)
    assert read(found)["waitSeconds"] == pytest.approx(8 * 3600, abs=1)
    assert len(_thread(found)) == 1


def test_a_wait_that_ends_in_an_error_is_begun_again_a_few_times(found: Bench) -> None:
    ask(found)
    assert read(found, failures=1)["failures"] == 1
    with pytest.raises(RequestRefused, match="6 times in a row"):
        read(found, failures=6)


def test_why_nobody_could_be_asked_is_on_record_and_nothing_else_counts(found: Bench) -> None:
    found.set_rules(default={"channel": "C0NOWHERE"})
    with pytest.raises(RequestRefused):
        ask(found)
    assert read(found, failures=1) == {}
    closed = found.close()
    assert closed["outcome"] == "FAILED"
    assert "channel_not_found" in closed["reason"]


def test_a_question_that_could_be_asked_after_all_forgets_the_error(found: Bench) -> None:
    found.slack.faults.fail("chat.postMessage", "internal_error")
    with pytest.raises(SlackUnavailable):
        ask(found)
    assert "askError" in found.remediation()
    ask(found, "token-2")
    assert "askError" not in found.remediation()


def _thread(bench: Bench) -> list[Any]:
    return [message for message in bench.slack.messages(CHANNEL) if message.thread_ts]


def test_a_decision_on_record_outlives_a_deadline_that_did_not_hear_of_it(found: Bench) -> None:
    ask(found)
    found.records.settle(found.approval()["approvalId"], ApprovalStatus.APPROVED, {"decidedBy": ADA.id})
    assert read(found) == {"decision": "APPROVED"}


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.ROLLED_BACK, Outcome.SUPERSEDED, Outcome.FAILED])
def test_closing_records_frees_and_tells(found: Bench, outcome: Outcome) -> None:
    ask(found)
    result = found.close(outcome, reason="because")
    assert result == {
        "outcome": outcome, "endpointName": "fraud", "remediationId": "r-1", "reason": "because",
        "sourceConfigName": "fraud-config",
        "evidenceSha256": found.records.evidence("r-1").sha256,
    }  # fmt: skip
    assert found.records.holder(FRAUD) is None
    assert found.remediation().get("closedAt")
    [card] = found.messages()
    assert "because" in json.dumps(card.blocks)
    assert "actions" not in [block["type"] for block in card.blocks]
    assert found.approval()["status"] != "PENDING", "a click after the end must find the question closed"


def test_a_deleted_card_is_posted_again(found: Bench) -> None:
    ask(found)
    [card] = found.messages()
    found.slack.faults.fail("chat.update", "message_not_found")
    found.close("ENCRYPTED")
    assert [message.ts for message in found.messages()] != [card.ts]
    assert "encrypted twin" in found.messages()[-1].text


def test_of_two_tries_at_the_same_moment_one_names_the_question(found: Bench) -> None:
    entry = happened(datetime.now(UTC), "asked")
    first = found.records.name_approval("r-1", "a-1", entry)
    second = found.records.name_approval("r-1", "a-2", entry)
    assert first == second
    assert first.get("approvalId") == "a-1"


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        (["ConditionalCheckFailed", "None"], None),
        (["None", "ConditionalCheckFailed"], Throttled),
        (["TransactionConflict", "None"], Throttled),
        (["None", "ThrottlingError"], Throttled),
        ([], Throttled),
    ],
)
def test_only_a_lost_claim_ends_a_question_before_it_is_asked(
    reasons: list[str], error: type[Exception] | None
) -> None:
    class Client:
        def transact_write_items(self, **_: Any) -> None:
            details: Any = {
                "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
                "CancellationReasons": [{"Code": reason} for reason in reasons],
            }
            raise ClientError(details, "TransactWriteItems")

    client: Any = Client()
    records = Records("table", client)
    if error is None:
        assert records.open_approval(samples.approval()) is False
    else:
        with pytest.raises(error):
            records.open_approval(samples.approval())


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # slack_sdk leaves a broken answer's socket to the GC
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n<html>A proxy says</html>\n",
        b"",
    ],
)
def test_an_answer_that_is_none_of_slacks_is_worth_another_try(
    found: Bench, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("SLACK_API_URL", f"http://127.0.0.1:{server.getsockname()[1]}/api/")

        def answer_once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        with pytest.raises(SlackUnavailable) as raised:
            Slack(SlackSecret(found.token_arn, "bot_token")).post("C1", {"text": "x", "blocks": []})
        thread.join()
    assert "proxy" not in str(raised.value)
    del raised
    gc.collect()  # here, where the warning is expected, and not during another test


def test_closing_again_keeps_the_first_outcome(found: Bench) -> None:
    ask(found)
    found.close("ENCRYPTED")
    again = found.close(stopped="The execution ended as ABORTED.")
    assert again["outcome"] == "ENCRYPTED"
    assert "reason" not in again


def test_closing_never_frees_an_endpoint_that_another_remediation_holds(found: Bench) -> None:
    found.make_config("other")
    found.move("other")
    found.check(remediation_id="r-2", event_id="e-2")
    found.close("SUPERSEDED")
    holder = found.records.holder(FRAUD)
    assert holder is not None
    assert holder["holder"] == "remediation#r-2"


def test_a_failure_before_anyone_was_asked_is_reported_all_the_same_and_once(bench: Bench) -> None:
    error = {
        "Error": "Throttled",
        "Cause": json.dumps({"errorMessage": "SageMaker is throttling.", "errorType": "Throttled"}),
    }
    result = bench.close(error=error)
    assert (result["outcome"], result["reason"]) == ("FAILED", "SageMaker is throttling.")
    bench.close(error=error)
    [notice] = bench.messages()
    assert "SageMaker is throttling." in json.dumps(notice.blocks)


@pytest.mark.parametrize("outcome", ["ALREADY_ENCRYPTED", "EXEMPT", "GONE", "SUPERSEDED"])
def test_what_matters_to_nobody_is_recorded_and_not_reported(bench: Bench, outcome: str) -> None:
    bench.close(outcome)
    assert bench.messages() == []
    assert bench.remediation().get("outcome") == outcome


def test_the_outcome_is_on_record_before_slack_is_updated(found: Bench) -> None:
    ask(found)
    found.slack.faults.fail("chat.update", "internal_error")
    with pytest.raises(SlackUnavailable):
        found.close("ENCRYPTED")
    assert found.remediation().get("outcome") == "ENCRYPTED"
    assert found.records.holder(FRAUD) is None
    assert found.close("ENCRYPTED")["outcome"] == "ENCRYPTED"
    assert "Encrypted" in found.messages()[0].text


def test_the_decision_becomes_part_of_the_evidence(found: Bench) -> None:
    ask(found)
    found.records.settle(
        found.approval()["approvalId"],
        ApprovalStatus.DENIED,
        {"decidedBy": ADA.id, "decidedAt": "2026-11-23T10:00:00Z"},
    )
    closed = found.close()
    assert (closed["outcome"], closed["decidedBy"]) == ("DENIED", ADA.id)
    record = found.remediation()
    assert (record.get("decision"), record.get("decidedBy")) == ("DENIED", ADA.id)


def _paused(bench: Bench, retry_after: int, longest: int) -> tuple[Slack, list[float]]:
    bench.slack.faults.rate_limit("chat.postMessage", retry_after=retry_after)
    pauses: list[float] = []
    return Slack(
        SlackSecret(bench.token_arn, "bot_token"), longest_pause=longest, sleep=pauses.append
    ), pauses


def test_a_rate_limit_is_waited_out_where_slack_asks_for_little(bench: Bench) -> None:
    slack, pauses = _paused(bench, 7, 15)
    slack.post(CHANNEL, {"text": "news", "blocks": []})
    assert pauses == [7]
    assert [message.text for message in bench.messages()] == ["news"]


@pytest.mark.parametrize(("retry_after", "longest"), [(16, 15), (1, 0)])
def test_a_longer_one_is_the_workflows_to_wait_out(bench: Bench, retry_after: int, longest: int) -> None:
    slack, pauses = _paused(bench, retry_after, longest)
    with pytest.raises(SlackUnavailable):
        slack.post(CHANNEL, {"text": "news", "blocks": []})
    assert pauses == []


def test_who_made_the_change_is_known_by_the_email_of_their_session(bench: Bench) -> None:
    bench.make_endpoint()
    event = bench.check_input()
    event["trigger"]["principalArn"] = f"arn:aws:sts::1:assumed-role/Role/{ADA.email}"
    bench.run(check_encryption.handler, **event)
    ask(bench)
    assert bench.approval().get("changedBy") == ADA.id
    [card] = bench.messages()
    assert f"<@{ADA.id}>" in json.dumps(card.blocks)


def test_a_slack_that_does_not_tell_who_changed_it_asks_nobody(bench: Bench) -> None:
    """Else they could approve their own change."""
    bench.make_endpoint()
    event = bench.check_input()
    event["trigger"]["principalArn"] = f"arn:aws:sts::1:assumed-role/Role/{ADA.email}"
    bench.run(check_encryption.handler, **event)
    bench.slack.faults.fail("users.lookupByEmail", "missing_scope")
    with pytest.raises(RequestRefused, match="missing_scope"):
        ask(bench)
    assert bench.messages() == []


# -- news stops nothing


def test_an_older_card_that_can_not_be_edited_does_not_stop_the_newer_question(found: Bench) -> None:
    ask(found)
    found.make_config("other")
    found.move("other")
    found.pass_time(700)
    found.check(remediation_id="r-2", event_id="e-2")
    found.close("SUPERSEDED")
    found.slack.faults.fail("chat.update", "is_archived")
    found.run(request_approval.handler, remediationId="r-2", taskToken="token-2")
    assert found.approval("r-2")["status"] == "PENDING"
    assert "supersededByLink" not in found.remediation(), "another try links it"
    found.run(request_approval.handler, remediationId="r-2", taskToken="token-2")
    old, _ = found.messages()
    assert "/archives/" in json.dumps(old.blocks)


def test_a_card_is_on_record_even_without_its_link(found: Bench) -> None:
    found.slack.faults.fail("chat.getPermalink", "internal_error")
    ask(found)
    [card] = found.messages()
    assert found.approval().get("ts") == card.ts
    ask(found)
    assert found.approval().get("permalink")
    assert len(found.messages()) == 1


def test_a_route_dropped_before_anyone_was_asked_asks_nobody(bench: Bench) -> None:
    bench.set_rules({"name": "clinical", "regions": ["us-east-1"]})
    bench.make_endpoint()
    bench.check()
    bench.set_rules()
    with pytest.raises(InvalidInput, match="no longer have the route clinical"):
        ask(bench)
    assert bench.messages() == []


def test_two_approvers_are_asked_though_the_route_asks_nobody(bench: Bench) -> None:
    route = {"name": "automatic", "regions": ["us-east-1"], "mode": "automatic"}
    bench.set_rules(route, twoApproversTag={"critical": "true"})
    bench.make_endpoint()
    arn = bench.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointArn"]
    bench.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "critical", "Value": "true"}])
    bench.check()
    ask(bench)
    assert (bench.approval()["status"], bench.approval().get("approvalsNeeded")) == ("PENDING", 2)
    said = [entry["what"] for entry in bench.remediation().get("timeline", [])]
    assert (
        "Its tags require two approvers, so they are asked although the route automatic asks nobody" in said
    )


def test_a_card_in_an_archived_channel_is_closed_by_a_notice(found: Bench) -> None:
    ask(found)
    found.slack.faults.fail("chat.update", "is_archived")
    found.close("ENCRYPTED")
    assert [name for name, *_ in found.workflow.started] == ["retirement"]
    _, notice = found.messages()
    assert "encrypted twin" in notice.text


def test_an_ending_that_slack_takes_nowhere_stands(found: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ask(found)
    found.slack.faults.fail("chat.update", "is_archived")
    found.slack.faults.fail("chat.postMessage", "is_archived")
    assert found.close("ENCRYPTED")["outcome"] == "ENCRYPTED"
    assert [name for name, *_ in found.workflow.started] == ["retirement"]
    assert "UnexpectedError" in capsys.readouterr().out, "an alarm says it instead"


def test_a_copy_is_closed_even_if_the_first_card_is_gone(found: Bench) -> None:
    ask(found)
    approval = found.approval()
    [card] = found.messages()
    facts = {"ts": "1.000001", "otherTs": [card.ts]}
    found.records.note_approval(approval["approvalId"], facts)
    found.close("EXPIRED")
    [card] = found.messages()
    assert "actions" not in [block["type"] for block in card.blocks]


def test_a_break_glass_approval_on_a_deleted_card_is_announced(found: Bench) -> None:
    ask(found)
    facts = {"breakGlassBy": ADA.id, "breakGlassReason": "patients wait"}
    found.records.note_approval(found.approval()["approvalId"], facts)
    found.slack.faults.fail("chat.postMessage", "thread_not_found")
    found.slack.faults.fail("chat.update", "message_not_found")
    found.close("ENCRYPTED")
    told = [json.dumps(one.blocks) for one in found.messages()]
    assert any("Break-glass approval" in one and "patients wait" in one and ADA.id in one for one in told)
    assert found.approval().get("breakGlassAnnouncedFor") == ADA.id


def test_a_break_glass_notice_that_no_channel_takes_stops_neither_the_card_nor_the_thread(
    found: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(found)
    facts = {"breakGlassBy": ADA.id, "breakGlassReason": "patients wait"}
    found.records.note_approval(found.approval()["approvalId"], facts)
    found.slack.faults.fail("chat.postMessage", "restricted_action", times=2)
    found.close("ENCRYPTED")
    [card] = found.messages()
    assert "Encrypted" in card.text
    assert any(one.thread_ts for one in found.slack.messages(CHANNEL))
    assert "UnexpectedError" in capsys.readouterr().out
    assert "breakGlassAnnouncedFor" not in found.approval()
