from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ops import deployment
from stacks.settings import DEFAULTS, Settings, SettingsError, json_schema
from stacks.settings_decisions import SAMPLE_APPROVERS, SAMPLE_CHANNEL
from tests.infrastructure import settings_page
from tests.infrastructure.conftest import ROOT

KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"
GOOD: dict[str, Any] = {
    "regions": ["us-east-1", "eu-central-1"],
    "namePrefix": "Clinical-Sealpoint",
    "slackChannel": "C0123456789",
    "approvers": ["U0123456789", "W0123456789"],
    "approvalDeadlineHours": 48,
    "reminderHours": 8,
    "approvalMode": "required",
    "decideIn": "slack",
    "forbidOwnApproval": True,
    "breakGlass": False,
    "twoApproversTag": {},
    "routes": [],
    "runbookUrl": "",
    "kmsKeyArns": {"us-east-1": KEY_ARN},
    "requiredSurfaces": ["instance-volume", "data-capture"],
    "encryptedBy": ["alias/phi", KEY_ARN],
    "deploymentConfig": {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 10},
            "WaitIntervalInSeconds": 300,
        }
    },
    "backoutDays": 7,
    "concurrentUpdates": 7,
    "sweepSchedule": "cron(0 6 ? * MON-FRI *)",
    "sweepQuotaShare": 25,
    "digestAbove": 3,
    "exemptDaysAfterBackout": 10,
    "retireOldConfig": False,
    "recordRetentionYears": 10,
    "alarmEmails": ["oncall@example.com"],
    "logRetentionDays": 30,
    "functionMemoryMb": 2048,
    "functionArchitecture": "x86_64",
    "permissionsBoundary": "developer-boundary",
    "tags": {"cost-center": "ml platform"},
}

_ROLLING = GOOD["deploymentConfig"]["RollingUpdatePolicy"]
_CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    }
}


def problems(context: Any, deploying: Any = None) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        Settings.from_context(context, deploying)
    for problem in raised.value.problems:
        assert problem in str(raised.value)
    return raised.value.problems


def test_good_settings_are_read_as_they_are() -> None:
    settings = Settings.from_context(GOOD, "true")
    assert settings.regions == ("us-east-1", "eu-central-1")
    assert settings.decisions.default.channel == "C0123456789"
    assert settings.decisions.default.approvers == ("U0123456789", "W0123456789")
    assert settings.decisions.default.deadline_hours == 48
    assert settings.kms_key_arns == {"us-east-1": KEY_ARN}
    assert settings.required_surfaces == ("instance-volume", "data-capture")
    assert settings.encrypted_by == ("alias/phi", KEY_ARN)
    assert settings.deployment_config == GOOD["deploymentConfig"]
    assert settings.concurrent_updates == 7
    assert settings.sweep_schedule == "cron(0 6 ? * MON-FRI *)"
    assert (settings.sweep_quota_share, settings.digest_above) == (25, 3)
    assert (settings.backout_days, settings.exempt_days_after_backout) == (7, 10)
    assert settings.retire_old_config is False
    assert settings.record_retention_years == 10
    assert settings.function_memory_mb == 2048
    assert settings.log_retention_days == 30
    assert settings.name_prefix == "Clinical-Sealpoint"
    assert settings.alarm_emails == ("oncall@example.com",)
    assert settings.function_architecture == "x86_64"
    assert settings.permissions_boundary == "developer-boundary"
    assert settings.tags == {"cost-center": "ml platform"}


def test_the_settings_in_cdk_json_can_be_synthesized_but_not_deployed(context: dict[str, Any]) -> None:
    assert Settings.from_context(context["sealpoint"]).decisions.default.channel == SAMPLE_CHANNEL
    channel, approvers = problems(context["sealpoint"], "true")
    assert "'slackChannel'" in channel
    assert SAMPLE_CHANNEL in channel
    assert "'approvers'" in approvers
    assert all(sample in approvers for sample in SAMPLE_APPROVERS)


def test_one_sample_approver_among_real_ones_is_refused_too() -> None:
    (problem,) = problems({**GOOD, "approvers": ["U0123456789", SAMPLE_APPROVERS[0]]}, "true")
    assert SAMPLE_APPROVERS[0] in problem


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("regions", [], "a list of one or more AWS regions"),
        ("regions", "us-east-1", "a list of one or more AWS regions"),
        ("regions", ["us-east-1", "us-east-1"], "each once"),
        ("regions", ["Virginia"], "'Virginia'"),
        ("regions", [1], "is 1"),
        ("regions", ["mars-north-1"], "'mars-north-1'"),
        ("regions", ["us-east-9"], "such as us-east-2, us-east-1"),
        ("regions", ["cn-north-2"], "such as cn-north-1"),
        ("namePrefix", "", "a letter, then letters"),
        ("namePrefix", "1st", "a letter, then letters"),
        ("namePrefix", "two--hyphens", "single hyphens"),
        ("namePrefix", "x" * 41, "at most 40"),
        ("namePrefix", None, "is None"),
        ("alarmEmails", "oncall@example.com", "a list of any number of email addresses"),
        ("alarmEmails", ["oncall"], "is 'oncall'"),
        ("functionArchitecture", "arm", "one of arm64, x86_64"),
        ("permissionsBoundary", "arn:aws:iam::123456789012:role/x", "an IAM managed policy"),
        ("permissionsBoundary", True, "is True"),
        ("permissionsBoundary", "arn:aws-cn:iam::123456789012:policy/x", "the ARN of one in aws, where"),
        ("tags", ["team"], "an object of tag names and values"),
        ("tags", {"aws:team": "x"}, "no aws: first"),
        ("tags", {"team": "a" * 257}, "256 in a value"),
        ("tags", {f"t{i}": "" for i in range(46)}, "at most 45"),
        ("slackChannel", "#sagemaker", "the Slack channel's id"),
        ("slackChannel", "", "the Slack channel's id"),
        ("slackChannel", 7, "is 7"),
        ("approvers", [], "a list of one or more Slack ids of users and user groups"),
        ("approvers", ["ana@example.com"], "'ana@example.com'"),
        ("approvers", ["U0123456789,U0987654321"], "'U0123456789,U0987654321'"),
        ("approvers", ["U0123456789", "U0123456789"], "each once"),
        ("approvers", None, "is None"),
        ("approvalDeadlineHours", 0, "a whole number from 1 to 720"),
        ("approvalDeadlineHours", 721, "a whole number from 1 to 720"),
        ("approvalDeadlineHours", "24", "is '24'"),
        ("approvalDeadlineHours", 1.5, "is 1.5"),
        ("approvalDeadlineHours", True, "is True"),
        ("reminderHours", -1, "a whole number from 0 to 720"),
        ("approvalMode", "auto", "one of required, automatic, observe"),
        ("decideIn", "email", "one of slack, command-line"),
        ("forbidOwnApproval", "yes", "true or false"),
        ("breakGlass", None, "is None"),
        ("twoApproversTag", ["critical"], "an object of tag names and values"),
        ("twoApproversTag", {"critical": True}, "an object of tag names and values"),
        ("runbookUrl", "http://wiki", "an https:// address"),
        ("runbookUrl", "https://wiki|x", "an https:// address"),
        ("routes", {}, "a list of routes"),
        ("routes", ["clinical"], "a list of routes"),
        ("routes", [{"name": "all"}], "this one matches every endpoint"),
        ("routes", [{"name": "all"}], "'routes[0]' is {'name': 'all'}"),
        (
            "routes",
            [{"name": "x", "tags": {"a": "b"}, "slackChannel": None}],
            "'routes[0].slackChannel' is None",
        ),
        ("routes", [{"tags": {"a": "b"}}], "'routes[0].name' is missing"),
        ("routes", [{"name": "default", "tags": {"a": "b"}}], "none is 'default'"),
        ("routes", [{"name": "x", "tags": {"a": "b"}, "approvers": []}], "'routes[0].approvers' is []"),
        ("routes", [{"name": "x", "accounts": ["1"]}], "'routes[0].accounts' is '1'"),
        ("routes", [{"name": "x", "tags": {"a": 1}}], "'routes[0].tags'"),
        ("kmsKeyArns", [], "an object of region to KMS key ARN"),
        ("kmsKeyArns", {"us-east-1": "alias/mine"}, "the ARN of a key in us-east-1"),
        ("kmsKeyArns", {"us-east-1": None}, "is None"),
        ("kmsKeyArns", {"eu-central-1": KEY_ARN}, "the ARN of a key in eu-central-1"),
        ("kmsKeyArns", {"us-east-1": KEY_ARN.replace("aws", "aws-cn")}, "(arn:aws:kms:us-east-1:…:key/…"),
        ("kmsKeyArns", {"us-west-2": KEY_ARN}, "a region that is also in 'regions'"),
        ("requiredSurfaces", [], "one or more of instance-volume, core-dump"),
        ("requiredSurfaces", ["disk"], "is ['disk']"),
        ("requiredSurfaces", "instance-volume", "is 'instance-volume'"),
        ("encryptedBy", "some", "'any', 'customer-managed', or a list"),
        ("encryptedBy", [], "is []"),
        ("encryptedBy", ["phi"], "is ['phi']"),
        ("encryptedBy", [None], "is [None]"),
        ("encryptedBy", [KEY_ARN.replace("us-east-1", "us-west-2")], "those of keys in 'regions'"),
        ("encryptedBy", [KEY_ARN.replace("aws", "aws-cn")], "those of keys in 'regions'"),
        ("deploymentConfig", None, "Invalid type"),
        ("deploymentConfig", {"AutoRollbackConfiguration": {}}, "one of BlueGreenUpdatePolicy and"),
        ("deploymentConfig", {"BlueGreenUpdatePolicy": {}}, "TrafficRoutingConfiguration"),
        ("deploymentConfig", {**_CANARY, "RollingUpdatePolicy": _ROLLING}, "one of"),
        ("deploymentConfig", {"RollingUpdatePolicy": {**_ROLLING, "Batch": 1}}, "Batch"),
        (
            "deploymentConfig",
            {"RollingUpdatePolicy": {**_ROLLING, "MaximumBatchSize": {"Type": "SOME", "Value": 1}}},
            "must be one of INSTANCE_COUNT, CAPACITY_PERCENT",
        ),
        ("backoutDays", 91, "a whole number from 0 to 90"),
        ("exemptDaysAfterBackout", 0, "a whole number from 1 to 365"),
        ("concurrentUpdates", 51, "a whole number from 1 to 50"),
        ("sweepSchedule", "daily", "'rate(1 day)' (hours or days)"),
        ("sweepSchedule", "rate(5 minutes)", "'rate(1 day)' (hours or days)"),
        ("sweepSchedule", "rate(1 days)", "'rate(1 day)' (hours or days)"),
        ("sweepSchedule", "cron(0 6 * *)", "'cron(0 6 * * ? *)' (in UTC)"),
        ("sweepQuotaShare", 4, "a whole number from 5 to 100"),
        ("digestAbove", 0, "a whole number from 1 to 100"),
        ("retireOldConfig", "yes", "true or false"),
        ("recordRetentionYears", 0, "a whole number from 1 to 30"),
        ("functionMemoryMb", 128, "a whole number from 512 to 10240"),
        ("functionMemoryMb", 20000, "a whole number from 512 to 10240"),
        ("logRetentionDays", 31, "30"),
        ("logRetentionDays", [], "is []"),
        ("logRetentionDays", True, "is True"),
    ],
)
def test_a_bad_value_is_refused_by_key_value_and_what_is_allowed(key: str, value: Any, says: str) -> None:
    (problem,) = problems({**GOOD, "kmsKeyArns": {}, key: value})
    assert problem.startswith(f"'{key}")
    assert "allowed is" in problem
    assert says in problem


@pytest.mark.parametrize("key", ["regions", "slackChannel", "approvers"])
def test_where_and_by_whom_has_to_be_said(key: str) -> None:
    without = {name: value for name, value in GOOD.items() if name != key}
    found = [problem for problem in problems(without) if problem.startswith(f"'{key}'")]
    assert len(found) == 1
    assert "is missing" in found[0]


def test_everything_else_has_the_default_that_cdk_json_shows(context: dict[str, Any]) -> None:
    shown = context["sealpoint"]
    said = {key: shown[key] for key in ("regions", "slackChannel", "approvers")}
    assert {**said, **DEFAULTS} == shown
    assert Settings.from_context(said) == Settings.from_context(shown)


def test_one_deployment_is_in_one_partition() -> None:
    mixed = {**GOOD, "regions": ["us-east-1", "cn-north-1"]}
    assert Settings.from_context(mixed).regions == ("us-east-1", "cn-north-1")  # to look at, not to deploy
    (problem,) = problems(mixed, "true")
    assert "regions of one partition" in problem


def test_an_unknown_setting_is_refused_with_the_nearest_known_one() -> None:
    (problem,) = problems({**GOOD, "approverz": ["U0123456789"]})
    assert "'approverz' is no setting. Did you mean 'approvers'?" in problem


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({**GOOD, "approvers": [], "slackChannel": "x", "extra": 1})) == 3
    route = {"name": "x", "tags": {"a": "b"}, "slackChannel": SAMPLE_CHANNEL}
    bad = {
        "approvers": ["ana", "U0123456789", "U0123456789"], "routes": [{**route, "decideIn": "email"}, route],
        "kmsKeyArns": {"us-west-2": KEY_ARN, "us-east-1": "alias/mine"}, "digestAbove": 0,
    }  # fmt: skip
    found = [problem.split("'")[1] for problem in problems({**GOOD, **bad}, "true")]
    assert sorted(found) == [
        "approvers", "approvers", "digestAbove", "kmsKeyArns.us-east-1", "kmsKeyArns.us-west-2",
        "routes", "routes[0].decideIn", "slackChannel",
    ]  # fmt: skip


@pytest.mark.parametrize("context", [None, "text", ["list"]])
def test_settings_that_are_no_object_are_refused(context: Any) -> None:
    (problem,) = problems(context)
    assert "'sealpoint' must be an object" in problem


def test_the_page_lists_every_setting_with_its_default(context: dict[str, Any]) -> None:
    page = settings_page.PAGE.read_text()
    assert settings_page.written(page, context["sealpoint"]) == page, "run `make docs`"
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", page, re.MULTILINE)
    assert {key: json.loads(default) for key, default in rows} == context["sealpoint"]


def test_the_schema_is_the_settings_and_every_field_says_what_it_is() -> None:
    assert settings_page.SCHEMA.read_text() == settings_page.schema_file(), "run `make docs`"
    route = json_schema()["$defs"]["Route"]["properties"]
    assert all(field["description"] for field in (*json_schema()["properties"].values(), *route.values()))


def test_an_editor_finds_the_schema_and_refuses_by_it(context: dict[str, Any]) -> None:
    cdk_json = json.loads((ROOT / "cdk.json").read_text())
    schema = json.loads((ROOT / cdk_json["$schema"]).read_text())
    editor = jsonschema.Draft7Validator(schema)
    editor.check_schema(schema)
    route = {"name": "x", "tags": {"a": "b"}, "approvalMode": "observe"}
    for good in (context["sealpoint"], {**GOOD, "routes": [route]}):
        editor.validate({**cdk_json, "context": {**context, "sealpoint": good}})
    for bad in (
        {"approverz": []}, {"slackChannel": "#x"}, {"approvers": []}, {"approvalMode": "auto"},
        {"digestAbove": 0},
        {"kmsKeyArns": {"us-east-1": "alias/mine"}}, {"encryptedBy": "some"}, {"routes": [{**route, "x": 1}]},
        {"routes": [{**route, "decideIn": "email"}]}, {"retireOldConfig": "yes"},
    ):  # fmt: skip
        assert not editor.is_valid({"context": {"sealpoint": {**GOOD, **bad}}}), bad
    assert not editor.is_valid({"context": {"sealpoint": {"regions": ["us-east-1"]}}})


def test_the_app_tells_a_user_without_a_stack_trace() -> None:
    finished = subprocess.run(  # our own interpreter on our own app
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps({"sealpoint": {**GOOD, "approvers": []}})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "'approvers' is []" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_key_of_another_region_does_not_count_in_this_one() -> None:
    settings = Settings.from_context(GOOD)
    assert json.loads(settings.for_functions())["encryptedBy"] == {
        "us-east-1": ["alias/phi", KEY_ARN], "eu-central-1": ["alias/phi"]
    }  # fmt: skip
    assert settings.keys_that_count("us-east-1") == ("alias/phi", KEY_ARN)
    assert settings.keys_that_count("eu-central-1") == ("alias/phi",)


def test_a_policy_as_sagemaker_takes_it_is_taken() -> None:
    assert Settings.from_context({**GOOD, "deploymentConfig": _CANARY}).deployment_config == _CANARY
    assert Settings.from_context({**GOOD, "deploymentConfig": {}}).deployment_config is None


def test_a_route_changes_what_it_names_and_keeps_the_rest() -> None:
    given = {
        "name": "clinical",
        "tags": {"data-class": "phi"},
        "approvers": ["S0123456789"],
        "reminderHours": 1,
    }
    special, default = Settings.from_context({**GOOD, "routes": [given]}).decisions.routes
    assert (special.name, special.approvers, special.reminder_hours) == ("clinical", ("S0123456789",), 1)
    assert (special.channel, special.deadline_hours, special.mode) == (default.channel, 48, "required")
    assert default.approvers == ("U0123456789", "W0123456789")


def test_a_setting_that_a_route_does_not_know_is_named() -> None:
    routes = [{"name": "x", "tags": {"a": "b"}, "aprovers": ["*"]}]
    (problem,) = problems({**GOOD, "routes": routes})
    assert "'routes[0].aprovers' is no setting. Did you mean 'approvers'?" in problem


def test_two_routes_of_one_name_are_refused() -> None:
    route = {"name": "x", "tags": {"a": "b"}}
    (problem,) = problems({**GOOD, "routes": [route, route]})
    assert "'routes' is 'x'" in problem


def test_a_sample_in_a_route_is_refused_at_deployment() -> None:
    routes = [{"name": "x", "tags": {"a": "b"}, "slackChannel": SAMPLE_CHANNEL}]
    (problem,) = problems({**GOOD, "routes": routes}, "true")
    assert SAMPLE_CHANNEL in problem


def test_the_command_line_takes_the_same_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no cdk.json here
    assert deployment.required_surfaces() == DEFAULTS["requiredSurfaces"]
    assert deployment.encrypted_by("us-east-1") == (DEFAULTS["encryptedBy"],)
