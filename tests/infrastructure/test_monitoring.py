"""Who hears of trouble, and whether what they are told leads somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.domain.vocabulary import Outcome
from stacks.metrics import NAMESPACE, OUTCOMES
from stacks.settings import Settings
from stacks.sweep_schedule import days_until_overdue
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
        "SweepOverdue": {("Sealpoint", "SweepComplete")},
        "EventsMissing": {("Sealpoint", "EndpointsUnannounced")},
        "OutcomeEventLost": {("Sealpoint", "OutcomeEventLost")},
        "Undelivered": {("AWS/SQS", "ApproximateNumberOfMessagesVisible")},
        "SlackUnreachable": {("Sealpoint", "SlackUnavailable")},
        "ApprovalAboutToExpire": {("Sealpoint", "ApprovalAboutToExpire")},
        "FunctionErrors": {("AWS/Lambda", "Errors"), ("Sealpoint", "UnexpectedError")},
        "ClicksFailing": {("AWS/ApiGateway", "5xx")},
        "ClicksSlow": {("AWS/ApiGateway", "Latency")},
        "ForgedRequests": {("Sealpoint", "ForgedRequest")},
        "CardsPilingUp": {("Sealpoint", "RemediationClosed")},
        "ApiFlooded": {("AWS/ApiGateway", "4xx")},
    }
    del found["SweepOverdue"]  # below
    limits = {"ClicksSlow": 3000, "ForgedRequests": 4, "ApiFlooded": 3000, "CardsPilingUp": 20}
    for name, alarm in found.items():
        limit = limits.get(name, 0)
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (limit, "GreaterThanThreshold")
        # between two sweeps, what the last one found stands
        kept = name in ("SweepIncomplete", "EventsMissing")
        assert alarm["TreatMissingData"] == ("ignore" if kept else "notBreaching")
        assert alarm["EvaluationPeriods"] == (3 if name == "SlackUnreachable" else 1)


_CONDITIONS = {
    "Undelivered", "SlackUnreachable", "SweepIncomplete", "SweepOverdue", "EventsMissing", "FunctionErrors",
    "ClicksFailing", "ClicksSlow", "ForgedRequests", "ApiFlooded",
    "CardsPilingUp",
}  # fmt: skip


def test_an_alarm_about_a_condition_reports_its_end_and_one_about_an_occurrence_does_not(
    template: Template,
) -> None:
    topic, found = [template.outputs["AlarmTopicArn"]], alarms(template)
    assert all(alarm["AlarmActions"] == topic for alarm in found.values())
    ends = {name: alarm["OKActions"] for name, alarm in found.items() if "OKActions" in alarm}
    assert ends == dict.fromkeys(_CONDITIONS, topic)
    index = (RUNBOOK / "README.md").read_text()
    assert {name for name in found if f"`{name}` *" in index} == _CONDITIONS


def test_an_alarm_says_how_urgent_it_is(template: Template) -> None:
    said = {name: alarm["AlarmDescription"].partition(". ")[0] for name, alarm in alarms(template).items()}
    assert set(said.values()) == {"Page", "Ticket"}
    assert {name for name, severity in said.items() if severity == "Page"} == {
        "RemediationFailed", "BackoutFailed", "RemediationStopped", "BackoutStopped", "Undelivered",
        "SlackUnreachable", "ClicksFailing", "ApiFlooded",
    }  # fmt: skip


def test_two_days_without_a_completed_sweep_are_an_alarm(template: Template) -> None:
    alarm = alarms(template)["SweepOverdue"]
    [metric] = [one["MetricStat"] for one in alarm["Metrics"]]
    assert (metric["Period"], alarm["EvaluationPeriods"], metric["Stat"]) == (86_400, 2, "Sum")
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "LessThanThreshold")
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["WarmUpConfiguration"] == {"WarmUpPeriodDurationInMinutes": 2880}


def test_without_a_schedule_no_sweep_is_overdue(template_with: Callable[..., Template]) -> None:
    assert "SweepOverdue" not in alarms(template_with(sweepSchedule=""))


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("rate(1 day)", 2), ("rate(12 hours)", 2), ("rate(60 hours)", 5), ("rate(3 days)", 6),
        ("rate(4 days)", None), ("cron(0 6 * * ? *)", 2), ("cron(0 6 ? * * *)", 2),
        ("cron(0 6 ? * MON-FRI *)", 7), ("cron(0 6 ? * MON,THU *)", 7), ("cron(0 6 ? * MON *)", None),
        ("cron(0 6 1 * ? *)", None), ("cron(0 6 * 1-6 ? *)", None), ("", None),
    ],
)  # fmt: skip
def test_a_sweep_is_overdue_after_twice_its_interval(expression: str, days: int | None) -> None:
    assert days_until_overdue(expression) == days


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("", "docs/runbook/sweep-overdue.md"),
        ("https://example.com/runbook/", "https://example.com/runbook/sweep-overdue.md"),
        ("https://example.com/wiki/42", "https://example.com/wiki/42#sweep-overdue"),
    ],
)
def test_where_a_page_of_the_runbook_is(url: str, link: str) -> None:
    pages = Settings.model_construct(runbook_url=url).runbook_pages
    assert pages.replace("{}", "sweep-overdue") == link


def test_the_settings_runbook_is_in_alarms_and_on_the_dashboard(
    template_with: Callable[..., Template],
) -> None:
    template = template_with(runbookUrl="https://example.com/runbook/")
    for alarm in alarms(template).values():
        assert "What to do: https://example.com/runbook/" in alarm["AlarmDescription"]
    [text] = [w["properties"]["markdown"] for w in dashboard(template)["widgets"] if w["type"] == "text"]
    assert "[Runbook](https://example.com/runbook/README.md)" in text


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


def test_the_dashboard_stays_below_what_cloudwatch_bills(template: Template) -> None:
    """Three dashboards of at most 50 metrics are free. Whatever counts, lines or metrics, it is below."""
    lines = [
        metric
        for widget in dashboard(template)["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if isinstance(metric[0], str)
    ]
    distinct = {tuple(part for part in line if isinstance(part, str)) for line in lines}
    assert len(distinct) < 45
    assert len(lines) <= 50
    assert "SEARCH(" not in json.dumps(dashboard(template)), "how many metrics it finds isn't known"


def test_the_dashboard_begins_with_the_share_of_encrypted_endpoints(template: Template) -> None:
    first, *others = dashboard(template)["widgets"]
    assert (first["x"], first["y"], first["properties"]["view"]) == (0, 0, "singleValue")
    assert first["properties"]["sparkline"] is True, "over time"
    [expression] = [metric[0]["expression"] for metric in first["properties"]["metrics"] if len(metric) == 1]
    assert expression == "FLOOR(1000 * encrypted / listed) / 10"
    titles = " ".join(widget["properties"].get("title", "") for widget in others)
    assert "hours" in titles
    assert "within" not in titles


def test_the_dashboard_links_every_workflow_in_the_regions_console(
    template: Template, elsewhere: Elsewhere
) -> None:
    consoles = (
        (template, "https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/"),
        (elsewhere.gov, "https://console.amazonaws-us-gov.com/states/home?region=us-gov-west-1#/"),
        (elsewhere.china, "https://console.amazonaws.cn/states/home?region=cn-north-1#/"),
    )
    for stack, console in consoles:
        [text] = [w["properties"]["markdown"] for w in dashboard(stack)["widgets"] if w["type"] == "text"]
        for machine in stack.resources("AWS::StepFunctions::StateMachine"):
            assert f"({console}statemachines/view/{machine})" in text


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
