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
from stacks.strict_yaml import parse
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


def problems(given: dict[str, Any], *, deploying: bool = False) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        Settings.of(given, deploying=deploying)
    for problem in raised.value.problems:
        assert problem in str(raised.value)
    return [*raised.value.problems]


def test_good_settings_are_read_as_they_are() -> None:
    settings = Settings.of(GOOD, deploying=True)
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


def test_the_examples_settings_can_be_synthesized_but_not_deployed(example: dict[str, Any]) -> None:
    assert Settings.of(example).decisions.default.channel == SAMPLE_CHANNEL
    channel, *approvers = problems(example, deploying=True)
    assert f"slackChannel: '{SAMPLE_CHANNEL}' is the example's" in channel
    assert [said.split("'")[1] for said in approvers] == [*SAMPLE_APPROVERS]


def test_one_sample_approver_among_real_ones_is_refused_too() -> None:
    (problem,) = problems({**GOOD, "approvers": ["U0123456789", SAMPLE_APPROVERS[0]]}, deploying=True)
    assert SAMPLE_APPROVERS[0] in problem


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("regions", [], "a list of one or more AWS regions"),
        ("regions", "us-east-1", "Write ['us-east-1'], which is a list."),
        ("regions", ["us-east-1", "us-east-1"], "each one once"),
        ("regions", ["Virginia"], "'Virginia'"),
        ("regions", [1], ": 1 is not"),
        ("regions", ["mars-north-1"], "'mars-north-1'"),
        ("regions", ["us-east-9"], "such as us-east-2, us-east-1"),
        ("regions", ["cn-north-2"], "such as cn-north-1"),
        ("namePrefix", "", "a letter, then letters"),
        ("namePrefix", "1st", "a letter, then letters"),
        ("namePrefix", "two--hyphens", "single hyphens"),
        ("namePrefix", "x" * 41, "at most 40"),
        ("namePrefix", None, "has no value"),
        ("alarmEmails", "oncall@example.com", "Write ['oncall@example.com'], which is a list."),
        ("alarmEmails", ["oncall"], "'oncall' is not"),
        ("functionArchitecture", "arm", "one of arm64, x86_64"),
        ("permissionsBoundary", "arn:aws:iam::123456789012:role/x", "an IAM managed policy"),
        ("permissionsBoundary", True, "Write 'true'"),
        ("permissionsBoundary", "arn:aws-cn:iam::123456789012:policy/x", "the ARN of one in aws, where"),
        ("tags", ["team"], "an object of tag names and values"),
        ("tags", {"aws:team": "x"}, "no aws: first"),
        ("tags", {"team": "a" * 257}, "256 in a value"),
        ("tags", {f"t{i}": "" for i in range(46)}, "at most 45"),
        ("slackChannel", "#sagemaker", "the Slack channel's id"),
        ("slackChannel", "", "the Slack channel's id"),
        ("slackChannel", 7, ": 7 is not"),
        ("approvers", [], "a list of one or more Slack ids of users and user groups"),
        ("approvers", ["ana@example.com"], "'ana@example.com'"),
        ("approvers", ["U0123456789,U0987654321"], "'U0123456789,U0987654321'"),
        ("approvers", ["U0123456789", "U0123456789"], "each one once"),
        ("approvers", None, "has no value"),
        ("approvalDeadlineHours", 0, "a whole number from 1 to 720"),
        ("approvalDeadlineHours", 721, "a whole number from 1 to 720"),
        ("approvalDeadlineHours", "24", "Write 24, without quotes"),
        ("approvalDeadlineHours", 1.5, ": 1.5 is not"),
        ("approvalDeadlineHours", True, ": true is not"),
        ("reminderHours", -1, "a whole number from 0 to 720"),
        ("approvalMode", "Auto", "one of required, automatic, observe. Did you mean 'automatic'?"),
        ("decideIn", "email", "one of slack, command-line"),
        ("forbidOwnApproval", "yes", "true or false"),
        ("breakGlass", None, "has no value"),
        ("twoApproversTag", ["critical"], "an object of tag names and values"),
        ("twoApproversTag", {"critical": True}, "true without quotes is not text. Write 'true'."),
        ("runbookUrl", "http://wiki", "an https:// address"),
        ("runbookUrl", "https://wiki|x", "an https:// address"),
        ("routes", {}, "a list of routes"),
        ("routes", ["clinical"], "a list of routes"),
        ("routes", [{"name": "all"}], "this one matches every endpoint"),
        ("routes", [{"name": "all"}], 'routes[0]: {"name": "all"} is not'),
        (
            "routes",
            [{"name": "x", "tags": {"a": "b"}, "slackChannel": None}],
            "routes[0].slackChannel has no value",
        ),
        ("routes", [{"tags": {"a": "b"}}], "routes[0].name is missing"),
        ("routes", [{"name": "default", "tags": {"a": "b"}}], "'default' is taken"),
        ("routes", [{"name": "x", "tags": {"a": "b"}, "approvers": []}], "routes[0].approvers: [] is not"),
        ("routes", [{"name": "x", "accounts": ["1"]}], "routes[0].accounts: '1' is not"),
        (
            "routes",
            [{"name": "x", "tags": {"a": 1}}],
            "routes[0].tags.a: 1 without quotes is not text. Write '1'.",
        ),
        ("kmsKeyArns", [], "an object of region to KMS key ARN"),
        ("kmsKeyArns", {"us-east-1": "alias/mine"}, "the ARN of a key in us-east-1"),
        ("kmsKeyArns", {"us-east-1": None}, "has no value"),
        ("kmsKeyArns", {"eu-central-1": KEY_ARN}, "the ARN of a key in eu-central-1"),
        ("kmsKeyArns", {"us-east-1": KEY_ARN.replace("aws", "aws-cn")}, "(arn:aws:kms:us-east-1:…:key/…"),
        ("kmsKeyArns", {"us-west-2": KEY_ARN}, "a region that is also in 'regions'"),
        ("requiredSurfaces", [], "one or more of instance-volume, core-dump"),
        ("requiredSurfaces", ["disk"], "'disk' is not"),
        ("requiredSurfaces", "instance-volume", "Write ['instance-volume'], which is a list."),
        ("encryptedBy", "some", "'any', 'customer-managed', or a list"),
        ("encryptedBy", [], ": [] is not"),
        ("encryptedBy", ["phi"], '["phi"] is not'),
        ("encryptedBy", [None], "[null] is not"),
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
        ("logRetentionDays", [], ": [] is not"),
        ("logRetentionDays", True, ": true is not"),
    ],
)
def test_a_bad_value_is_refused_by_key_value_and_what_is_allowed(key: str, value: Any, says: str) -> None:
    (problem,) = problems({**GOOD, "kmsKeyArns": {}, key: value})
    assert problem.startswith(key)
    assert "Use " in problem or "Write " in problem
    assert says in problem


@pytest.mark.parametrize("key", ["regions", "slackChannel", "approvers"])
def test_where_and_by_whom_has_to_be_said(key: str) -> None:
    without = {name: value for name, value in GOOD.items() if name != key}
    found = [problem for problem in problems(without) if problem.startswith(f"{key} is missing")]
    assert len(found) == 1


def test_the_example_shows_every_other_setting_with_its_default(example: dict[str, Any]) -> None:
    text = settings_page.EXAMPLE_FILE.read_text()
    assert text == settings_page.example_file(), "run `make docs`"
    uncommented = parse(re.sub(r"^#(?=\w)", "", text, flags=re.MULTILINE))
    assert uncommented == {**DEFAULTS, **example}
    assert Settings.of(uncommented) == Settings.of(example)


def test_one_deployment_is_in_one_partition() -> None:
    mixed = {**GOOD, "regions": ["us-east-1", "cn-north-1"]}
    assert Settings.of(mixed).regions == ("us-east-1", "cn-north-1")  # to look at, not to deploy
    (problem,) = problems(mixed, deploying=True)
    assert "regions of one partition" in problem


def test_an_unknown_setting_is_refused_with_the_nearest_known_one() -> None:
    (problem,) = problems({**GOOD, "approverz": ["U0123456789"]})
    assert problem == "approverz is not a setting. Did you mean 'approvers'?"


def test_all_problems_are_reported_at_once() -> None:
    assert len(problems({**GOOD, "approvers": [], "slackChannel": "x", "extra": 1})) == 3
    route = {"name": "x", "tags": {"a": "b"}, "slackChannel": SAMPLE_CHANNEL}
    bad = {
        "approvers": ["ana", "U0123456789", "U0123456789"], "routes": [{**route, "decideIn": "email"}, route],
        "kmsKeyArns": {"us-west-2": KEY_ARN, "us-east-1": "alias/mine"}, "digestAbove": 0,
    }  # fmt: skip
    found = [problem.split(":")[0] for problem in problems({**GOOD, **bad}, deploying=True)]
    assert sorted(found) == [
        "approvers", "approvers", "digestAbove", "kmsKeyArns.us-east-1", "kmsKeyArns.us-west-2",
        "routes[0].decideIn", "routes[0].slackChannel", "routes[1].name", "routes[1].slackChannel",
    ]  # fmt: skip


def test_the_page_lists_every_setting_with_its_default() -> None:
    page = settings_page.PAGE.read_text()
    assert settings_page.written(page) == page, "run `make docs`"
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", page, re.MULTILINE)
    assert {key: json.loads(default) for key, default in rows} == DEFAULTS


def test_the_schema_is_the_settings_and_every_field_says_what_it_is() -> None:
    assert settings_page.SCHEMA.read_text() == settings_page.schema_file(), "run `make docs`"
    route = json_schema()["$defs"]["Route"]["properties"]
    assert all(field["description"] for field in (*json_schema()["properties"].values(), *route.values()))


def test_an_editor_finds_the_schema_and_refuses_by_it(example: dict[str, Any]) -> None:
    # https://github.com/redhat-developer/yaml-language-server#using-inlined-schema
    first_line = settings_page.EXAMPLE_FILE.read_text().splitlines()[0]
    schema = json.loads((ROOT / first_line.removeprefix("# yaml-language-server: $schema=")).read_text())
    editor = jsonschema.Draft7Validator(schema)
    editor.check_schema(schema)
    route = {"name": "x", "tags": {"a": "b"}, "approvalMode": "observe"}
    for good in (example, {**GOOD, "routes": [route]}):
        editor.validate(good)
    for bad in (
        {"approverz": []}, {"slackChannel": "#x"}, {"approvers": []}, {"approvalMode": "auto"},
        {"digestAbove": 0},
        {"kmsKeyArns": {"us-east-1": "alias/mine"}}, {"encryptedBy": "some"}, {"routes": [{**route, "x": 1}]},
        {"routes": [{**route, "decideIn": "email"}]}, {"retireOldConfig": "yes"},
    ):  # fmt: skip
        assert not editor.is_valid({**GOOD, **bad}), bad
    assert not editor.is_valid({"regions": ["us-east-1"]})


def run_app(**context: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # our own interpreter on our own app
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_app_tells_a_user_without_a_stack_trace(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(json.dumps({**GOOD, "approvers": []}))
    finished = run_app(settingsFile=str(file))
    assert finished.returncode == 1
    assert "mine.yaml can't be used:\n  line 1: approvers: [] is not allowed" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_settings_in_cdk_jsons_context_are_refused() -> None:
    finished = run_app(sealpoint=GOOD)
    assert finished.returncode == 1
    assert "Move them to sealpoint.yaml" in finished.stderr


def test_a_key_of_another_region_does_not_count_in_this_one() -> None:
    settings = Settings.of(GOOD)
    assert json.loads(settings.for_functions())["encryptedBy"] == {
        "us-east-1": ["alias/phi", KEY_ARN], "eu-central-1": ["alias/phi"]
    }  # fmt: skip
    assert settings.keys_that_count("us-east-1") == ("alias/phi", KEY_ARN)
    assert settings.keys_that_count("eu-central-1") == ("alias/phi",)


def test_a_policy_as_sagemaker_takes_it_is_taken() -> None:
    assert Settings.of({**GOOD, "deploymentConfig": _CANARY}).deployment_config == _CANARY
    assert Settings.of({**GOOD, "deploymentConfig": {}}).deployment_config is None


def test_a_route_changes_what_it_names_and_keeps_the_rest() -> None:
    given = {
        "name": "clinical",
        "tags": {"data-class": "phi"},
        "approvers": ["S0123456789"],
        "reminderHours": 1,
    }
    special, default = Settings.of({**GOOD, "routes": [given]}).decisions.routes
    assert (special.name, special.approvers, special.reminder_hours) == ("clinical", ("S0123456789",), 1)
    assert (special.channel, special.deadline_hours, special.mode) == (default.channel, 48, "required")
    assert default.approvers == ("U0123456789", "W0123456789")


def test_a_setting_that_a_route_does_not_know_is_named() -> None:
    routes = [{"name": "x", "tags": {"a": "b"}, "aprovers": ["*"]}]
    (problem,) = problems({**GOOD, "routes": routes})
    assert problem == "routes[0].aprovers is not a setting. Did you mean 'approvers'?"


def test_two_routes_of_one_name_are_refused() -> None:
    route = {"name": "x", "tags": {"a": "b"}}
    (problem,) = problems({**GOOD, "routes": [route, route]})
    assert problem.startswith("routes[1].name: 'x' is not allowed")


def test_a_sample_in_a_route_is_refused_at_deployment() -> None:
    routes = [{"name": "x", "tags": {"a": "b"}, "slackChannel": SAMPLE_CHANNEL}]
    (problem,) = problems({**GOOD, "routes": routes}, deploying=True)
    assert SAMPLE_CHANNEL in problem


def test_the_command_line_takes_the_same_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no sealpoint.yaml here
    assert deployment.required_surfaces() == DEFAULTS["requiredSurfaces"]
    assert deployment.encrypted_by("us-east-1") == (DEFAULTS["encryptedBy"],)
