"""Who hears of trouble, and whether what they are told leads somewhere."""

from __future__ import annotations

import json
import re
from typing import Any

from lambdas.domain.vocabulary import Outcome
from stacks.metrics import NAMESPACE, OUTCOMES
from tests.infrastructure.conftest import ROOT, Elsewhere
from tests.infrastructure.template import Template, strings

RUNBOOK = ROOT / "docs" / "runbook"


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    """By name, without the stack's."""
    found = [alarm["Properties"] for alarm in template.resources("AWS::CloudWatch::Alarm").values()]
    return {alarm["AlarmName"].removeprefix("Sealpoint-us-east-1-"): alarm for alarm in found}


def watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics that an alarm looks at: its own, or those of its sum."""
    if "Metrics" not in alarm:
        return [alarm]
    return [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]


def named(alarm: dict[str, Any]) -> set[tuple[str, str]]:
    return {(metric["Namespace"], metric["MetricName"]) for metric in watched(alarm)}


def test_there_is_an_alarm_for_whatever_would_else_go_unseen(template: Template) -> None:
    stopped = {("AWS/States", f"Executions{how}") for how in ("Failed", "Aborted", "TimedOut")}
    found = alarms(template)
    assert {name: named(alarm) for name, alarm in found.items()} == {
        "RemediationFailed": {("Sealpoint", "RemediationClosed")},
        "BackoutFailed": {("Sealpoint", "BackoutClosed")},
        "RemediationStopped": stopped,
        "BackoutStopped": stopped,
        "RetirementStopped": stopped,
        "SweepStopped": stopped,
        "DigestStopped": stopped,
        "SweepIncomplete": {("Sealpoint", "SweepIncomplete")},
        "Undelivered": {("AWS/SQS", "ApproximateNumberOfMessagesVisible")},
        "SlackUnreachable": {("Sealpoint", "SlackUnavailable")},
        "ApprovalAboutToExpire": {("Sealpoint", "ApprovalAboutToExpire")},
        "FunctionErrors": {("AWS/Lambda", "Errors"), ("Sealpoint", "UnexpectedError")},
        "ClicksFailing": {("AWS/ApiGateway", "5xx")},
        "ClicksSlow": {("AWS/ApiGateway", "Latency")},
    }
    for name, alarm in found.items():
        assert alarm["AlarmActions"] == [template.outputs["AlarmTopicArn"]]
        limit = 3000 if name == "ClicksSlow" else 0
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (limit, "GreaterThanThreshold")
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["EvaluationPeriods"] == (3 if name == "SlackUnreachable" else 1)


def test_an_alarm_is_about_this_deployment_alone(template: Template) -> None:
    machines = template.resources("AWS::StepFunctions::StateMachine")
    own = {
        *machines,
        *template.resources("AWS::Lambda::Function"),
        *template.resources("AWS::ApiGatewayV2::Api"),
    }
    own |= {f"{queue}.QueueName" for queue in template.resources("AWS::SQS::Queue")} | {"Sealpoint-us-east-1"}
    for alarm in alarms(template).values():
        for metric in watched(alarm):
            assert any(dimension["Value"] in own for dimension in metric["Dimensions"]), metric
    about = {d["Value"] for a in alarms(template).values() for m in watched(a) for d in m["Dimensions"]}
    assert machines.keys() <= about


def test_the_functions_whose_errors_nothing_tries_again_are_watched(template: Template) -> None:
    errors = [
        metric for metric in watched(alarms(template)["FunctionErrors"]) if metric["MetricName"] == "Errors"
    ]
    functions = template.resources("AWS::Lambda::Function")
    assert {functions[metric["Dimensions"][0]["Value"]]["Properties"]["Handler"] for metric in errors} == {
        "lambdas.handlers.slack_interactions.handler",
        "lambdas.handlers.decisions.handler",
        "lambdas.handlers.close_remediation.handler",
        "lambdas.handlers.close_backout.handler",
        "lambdas.handlers.close_sweep.handler",
    }


def test_each_alarm_leads_to_a_page_of_the_runbook_and_each_page_is_led_to(template: Template) -> None:
    led_to: set[str] = set()
    for name, alarm in alarms(template).items():
        (page,) = re.findall(r"What to do: docs/runbook/([a-z-]+\.md)$", alarm["AlarmDescription"])
        assert f"`{name}`" in (RUNBOOK / page).read_text()
        led_to.add(page)
    assert led_to == {path.name for path in RUNBOOK.glob("*.md")} - {"README.md"}
    index = (RUNBOOK / "README.md").read_text()
    assert all(f"({page})" in index for page in led_to)


def emitted() -> set[str]:
    """What the handlers count and measure, with the dimensions they give."""
    rooms = (ROOT / "lambdas/handlers", ROOT / "lambdas/services")
    sources = "\n".join(path.read_text() for room in rooms for path in room.rglob("*.py"))
    calls = re.findall(r'\b(?:count|measure|gauge)\("(\w+)"(?:, (\w+)=)?', sources)
    return {" ".join(filter(None, call)) for call in calls}


def asked_for(template: Template) -> set[str]:
    """What alarms and the dashboard look at in our own namespace."""
    found = {
        " ".join([m["MetricName"], *(d["Name"] for d in m["Dimensions"] if d["Name"] != "service")])
        for alarm in alarms(template).values()
        for m in watched(alarm)
        if m["Namespace"] == NAMESPACE
    }
    for widget in dashboard(template)["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if metric[0] == NAMESPACE:
                texts = [part for part in metric[2:] if isinstance(part, str)]
                pairs = dict(zip(texts[::2], texts[1::2], strict=True))
                assert pairs.pop("service") == "Sealpoint-us-east-1"
                found.add(" ".join([metric[1], *pairs]))
    return found


def dashboard(template: Template) -> dict[str, Any]:
    (resource,) = template.resources("AWS::CloudWatch::Dashboard").values()
    return json.loads(resource["Properties"]["DashboardBody"])


def test_what_is_watched_is_what_the_functions_count(template: Template) -> None:
    assert asked_for(template) <= emitted()
    # counted for whoever asks CloudWatch; the alarms and the dashboard have no need of these
    assert emitted() - asked_for(template) == {"OldConfigRetired"}


def test_the_outcomes_shown_are_all_that_there_are() -> None:
    assert set(OUTCOMES) == set(Outcome)


def test_the_dashboard_is_named_after_the_stack_and_asks_only_about_it(template: Template) -> None:
    (resource,) = template.resources("AWS::CloudWatch::Dashboard").values()
    assert resource["Properties"]["DashboardName"] == "Sealpoint-us-east-1"
    body = dashboard(template)
    assert {widget["properties"].get("region") for widget in body["widgets"]} <= {"us-east-1", None}
    (query,) = [w["properties"]["query"] for w in body["widgets"] if w["type"] == "log"]
    groups = re.findall(r"SOURCE '([^']+)'", query)
    assert len(groups) == len(template.functions())
    assert "token" not in " ".join(strings(body)).lower()


def test_alarms_go_to_those_who_are_named_in_the_settings(template: Template, elsewhere: Elsewhere) -> None:
    assert template.resources("AWS::SNS::Subscription") == {}
    for stack in (elsewhere.gov, elsewhere.china):
        subscription = stack.only("AWS::SNS::Subscription")
        assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "oncall@example.com")


def test_alarms_can_publish_to_their_encrypted_topic(template: Template) -> None:
    topic = template.only("AWS::SNS::Topic")
    key = template.resources("AWS::KMS::Key")[topic["KmsMasterKeyId"].removesuffix(".Arn")]["Properties"]
    this_account = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    allowed = [
        statement
        for policy in (key["KeyPolicy"], template.only("AWS::SNS::TopicPolicy")["PolicyDocument"])
        for statement in policy["Statement"]
        if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    ]
    assert [statement["Condition"] for statement in allowed] == [this_account, this_account]
    assert allowed[0]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert allowed[1]["Action"] == "sns:Publish"
