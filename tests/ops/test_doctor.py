"""What `sealpoint doctor` makes of AWS's responses, in the shapes of AWS's own API models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from ops import clock
from ops.deployment import Deployment, NotDeployed
from ops.doctor import aws, trails
from ops.doctor import sweep as sweeps
from ops.doctor.results import CheckResult, guarded, not_checked
from ops.doctor.trails import logs_endpoint_changes
from tests.handlers.conftest import REGION
from tests.ops.conftest import Keep

SAGEMAKER = "sagemaker.amazonaws.com"
MANAGEMENT: dict[str, Any] = {"Field": "eventCategory", "Equals": ["Management"]}
WRITES: dict[str, Any] = {"Field": "readOnly", "Equals": ["false"]}
READS: dict[str, Any] = {"Field": "readOnly", "Equals": ["true"]}


def advanced(*selectors: list[dict[str, Any]]) -> dict[str, Any]:
    """GetEventSelectors' answer for a trail with advanced selectors, each given by its fields."""
    return {"AdvancedEventSelectors": [{"FieldSelectors": fields} for fields in selectors]}


def field(name: str, **operators: list[str]) -> dict[str, Any]:
    return {"Field": name, **operators}


@pytest.mark.parametrize(
    ("basic", "logged"),
    [
        ({"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}, True),
        ({"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}, True),
        ({"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}, False),
        ({"ReadWriteType": "All", "IncludeManagementEvents": False}, False),
        ({}, True),  # the defaults that the API documents
        ({"ExcludeManagementEventSources": ["kms.amazonaws.com", "rdsdata.amazonaws.com"]}, True),
        ({"ExcludeManagementEventSources": [SAGEMAKER]}, False),
    ],
)
def test_basic_selectors(basic: dict[str, Any], *, logged: bool) -> None:
    assert logs_endpoint_changes({"EventSelectors": [basic]}) is logged
    useless = {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": False}
    assert logs_endpoint_changes({"EventSelectors": [useless, basic]}) is logged


def test_a_trail_without_selectors_of_its_own_logs_all_management_events() -> None:
    assert logs_endpoint_changes({"TrailARN": "arn"})
    assert logs_endpoint_changes({"EventSelectors": [], "AdvancedEventSelectors": []})


@pytest.mark.parametrize(
    ("fields", "logged"),
    [
        ([MANAGEMENT], True),
        ([MANAGEMENT, WRITES], True),
        ([MANAGEMENT, READS], False),
        (
            [field("eventCategory", Equals=["Data"]), field("resources.type", Equals=["AWS::S3::Object"])],
            False,
        ),
        (
            [field("eventCategory", Equals=["NetworkActivity"]), field("eventSource", Equals=[SAGEMAKER])],
            False,
        ),
        ([MANAGEMENT, field("eventSource", NotEquals=["kms.amazonaws.com", "rdsdata.amazonaws.com"])], True),
        ([MANAGEMENT, field("eventSource", NotEquals=["kms.amazonaws.com", SAGEMAKER])], False),
        ([MANAGEMENT, field("eventSource", Equals=[SAGEMAKER, "s3.amazonaws.com"])], True),
        ([MANAGEMENT, field("eventSource", Equals=["s3.amazonaws.com"])], False),
        ([MANAGEMENT, field("eventSource", StartsWith=["sage"])], True),
        ([MANAGEMENT, field("eventSource", NotStartsWith=["sage"])], False),
        ([MANAGEMENT, field("eventSource", EndsWith=[".amazonaws.com"])], True),
        ([MANAGEMENT, field("eventSource", NotEndsWith=[".amazonaws.com"])], False),
        # any of those that select is enough, any of those that deselect too
        ([MANAGEMENT, field("eventSource", Equals=["s3.amazonaws.com"], StartsWith=["sage"])], True),
        ([MANAGEMENT, field("eventSource", Equals=[SAGEMAKER], NotStartsWith=["sage"])], False),
        ([MANAGEMENT, field("eventName", Equals=["CreateEndpoint"])], False),  # UpdateEndpoint isn't
        ([MANAGEMENT, field("eventName", Equals=["CreateEndpoint", "UpdateEndpoint"])], True),
        ([MANAGEMENT, field("eventName", NotEquals=["CreateEndpointConfig"])], True),
        ([MANAGEMENT, field("eventType", NotEquals=["AwsServiceEvent"])], True),
        # nobody knows beforehand whose calls it leaves out
        ([MANAGEMENT, field("userIdentity.arn", NotStartsWith=["arn:aws:sts::1:assumed-role/x"])], False),
        # an operator that the SDK doesn't know is dropped from the answer
        ([MANAGEMENT, field("eventSource")], False),
    ],
)
def test_advanced_selectors(fields: list[dict[str, Any]], *, logged: bool) -> None:
    assert logs_endpoint_changes(advanced(fields)) is logged
    assert logs_endpoint_changes(advanced([MANAGEMENT, READS], fields)) is logged


def test_selectors_may_log_one_call_each() -> None:
    by_name = [[MANAGEMENT, field("eventName", Equals=[f"{verb}Endpoint"])] for verb in ("Create", "Update")]
    assert logs_endpoint_changes(advanced(*by_name))


def _condition(name: str, operators: dict[str, list[str]]) -> dict[str, Any]:
    return field(name, **operators)


def _of_management(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [MANAGEMENT, *fields]


_PATTERNS = st.lists(
    st.sampled_from([SAGEMAKER, "sage", ".com", "kms.amazonaws.com", "CreateEndpoint", "Update", "true"]),
    min_size=1,
    max_size=3,
)
_FIELDS = st.builds(
    _condition,
    st.sampled_from(["eventSource", "eventName", "eventType", "userIdentity.arn"]),
    st.dictionaries(
        st.sampled_from(["Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith"]),
        _PATTERNS,
        min_size=1,
    ),
)
_SELECTORS = st.lists(st.lists(_FIELDS, max_size=3).map(_of_management), max_size=3)


@given(_SELECTORS.filter(bool), _FIELDS)
def test_a_condition_more_logs_no_more_and_a_selector_more_no_less(
    selectors: list[list[dict[str, Any]]], condition: dict[str, Any]
) -> None:
    logged = logs_endpoint_changes(advanced(*selectors))
    narrowed = logs_endpoint_changes(advanced(*[[*fields, condition] for fields in selectors]))
    widened = logs_endpoint_changes(advanced(*selectors, [MANAGEMENT, condition]))
    assert narrowed <= logged <= widened
    assert not logs_endpoint_changes(advanced(*[[*fields, READS] for fields in selectors]))
    assert logs_endpoint_changes(advanced(*selectors, [MANAGEMENT, WRITES]))


@given(_FIELDS)
def test_a_field_and_its_negation_never_both_pass(condition: dict[str, Any]) -> None:
    opposite = {
        (name.removeprefix("Not") if name.startswith("Not") else f"Not{name}"): patterns
        for name, patterns in condition.items()
        if name != "Field"
    }
    assert not logs_endpoint_changes(advanced([MANAGEMENT, condition, field(condition["Field"], **opposite)]))


# -- trails, as DescribeTrails has them

HERE, HOME = "eu-west-1", "us-east-1"
OURS = f"arn:aws:cloudtrail:{HOME}:111122223333:trail/ours"
ORGANIZATIONS = f"arn:aws:cloudtrail:{HOME}:999988887777:trail/all-accounts"


class Account(Deployment):
    """A deployment in `HERE`, whose clients give prepared answers, in order."""

    def __init__(self, outputs: Mapping[str, str] | None = None) -> None:
        super().__init__(HERE, "Sealpoint-test")
        self.outputs = dict(outputs or {})
        self._stubbed: dict[tuple[str, str], tuple[Any, Stubber]] = {}

    def client(self, service: Any, region: str | None = None, **_: Any) -> Any:
        return self._of(service, region or HERE)[0]

    def answers(
        self, service: str, method: str, answer: dict[str, Any], region: str = HERE, **asked: str
    ) -> None:
        self._of(service, region)[1].add_response(method, answer, asked)

    def refuses(self, service: str, method: str, code: str, region: str = HERE) -> None:
        self._of(service, region)[1].add_client_error(method, code, "no", http_status_code=400)

    def trails(self, *found: dict[str, Any]) -> None:
        self.answers("cloudtrail", "describe_trails", {"trailList": list(found)})

    def _of(self, service: str, region: str) -> tuple[Any, Stubber]:
        if (service, region) not in self._stubbed:
            client: Any = boto3.client(
                service,  # pyright: ignore[reportArgumentType,reportCallIssue]  # a name known at run time
                region_name=region,
                aws_access_key_id="AKIA",
                aws_secret_access_key="x",
            )
            stubber = Stubber(client)
            stubber.activate()
            self._stubbed[service, region] = client, stubber
        return self._stubbed[service, region]


def trail(arn: str = OURS, **facts: Any) -> dict[str, Any]:
    name, home = arn.rpartition("/")[2], arn.split(":")[3]
    return {"Name": name, "TrailARN": arn, "HomeRegion": home, "IsMultiRegionTrail": True, **facts}


def only(results: list[CheckResult]) -> CheckResult:
    (result,) = results
    return result


def test_a_shadow_trail_is_asked_for_at_home_by_its_arn() -> None:
    account = Account()
    account.trails(trail())
    account.answers("cloudtrail", "get_trail_status", {"IsLogging": True}, HOME, Name=OURS)
    account.answers("cloudtrail", "get_event_selectors", advanced([MANAGEMENT, WRITES]), HOME, TrailName=OURS)
    found = only(list(trails.management_events(account)))
    assert found == CheckResult("Management events", "the trail ours logs them")


def test_a_trail_of_another_region_alone_does_not_count() -> None:
    account = Account()
    account.trails(trail(IsMultiRegionTrail=False))
    found = only(list(trails.management_events(account)))
    assert found.detail.startswith("no trail logs them here")
    assert f"aws cloudtrail create-trail --region {HERE}" in found.fix


def test_one_trail_that_logs_is_enough_and_all_that_do_not_are_named() -> None:
    own = f"arn:aws:cloudtrail:{HERE}:111122223333:trail/local"
    account = Account()
    account.trails(trail(), trail(own, IsMultiRegionTrail=False))
    account.answers("cloudtrail", "get_trail_status", {"IsLogging": False}, HOME, Name=OURS)
    account.answers("cloudtrail", "get_trail_status", {"IsLogging": True}, Name=own)
    account.answers("cloudtrail", "get_event_selectors", advanced([MANAGEMENT, READS]), TrailName=own)
    found = only(list(trails.management_events(account)))
    assert not found.ok
    assert "ours is not logging; local leaves out SageMaker's management events" in found.detail
    assert f"aws cloudtrail start-logging --region {HOME} --name {OURS} Or: " in found.fix

    account.trails(trail(), trail(own, IsMultiRegionTrail=False))
    account.answers("cloudtrail", "get_trail_status", {"IsLogging": False}, HOME, Name=OURS)
    account.answers("cloudtrail", "get_trail_status", {"IsLogging": True}, Name=own)
    account.answers("cloudtrail", "get_event_selectors", advanced([MANAGEMENT]), TrailName=own)
    assert only(list(trails.management_events(account))).ok


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalFailure", "TrailNotFoundException"])
def test_a_trail_of_ours_whose_selectors_are_unreadable_does_not_count(code: str) -> None:
    account = Account()
    account.trails(trail())
    account.answers("cloudtrail", "get_trail_status", {"IsLogging": True}, HOME, Name=OURS)
    account.refuses("cloudtrail", "get_event_selectors", code, HOME)
    found = only(list(trails.management_events(account)))
    assert not found.ok
    assert found.detail.startswith("no trail is known to log them here: ours")
    if code == "AccessDeniedException":
        assert "without the permission cloudtrail:GetEventSelectors" in found.detail


@pytest.mark.parametrize(
    ("custom", "ok"),
    [({"HasCustomEventSelectors": False}, True), ({"HasCustomEventSelectors": True}, False), ({}, False)],
)
@pytest.mark.parametrize("code", ["TrailNotFoundException", "CloudTrailARNInvalidException"])
def test_the_organizations_trail_counts_in_a_member_account_if_it_has_the_default_selectors(
    custom: dict[str, bool], code: str, *, ok: bool
) -> None:
    account = Account()
    account.trails(trail(ORGANIZATIONS, IsOrganizationTrail=True, **custom))
    account.answers("cloudtrail", "get_trail_status", {"IsLogging": True}, HOME, Name=ORGANIZATIONS)
    account.refuses("cloudtrail", "get_event_selectors", code, HOME)
    found = only(list(trails.management_events(account)))
    assert found.ok is ok
    if not ok:
        assert (
            "all-accounts is the organization's, whose event selectors this account can't read"
            in found.detail
        )
        assert found.fix.startswith("In account 999988887777: aws cloudtrail get-event-selectors")


# -- the parts


def test_alarms_that_nobody_has_confirmed_are_not_heard() -> None:
    topic = f"arn:aws:sns:{HERE}:111122223333:alarms"
    account = Account({"AlarmTopicArn": topic})
    waiting = {"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": "ana@example.com"}
    deleted = {"SubscriptionArn": "Deleted", "Protocol": "email", "Endpoint": "bob@example.com"}
    confirmed = {"SubscriptionArn": f"{topic}:1", "Protocol": "email", "Endpoint": "eve@example.com"}
    for subscriptions, detail in (
        ([waiting, deleted], f"nobody receives alarms; not confirmed in {HERE}: ana@example.com"),
        ([deleted], f"nobody receives alarms: their topic in {HERE} has no subscription"),
        ([waiting, confirmed], f"1 confirmed in {HERE}; not confirmed in {HERE}: ana@example.com"),
        ([confirmed], f"1 confirmed in {HERE}"),
    ):
        pages = [{"Subscriptions": [one]} for one in subscriptions]
        for page, following in zip(pages, [*pages[1:], None], strict=True):
            token = {"NextToken": "more"} if page is not pages[0] else {}
            more = {"NextToken": "more"} if following else {}
            account.answers("sns", "list_subscriptions_by_topic", {**page, **more}, TopicArn=topic, **token)
        found = {result.subject: result for result in aws.parts(account)}["Alarm subscribers"]
        assert found.detail == detail
        assert found.ok is detail.startswith("1")


@pytest.mark.parametrize(
    ("state", "ok"),
    [("ENABLED", True), ("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", True), ("DISABLED", False)],
)
def test_a_rule_is_on_in_two_ways(state: str, *, ok: bool) -> None:
    account = Account({"EventRuleNames": "SweepEndedUnclosed=changed"})
    account.answers("events", "describe_rule", {"Name": "changed", "State": state}, Name="changed")
    target = {"Id": "1", "Arn": "arn:aws:states:eu-west-1:111122223333:stateMachine:x"}
    account.answers("events", "list_targets_by_rule", {"Targets": [target]}, Rule="changed")
    found = {result.subject: result for result in aws.parts(account)}
    result = found["Rule for stopped sweeps"]
    assert result.ok is ok
    if not ok:
        assert result.detail == (
            "DISABLED, so nobody is notified of a stopped sweep, and no other begins for two days"
        )
        assert "enable-rule --region eu-west-1 --name changed" in result.fix


def test_alarms_in_alarm_are_named_with_what_to_do() -> None:
    account = Account()
    asked: Any = {"AlarmNamePrefix": "Sealpoint-test-", "AlarmTypes": ["MetricAlarm"], "StateValue": "ALARM"}
    words = "A remediation ended as FAILED. What to do: docs/runbook/remediation-failed.md"
    alarm = {
        "AlarmName": "Sealpoint-test-RemediationFailed",
        "AlarmDescription": words,
        "StateValue": "ALARM",
    }
    for found, detail in (([], "none is in ALARM"), ([alarm], "in ALARM: RemediationFailed")):
        account.answers("cloudwatch", "describe_alarms", {"MetricAlarms": found}, **asked)
        result = {one.subject: one for one in aws.parts(account)}["Alarms"]
        assert result.detail == detail
        assert result.fix == (f"{words}." if found else "")


SWEEP = f"arn:aws:states:{HERE}:111122223333:stateMachine:sweep"
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


def _swept(
    monkeypatch: pytest.MonkeyPatch, *, status: str = "", hours: float = 0, rate: str = "rate(1 day)",
    state: str = "ENABLED",
) -> CheckResult:  # fmt: skip
    """What is found of a sweep that began so long ago, or, without a status, of a schedule as old as that."""
    monkeypatch.setattr(clock, "now", lambda: MONDAY)
    began = MONDAY - timedelta(hours=hours)
    account = Account({"SweepStateMachineArn": SWEEP, "SweepScheduleName": "sweep"})
    sweep = {
        "executionArn": SWEEP.replace("stateMachine", "execution") + ":1", "stateMachineArn": SWEEP,
        "name": "1", "status": status, "startDate": began,
    }  # fmt: skip
    asked: Any = {"stateMachineArn": SWEEP, "maxResults": 1}
    account.answers("stepfunctions", "list_executions", {"executions": [sweep] if status else []}, **asked)
    schedule = {"Name": "sweep", "State": state, "ScheduleExpression": rate, "CreationDate": began}
    account.answers("scheduler", "get_schedule", schedule, Name="sweep")
    return only(list(sweeps.latest(account)))


@pytest.mark.parametrize(
    ("status", "hours", "rate", "detail", "ok"),
    [
        ("SUCCEEDED", 5, "rate(1 day)", "completed, begun 5 h ago", True),
        ("RUNNING", 5, "rate(1 day)", "in progress, begun 5 h ago", True),
        ("FAILED", 5, "rate(1 day)", "FAILED, begun 5 h ago", False),
        ("ABORTED", 5, "rate(1 day)", "ABORTED, begun 5 h ago", False),
        ("SUCCEEDED", 53, "rate(1 day)", "completed, begun 2 d ago", True),
        ("SUCCEEDED", 55, "rate(1 day)", "begun 2 d ago, which is too long ago", False),
        ("SUCCEEDED", 55, "rate(7 days)", "completed, begun 2 d ago", True),
        ("SUCCEEDED", 20, "rate(6 hours)", "begun 20 h ago, which is too long ago", False),
        ("SUCCEEDED", 900, "cron(0 6 1 * ? *)", "completed, begun 37 d ago", True),  # it tells no interval
        ("", 5, "rate(1 day)", "there was none yet", True),
        ("", 55, "rate(1 day)", "there was none, although the schedule is old enough", False),
    ],
)
def test_a_sweep_is_as_it_should_be(
    status: str, hours: float, rate: str, detail: str, *, ok: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _swept(monkeypatch, status=status, hours=hours, rate=rate)
    assert (found.detail, found.ok) == (detail, ok)
    assert ok or f"start-execution --region {HERE} --state-machine-arn {SWEEP}" in found.fix


def test_a_paused_schedule_is_reported_by_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _swept(monkeypatch, status="SUCCEEDED", hours=900, state="DISABLED").ok


@pytest.mark.parametrize(("state", "ok"), [("ENABLED", True), ("DISABLED", False)])
def test_a_schedule_may_be_paused(state: str, *, ok: bool) -> None:
    account = Account({"SweepScheduleName": "sweep"})
    answer = {"Name": "sweep", "State": state, "ScheduleExpression": "rate(1 day)"}
    account.answers("scheduler", "get_schedule", answer, Name="sweep")
    found = only(list(sweeps.schedule(account)))
    assert found.ok is ok
    assert ("rate(1 day)" in found.detail) is ok


def test_without_a_schedule_that_is_said() -> None:
    found = only(list(sweeps.schedule(Account())))
    assert found.detail == "off, as `sweepSchedule` is empty: only events find endpoints"


def test_questions_that_are_overdue_or_that_nobody_can_see_are_named(keep: Keep) -> None:
    account = Deployment(REGION)
    for facts, subject in (
        ({"deadline": "2026-11-22T09:00:00Z", "ts": "1.1"}, "1 open past the deadline: late"),
        ({"createdAt": "2026-11-22T09:00:00Z", "deadline": "2999-01-01T00:00:00Z"}, "1 that nobody can see"),
    ):
        keep(1 if "ts" in facts else 2, "late" if "ts" in facts else "unseen", approval=facts)
        found = [one for one in aws.parts(account) if one.subject == "Open questions"]
        assert any(subject in one.detail for one in found)
        assert not any(one.ok for one in found)


def test_a_state_machine_on_its_way_out_is_not_fine() -> None:
    arn = f"arn:aws:states:{HERE}:111122223333:stateMachine:backout"
    account = Account({"BackoutStateMachineArn": arn})
    described = {
        "stateMachineArn": arn, "name": "backout", "definition": "{}", "roleArn": "arn:aws:iam::1:role/r",
        "type": "STANDARD", "creationDate": "2026-11-24T00:00:00Z", "status": "DELETING",
    }  # fmt: skip
    account.answers("stepfunctions", "describe_state_machine", described, stateMachineArn=arn)
    found = {result.subject: result for result in aws.parts(account)}["Backout workflow"]
    assert found.detail == "the state machine is DELETING"
    assert not found.ok


# -- what can't be checked


def test_a_check_that_breaks_is_reported_by_name_alone() -> None:
    def check() -> Any:
        yield CheckResult("one", "fine")
        raise ValueError("Invalid header value b'Bearer xoxb-secret\\n'")

    first, second = guarded("Slack", "", check())
    assert first.ok
    assert second == CheckResult("Slack", "can't be checked: ValueError", second.fix)
    assert second.fix


def test_each_reason_comes_with_what_to_do() -> None:
    unreachable = NotDeployed("AWS could not be asked")
    unreachable.__cause__ = EndpointConnectionError(endpoint_url="https://x")
    found = not_checked("Stack", "cloudformation", unreachable)
    assert found.detail.startswith("can't be checked: AWS could not be reached: ")
    assert found.fix.startswith("Fix what is named here")
    expired = ClientError({"Error": {"Code": "ExpiredToken", "Message": "x"}}, "DescribeRule")
    assert "The AWS session has expired. Sign in" in not_checked("Rules", "events", expired).detail
    old = not_checked("Rules", "events", NotDeployed("The stack has no output EventRuleNames"))
    assert old.detail == "The stack has no output EventRuleNames"
    assert old.fix.startswith("`make deploy`")
