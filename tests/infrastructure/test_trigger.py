from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.events.models import EventPattern

from lambdas.domain.record import TRIGGER_FIELDS, start_record
from tests.infrastructure.template import ACCOUNT_ID, Template

SCIENTIST = f"arn:aws:iam::{ACCOUNT_ID}:role/DataScientist"
SESSION = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/DataScientist/ana"


def event(identity: dict[str, Any], **detail: Any) -> dict[str, Any]:
    """An API call as CloudTrail reports it through EventBridge."""
    return {
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.sagemaker",
        "account": ACCOUNT_ID,
        "time": "2026-06-01T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "eventVersion": "1.11",
            "userIdentity": identity,
            "eventTime": "2026-06-01T11:59:58Z",
            "eventSource": "sagemaker.amazonaws.com",
            "eventName": "CreateEndpoint",
            "awsRegion": "us-east-1",
            "requestParameters": {"endpointName": "churn", "endpointConfigName": "churn-1", "tags": []},
            "responseElements": {"endpointArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT_ID}:endpoint/churn"},
            "eventID": "b9c3a6c5-1111-4222-8333-444455556666",
            "readOnly": False,
            "eventType": "AwsApiCall",
            **detail,
        },
    }


def assumed(role_arn: str) -> dict[str, Any]:
    name = role_arn.rsplit("/", 1)[-1]
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:ana",
        "arn": f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{name}/ana",
        "accountId": ACCOUNT_ID,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role_arn, "userName": name}},
    }


IAM_USER = {
    "type": "IAMUser",
    "principalId": "AIDAEXAMPLE",
    "arn": f"arn:aws:iam::{ACCOUNT_ID}:user/ana",
    "accountId": ACCOUNT_ID,
    "userName": "ana",
}
ROOT_USER = {"type": "Root", "principalId": ACCOUNT_ID, "arn": f"arn:aws:iam::{ACCOUNT_ID}:root"}
# with MFA in the console a user has a session, which nobody issued
USER_WITH_SESSION = {**IAM_USER, "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}}
AWS_SERVICE = {"type": "AWSService", "invokedBy": "sagemaker.amazonaws.com"}


def matching(template: Template, happened: dict[str, Any]) -> list[dict[str, Any]]:
    rules = template.rules()
    return [r for r in rules if EventPattern(None, r["EventPattern"]).matches_event(happened)]  # type: ignore[arg-type]  # moto types an event as its own TypedDict


def delivered(rule: dict[str, Any], happened: dict[str, Any]) -> dict[str, Any]:
    """What the rule's one target gets. A path that the event lacks is a KeyError."""
    (target,) = rule["Targets"]
    transformer = target["InputTransformer"]
    values: dict[str, Any] = {}
    for name, path in transformer["InputPathsMap"].items():
        value: Any = happened
        for step in path.removeprefix("$.").split("."):
            value = value[step]
        values[name] = value
    # either a string of the template, within which variables are text, or a variable that is a whole value
    token = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]+>')

    def filled(found: re.Match[str]) -> str:
        if found[0].startswith("<"):
            return json.dumps(values[found[0][1:-1]])
        return re.sub(r"<([^<>]+)>", lambda inner: json.dumps(values[inner[1]])[1:-1], found[0])

    return json.loads(token.sub(filled, transformer["InputTemplate"]))


def own_role(template: Template) -> str:
    return template.functions()["update_endpoint"]["Role"]


@pytest.mark.parametrize(
    ("identity", "detail", "principal"),
    [
        (assumed(SCIENTIST), {}, SESSION),
        (assumed(SCIENTIST), {"eventName": "UpdateEndpoint"}, SESSION),
        (IAM_USER, {}, f"arn:aws:iam::{ACCOUNT_ID}:user/ana"),
        (USER_WITH_SESSION, {}, f"arn:aws:iam::{ACCOUNT_ID}:user/ana"),
        (ROOT_USER, {"eventName": "UpdateEndpoint"}, f"arn:aws:iam::{ACCOUNT_ID}:root"),
        (AWS_SERVICE, {}, "AWSService"),
    ],
)  # fmt: skip
def test_a_change_by_anyone_else_starts_one_remediation_in_the_documented_shape(
    template: Template, identity: dict[str, Any], detail: dict[str, Any], principal: str
) -> None:
    happened = event(identity, **detail)
    (rule,) = matching(template, happened)
    given = delivered(rule, happened)
    assert given == {
        "endpointName": "churn",
        "trigger": {
            "kind": "event",
            "eventId": "b9c3a6c5-1111-4222-8333-444455556666",
            "eventName": happened["detail"]["eventName"],
            "eventTime": "2026-06-01T11:59:58Z",
            "principalArn": principal,
            "accountId": ACCOUNT_ID,
            "region": "us-east-1",
        },
    }
    assert set(given["trigger"]) == set(TRIGGER_FIELDS)


@pytest.mark.parametrize(
    "change",
    [
        {"errorCode": "ValidationException", "errorMessage": "no"},
        {"eventName": "DeleteEndpoint"},
        {"eventName": "UpdateEndpointWeightsAndCapacities"},
        {"eventSource": "runtime.sagemaker.amazonaws.com"},
        {"requestParameters": None},
        {"requestParameters": {"endpointConfigName": "churn-1"}},
    ],
)
def test_what_changed_no_endpoint_starts_nothing(template: Template, change: dict[str, Any]) -> None:
    assert matching(template, event(assumed(SCIENTIST), **change)) == []
    assert matching(template, event(AWS_SERVICE, **change)) == []


def test_our_own_update_starts_nothing(template: Template) -> None:
    ours = assumed(own_role(template))
    assert matching(template, event(ours, eventName="UpdateEndpoint")) == []
    without_arn = {name: value for name, value in ours.items() if name != "arn"}
    assert matching(template, event(without_arn, eventName="UpdateEndpoint")) == []


def test_only_the_updating_functions_role_is_left_out(template: Template) -> None:
    others = {f["Role"] for name, f in template.functions().items() if name != "update_endpoint"}
    assert own_role(template) not in others
    for role in others:
        assert len(matching(template, event(assumed(role)))) == 1


# by so many rules: a remediation's own twin may be left behind, too
@pytest.mark.parametrize(
    ("part", "called", "by"),
    [("Remediation", "remediationId", 2), ("Backout", "backoutId", 1), ("Sweep", "sweepId", 1)],
)
@pytest.mark.parametrize(
    ("status", "closed"),
    [("FAILED", True), ("TIMED_OUT", True), ("ABORTED", True), ("RUNNING", False), ("SUCCEEDED", False)],
)
def test_an_execution_that_ended_unclosed_is_closed(  # noqa: PLR0917  # the table's columns
    template: Template, part: str, called: str, by: int, status: str, closed: bool
) -> None:
    machine = template.outputs[f"{part}StateMachineArn"]
    happened = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": "arn:execution",
            "stateMachineArn": machine,
            "name": "run-1",
            "status": status,
        },
    }
    rules = matching(template, happened)
    assert len(rules) == (by if closed else 0)
    for rule in rules:
        assert delivered(rule, happened) == {
            called: "run-1",
            "executionArn": "arn:execution",
            "stopped": f"The execution ended as {status}.",
        }
    happened["detail"]["stateMachineArn"] = "arn:another"  # type: ignore[index]  # a dict of dicts
    assert matching(template, happened) == []


def test_targets_retry_for_a_day_and_then_keep_the_event(template: Template) -> None:
    (queue_id, queue), *more = template.resources("AWS::SQS::Queue").items()
    assert not more
    assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["Properties"]["SqsManagedSseEnabled"] is True
    assert len(template.rules()) == 6
    for rule in template.rules():
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"]["Arn"] == f"{queue_id}.Arn"
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}


def test_the_queue_takes_messages_over_tls_only_and_from_each_rule(template: Template) -> None:
    statements = template.only("AWS::SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    denied = [s for s in statements if s["Effect"] == "Deny"]
    assert [s["Condition"] for s in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
    senders = {s["Condition"]["ArnEquals"]["aws:SourceArn"] for s in statements if s["Effect"] == "Allow"}
    assert senders == {f"{rule}.Arn" for rule in template.resources("AWS::Events::Rule")}


def test_a_close_that_keeps_failing_is_kept_as_well(template: Template) -> None:
    invokes = template.resources("AWS::Lambda::EventInvokeConfig").values()
    assert len(invokes) == 4  # of remediations and their twins, of backouts, and of sweeps
    (queue_id,) = template.resources("AWS::SQS::Queue")
    for invoke in invokes:
        assert invoke["Properties"]["DestinationConfig"]["OnFailure"]["Destination"] == f"{queue_id}.Arn"


def test_eventbridge_may_start_this_machine_and_nothing_else(template: Template) -> None:
    roles = {t["RoleArn"] for rule in template.rules() for t in rule["Targets"] if "RoleArn" in t}
    (role,) = roles
    (statement,) = template.statements_of(role)
    assert statement["Action"] == ["states:StartExecution"]
    assert statement["Resource"] == [template.outputs["RemediationStateMachineArn"]]


def test_the_functions_take_what_the_rules_deliver(template: Template) -> None:
    happened = event(AWS_SERVICE)
    (rule,) = matching(template, happened)
    given = {**delivered(rule, happened), "remediationId": "run-1", "executionArn": "arn"}
    assert start_record(given, datetime.now(UTC))["trigger"]["principalArn"] == "AWSService"
