"""ListEndpoints, AssessEndpoints, StartRemediations and CloseSweep, and a remediation in a digest."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import boto3
import pytest

from lambdas.domain.errors import Throttled
from lambdas.domain.record import Claim, iso
from lambdas.domain.sweep.digest import digest_id, finding_key, remediation_id
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.digests import digests
from lambdas.gateways.slack import Slack, bot_token
from lambdas.handlers import (
    assess_endpoints,
    check_encryption,
    close_remediation,
    close_sweep,
    list_endpoints,
    read_decision,
    request_approval,
    start_remediations,
)
from lambdas.services import digest_cards, sweep_questions
from tests.handlers.conftest import ADA, CHANNEL, EXECUTIONS, FRAUD, KEY_ARN, Bench
from tests.unit import samples

SWEEP = "s-1"
DIGEST = digest_id(SWEEP, "default")


def sweep(bench: Bench, sweep_id: str = SWEEP) -> dict[str, Any]:
    """List, look at every batch, and close; long after all events would have come."""
    bench.pass_time(1800)
    listed = bench.run(list_endpoints.handler, sweepId=sweep_id)
    for batch in listed["batches"]:
        bench.run(assess_endpoints.handler, sweepId=sweep_id, batch=batch)
    # that people were asked about what was found is what tests/workflow/test_unasked.py is about
    with patch.object(sweep_questions, "of_sweep", return_value=sweep_questions.Questions()):
        return bench.run(close_sweep.handler, sweepId=sweep_id)


def start_all(bench: Bench, sweep_id: str = SWEEP) -> list[int]:
    """Start until nothing is left to start; how many seconds it paused each time."""
    pauses: list[int] = []
    place = None
    while "waitSeconds" in (answer := bench.run(start_remediations.handler, sweepId=sweep_id, place=place)):
        pauses.append(answer["waitSeconds"])
        place = answer["place"]
    return pauses


def started(bench: Bench, machine: str = "remediation") -> list[Any]:
    return [details for name, *details in bench.workflow.started if name == machine]


# -- what is found


def test_an_unencrypted_endpoint_is_found_and_an_encrypted_one_is_not(bench: Bench) -> None:
    bench.make_endpoint("fraud")
    bench.make_endpoint("safe", KmsKeyId=KEY_ARN)
    swept = sweep(bench)
    assert (swept["complete"], swept["listed"], swept["unencrypted"], swept["found"]) == (True, 2, 1, 1)
    [(_, finding)] = digests().found(SWEEP, "default")
    assert finding["endpointName"] == "fraud"
    assert finding["surfaces"] == ["instance-volume"]
    assert finding["instanceTypes"] == ["ml.m5.large"]


def test_an_exempt_endpoint_is_not_asked_about(bench: Bench) -> None:
    bench.make_endpoint("fraud")
    arn = bench.sagemaker.describe_endpoint(EndpointName="fraud")["EndpointArn"]
    bench.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "sealpoint:exempt-until", "Value": "2999-01-01"}])
    assert sweep(bench)["found"] == 0


def test_what_is_asked_about_already_is_not_asked_again(bench: Bench) -> None:
    bench.make_endpoint("fraud")
    bench.check()
    swept = sweep(bench)
    assert (swept["unencrypted"], swept["found"], swept["covered"]) == (1, 0, 1)


def test_a_question_about_an_older_config_covers_nothing(bench: Bench) -> None:
    bench.make_endpoint("fraud")
    bench.check()
    bench.make_config("fraud-2", DataCaptureConfig=CAPTURE)
    bench.sagemaker.update_endpoint(EndpointName="fraud", EndpointConfigName="fraud-2")
    bench.pass_time(700)
    assert sweep(bench)["found"] == 1, "its event was lost"


def counts(printed: str) -> dict[str, float]:
    """The metrics that were printed, in CloudWatch's embedded format; the last of each name."""
    found: dict[str, float] = {}
    for line in printed.splitlines():
        if '"CloudWatchMetrics"' in line:
            record = json.loads(line)
            [directive] = record["_aws"]["CloudWatchMetrics"]
            found |= {one["Name"]: record[one["Name"]][0] for one in directive["Metrics"]}
    return found


def test_a_sweep_counts_how_much_is_encrypted(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.make_endpoint("fraud")
    bench.make_endpoint("exempt", config="exempt-config")
    arn = bench.sagemaker.describe_endpoint(EndpointName="exempt")["EndpointArn"]
    bench.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "sealpoint:exempt-until", "Value": "2999-01-01"}])
    bench.make_endpoint("safe", KmsKeyId=KEY_ARN)
    capsys.readouterr()
    sweep(bench)
    found = counts(capsys.readouterr().out)
    assert {name: number for name, number in found.items() if name.startswith(("Endpoints", "Sweep"))} == {
        "EndpointsListed": 3, "EndpointsEncrypted": 1, "EndpointsExempt": 1, "EndpointsUnencrypted": 1,
        "EndpointsUnannounced": 0, "SweepComplete": 1, "SweepIncomplete": 0,
    }  # fmt: skip


def test_an_endpoint_that_no_event_announced_is_counted_once(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Encrypted or not: a trail that is off shows in accounts where all is well, too."""
    bench.make_endpoint("older", KmsKeyId=KEY_ARN)

    def unannounced(sweep_id: str) -> float:
        capsys.readouterr()
        sweep(bench, sweep_id)
        return counts(capsys.readouterr().out)["EndpointsUnannounced"]

    assert unannounced("s-1") == 0, "it may be older than the deployment"
    bench.pass_time(60)  # moments are on record to the second
    bench.make_endpoint("silent", KmsKeyId=KEY_ARN)
    bench.make_endpoint("fraud")
    bench.run(check_encryption.handler, **bench.check_input())
    assert unannounced("s-2") == 1
    assert unannounced("s-3") == 0
    bench.sagemaker.delete_endpoint(EndpointName="fraud")
    bench.pass_time(700)
    bench.make_endpoint("fraud", config="fraud-again")
    assert unannounced("s-4") == 1, "the record is of an earlier endpoint of that name"


def test_an_incomplete_sweep_ends_no_alarm(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.make_endpoint("fraud")
    bench.pass_time(1800)
    bench.run(list_endpoints.handler, sweepId=SWEEP)
    capsys.readouterr()
    bench.run(close_sweep.handler, sweepId=SWEEP)  # no batch was assessed
    found = counts(capsys.readouterr().out)
    assert found["SweepIncomplete"] == 1
    assert not found.keys() & {"SweepComplete", "EndpointsUnannounced", "EndpointsEncrypted"}
    assert digests().last_completed() == ""


@pytest.mark.parametrize(
    ("earlier", "missed", "alarm"),
    [(False, False, 0), (True, False, 1), (False, True, 1)],
    ids=["before the set-up is over", "removed later", "something else is missing, too"],
)
def test_an_empty_secret_alarms_only_once_the_set_up_is_over(
    bench: Bench, capsys: pytest.CaptureFixture[str], *, earlier: bool, missed: bool, alarm: int
) -> None:
    if earlier:
        assert sweep(bench, "s-0")["complete"] is True
    bench.make_endpoint("fraud")
    boto3.client("secretsmanager").put_secret_value(SecretId=bench.token_arn, SecretString="{}")
    bench.pass_time(1800)
    [batch] = bench.run(list_endpoints.handler, sweepId=SWEEP)["batches"]
    if not missed:
        bench.run(assess_endpoints.handler, sweepId=SWEEP, batch=batch)
    start_all(bench)
    given = {**bench.check_input(), "remediationId": remediation_id(SWEEP, str(FRAUD))}
    bench.run(check_encryption.handler, **given)
    error = {"Error": "SlackNotSetUp", "Cause": '{"errorMessage": "not set up"}'}
    bench.run(close_remediation.handler, **given, error=error)
    capsys.readouterr()
    closed = bench.run(close_sweep.handler, sweepId=SWEEP, reason="")
    assert closed["complete"] is False
    assert counts(capsys.readouterr().out)["SweepIncomplete"] == alarm
    assert bench.messages() == []


def test_a_denial_covers_while_it_holds(bench: Bench) -> None:
    bench.make_endpoint("fraud")
    bench.check()
    plan = bench.remediation().get("planHash", "")
    now = bench.clock_now()
    bench.records.keep_denial(
        {
            "endpointId": str(FRAUD), "planHash": plan, "by": ADA.id, "at": iso(now), "reason": "later",
            "until": "",
        }
    )  # fmt: skip
    bench.close("DENIED")
    assert sweep(bench)["covered"] == 1


def test_an_endpoint_whose_config_is_gone_is_unknown_and_asked_about_by_nobody(bench: Bench) -> None:
    bench.make_endpoint("fraud")
    bench.make_endpoint("churn")
    bench.sagemaker.delete_endpoint_config(EndpointConfigName="churn-config")
    bench.hosting.violations.clear()  # someone else's
    swept = sweep(bench)
    assert (swept["complete"], swept["found"], swept["unknown"]) == (True, 1, 1)


def test_a_sweep_that_failed_is_reported_once_and_lets_the_next_one_begin(bench: Bench) -> None:
    bench.run(list_endpoints.handler, sweepId=SWEEP)
    error = {"Error": "ServiceUnavailable", "Cause": '{"errorMessage": "SageMaker answered 503"}'}
    for _ in range(2):
        closed = bench.run(close_sweep.handler, sweepId=SWEEP, error=error)
        assert closed["reason"] == "SageMaker answered 503"
    assert len(bench.messages()) == 1
    assert "underWay" not in bench.run(list_endpoints.handler, sweepId="s-2")


# -- one at a time, page by page


def test_one_sweep_at_a_time(bench: Bench) -> None:
    bench.make_endpoint("fraud")
    assert "batches" in bench.run(list_endpoints.handler, sweepId=SWEEP)
    assert bench.run(list_endpoints.handler, sweepId="s-2") == {"underWay": SWEEP}
    assert "batches" in bench.run(list_endpoints.handler, sweepId=SWEEP), "run again, it goes on"
    bench.run(close_sweep.handler, sweepId=SWEEP)
    assert "batches" in bench.run(list_endpoints.handler, sweepId="s-2")


def test_a_thousand_endpoints_are_listed_at_a_time(bench: Bench) -> None:
    bench.make_config("shared")
    for number in range(1101):
        bench.sagemaker.create_endpoint(EndpointName=f"e-{number}", EndpointConfigName="shared")
    listed = bench.run(list_endpoints.handler, sweepId=SWEEP)
    assert [len(batch["names"]) for batch in listed["batches"]] == [100] * 10
    rest = bench.run(
        list_endpoints.handler,
        sweepId=SWEEP,
        nextToken=listed["nextToken"],
        batchesListed=listed["batchesListed"],
    )
    assert [len(batch["names"]) for batch in rest["batches"]] == [100, 1]
    assert "nextToken" not in rest
    numbers = [batch["number"] for batch in [*listed["batches"], *rest["batches"]]]
    assert numbers == sorted(set(numbers))


def test_an_account_without_endpoints_is_whole(bench: Bench) -> None:
    assert sweep(bench)["complete"] is True
    assert start_all(bench) == []


def test_a_list_that_is_throttled_for_good_is_tried_again_by_the_workflow(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:

    def no_pause(_seconds: float) -> None: ...

    monkeypatch.setattr("lambdas.gateways.rate_limit.time.sleep", no_pause)
    bench.hosting.faults.throttle("ListEndpoints", times=50)
    with pytest.raises(Throttled):
        bench.run(list_endpoints.handler, sweepId=SWEEP)


# -- what is started


def test_few_findings_get_a_card_each_at_slacks_pace(bench: Bench) -> None:
    bench.make_endpoint("fraud")
    bench.make_endpoint("churn")
    sweep(bench)
    assert start_all(bench) == [3, 3]
    inputs = [details[1] for details in started(bench)]
    assert sorted(one["endpointName"] for one in inputs) == ["churn", "fraud"]
    assert not any("digestId" in one for one in inputs)
    assert started(bench, "digest") == []
    trigger = inputs[0]["trigger"]
    assert (trigger["kind"], trigger["accountId"], trigger["region"]) == (
        "sweep",
        "123456789012",
        "us-east-1",
    )


def test_many_findings_are_asked_about_in_one_digest(bench: Bench) -> None:
    for name in ("fraud", "churn", "risk"):
        bench.make_endpoint(name)
    sweep(bench)
    assert start_all(bench) == [1]
    assert [one[1]["digestId"] for one in started(bench)] == [DIGEST] * 3
    assert {name for name, _ in started(bench, "digest")} == {DIGEST}
    assert len(digests().findings(DIGEST)) == 3
    assert len({name for name, _ in started(bench)}) == 3


def test_a_step_that_is_run_again_starts_nothing_twice(bench: Bench) -> None:
    """Killed after it has started an execution, and before that was on record."""
    bench.make_endpoint("fraud")
    sweep(bench)
    first = bench.run(start_remediations.handler, sweepId=SWEEP)
    again = bench.run(start_remediations.handler, sweepId=SWEEP)
    assert first == again
    assert {name for name, _ in started(bench)} == {remediation_id(SWEEP, str(FRAUD))}, (
        "one execution, by its name"
    )


def test_endpoints_of_one_name_in_two_accounts_are_two_findings_and_two_remediations(bench: Bench) -> None:
    """Else the second one's execution would count as started already, and its finding overwrite the first."""
    now, places = bench.clock_now(), ("111122223333/us-east-1", "444455556666/us-east-1")
    for place in places:
        endpoint_id = f"{place}/fraud"
        one = samples.finding(endpointId=endpoint_id, remediationId=remediation_id(SWEEP, endpoint_id))
        digests().save_found(SWEEP, "default", finding_key(endpoint_id, ["instance-volume"]), one, now)
    found = [one for _, one in digests().found(SWEEP, "default")]
    assert [one["endpointId"] for one in found] == [f"{place}/fraud" for place in places]
    assert len({one["remediationId"] for one in found}) == 2


def test_a_claim_is_one_accounts_and_regions(bench: Bench) -> None:
    now = bench.clock_now()
    for holder, place in (("remediation#r-1", "1/us-east-1"), ("remediation#r-2", "2/us-east-1")):
        claim: Claim = {
            "endpointId": f"{place}/fraud", "holder": holder, "planHash": "p",
            "leaseUntil": "2099-01-01T00:00:00Z",
        }  # fmt: skip
        assert bench.records.claim(claim, now)["holder"] == holder


def test_very_many_findings_are_asked_about_in_several_digests(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdas.services.remediations.LARGEST", 2)
    for name in ("fraud", "churn", "risk"):
        bench.make_endpoint(name)
    sweep(bench)
    start_all(bench)
    parts = [digest_id(SWEEP, "default", part) for part in (0, 1)]
    assert [len(digests().findings(part)) for part in parts] == [2, 1]
    assert {name for name, _ in started(bench, "digest")} == {*parts}


# -- a remediation in a digest


@pytest.fixture
def in_digest(bench: Bench) -> dict[str, Any]:
    """The state machine's input for one of three findings that a digest asks about."""
    for name in ("fraud", "churn", "risk"):
        bench.make_endpoint(name)
    sweep(bench)
    start_all(bench)
    name, given = next(one for one in started(bench) if one[1]["endpointName"] == "fraud")
    return {**given, "remediationId": name, "executionArn": f"{EXECUTIONS}:1"}


def finding(name: str = "fraud") -> dict[str, Any]:
    return next(dict(one) for one in digest_cards.findings(DIGEST) if one["endpointName"] == name)


def ask(bench: Bench, given: dict[str, Any]) -> None:
    bench.run(check_encryption.handler, **given)
    bench.run(request_approval.handler, remediationId=given["remediationId"], taskToken="token-1")


def test_it_is_asked_in_the_digest_and_nowhere_else(bench: Bench, in_digest: dict[str, Any]) -> None:
    ask(bench, in_digest)
    assert bench.messages() == []
    approval = bench.approval(in_digest["remediationId"])
    assert (approval["status"], approval.get("digestId")) == ("PENDING", DIGEST)
    assert finding()["approvalId"] == approval["approvalId"]


def test_it_is_not_reminded_of_by_itself(bench: Bench, in_digest: dict[str, Any]) -> None:
    ask(bench, in_digest)
    channel, ts = Slack(bot_token()).post(CHANNEL, {"text": "the digest", "blocks": []})
    digests().note(DIGEST, {"channel": channel, "ts": ts})
    bench.pass_time(8 * 3600)
    waits = bench.run(read_decision.handler, remediationId=in_digest["remediationId"])["waitSeconds"]
    assert waits == pytest.approx(15 * 3600, abs=1), "until an hour before its deadline"
    assert [message.text for message in bench.messages()] == ["the digest"]


def test_how_it_ended_is_shown_in_the_digests_thread(bench: Bench, in_digest: dict[str, Any]) -> None:
    ask(bench, in_digest)
    channel, ts = Slack(bot_token()).post(CHANNEL, {"text": "the digest", "blocks": []})
    digests().note(DIGEST, {"channel": channel, "ts": ts})
    approval = bench.approval(in_digest["remediationId"])
    bench.records.settle(approval["approvalId"], "APPROVED", {"decidedBy": ADA.id})  # type: ignore[arg-type]
    bench.records.note(in_digest["remediationId"], {"updateOutcome": "ENCRYPTED", "updateReason": ""})
    bench.run(close_remediation.handler, **in_digest)
    assert (finding()["outcome"], finding()["decidedBy"]) == ("ENCRYPTED", ADA.id)
    approval = bench.approval(in_digest["remediationId"])
    assert approval.get("ts"), "its way back is on a card of its own"


def test_what_nobody_approved_is_shown_by_the_digest_alone(bench: Bench, in_digest: dict[str, Any]) -> None:
    ask(bench, in_digest)
    digests().note(DIGEST, {"postedAt": iso(bench.clock_now())})
    approval = bench.approval(in_digest["remediationId"])
    bench.records.settle(approval["approvalId"], ApprovalStatus.EXPIRED, {})
    bench.run(close_remediation.handler, **in_digest)
    assert finding()["outcome"] == "EXPIRED"
    assert bench.slack.messages(CHANNEL) == []


def test_a_remediation_that_failed_before_it_was_asked_about_ends_in_the_digest(
    bench: Bench, in_digest: dict[str, Any]
) -> None:
    error = {"Error": "KeyUnusable", "Cause": '{"errorMessage": "the key is disabled"}'}
    bench.run(close_remediation.handler, **in_digest, error=error)
    assert (finding()["outcome"], finding()["reason"]) == ("FAILED", "the key is disabled")
    assert bench.slack.messages(CHANNEL) == []


CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 50,
    "DestinationS3Uri": "s3://captures/x",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
