from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.doctor.aws import RULES
from stacks.lambda_asset import SETTINGS_FILE
from stacks.settings_decisions import SAMPLE_APPROVERS
from tests.assemblies import synthesized
from tests.infrastructure.conftest import GOV_KEY_ARN, Elsewhere
from tests.infrastructure.template import Template, strings


def test_the_outputs_are_those_that_others_hold_on_to(template: Template) -> None:
    outputs = template.outputs
    assert set(outputs) == {
        "RemediationStateMachineArn", "SlackInteractionsUrl", "RecordsTableName", "SlackTokenSecretArn",
        "SlackSigningSecretArn",
        "KmsKeyArn", "AlarmTopicArn", "BackoutStateMachineArn", "DecisionsUrl",
        "BackoutsUrl", "SlackChannels", "RetirementStateMachineArn", "RetirementScheduleGroupName",
        "OperationsKeyArn", "InteractionsLogGroupName", "EventRuleNames", "UndeliveredQueueUrl",
        "RestoreConfigRoleArn", "SweepStateMachineArn", "DigestStateMachineArn", "SweepScheduleName",
    }  # fmt: skip
    (api_id,) = template.resources("AWS::ApiGatewayV2::Api")
    assert outputs["SlackInteractionsUrl"] == (
        f"https://{api_id}.execute-api.us-east-1.amazonaws.com/slack/interactions"
    )
    assert [outputs["RecordsTableName"]] == list(template.resources("AWS::DynamoDB::Table"))
    secrets = {outputs["SlackTokenSecretArn"], outputs["SlackSigningSecretArn"]}
    assert secrets == set(template.resources("AWS::SecretsManager::Secret"))
    assert [outputs["UndeliveredQueueUrl"]] == list(template.resources("AWS::SQS::Queue"))
    rules = dict(rule.split("=") for rule in outputs["EventRuleNames"].split(","))
    assert set(rules.values()) == set(template.resources("AWS::Events::Rule"))
    assert rules.keys() == RULES.keys(), "doctor says what each is for"
    assert [outputs["SweepScheduleName"]] == list(template.resources("AWS::Scheduler::Schedule"))
    machines = template.resources("AWS::StepFunctions::StateMachine")
    for part in ("Remediation", "Backout", "Retirement", "Sweep", "Digest"):
        name = machines[outputs[f"{part}StateMachineArn"]]["Properties"]["StateMachineName"]
        assert name == f"Sealpoint-us-east-1-{part.lower()}"


# As far as each setting goes, all at once: whatever `make synth` accepts, CloudFormation accepts.
_LEFT = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
EXTREME: dict[str, Any] = {
    "namePrefix": "S" + "-p" * 19 + "1",
    "tags": {"t" * 128: "v" * 256, **{f"tag-number-{number:02d}": "v" * 20 for number in range(44)}},
    "alarmEmails": [f"{'a' * 60}{number}@example.com" for number in range(20)],
    "runbookUrl": f"https://example.com/{'r' * 200}/",
    "permissionsBoundary": f"arn:aws:iam::123456789012:policy/teams/{'b' * 128}",
    "adopt": {
        "us-east-1": {
            "recordsTable": "T" * 255,
            "slackTokenSecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack/token-a1B2c3",
            "slackSigningSecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:slack/sign-a1B2c3",
            "operationsKey": _LEFT,
        }
    },
    "kmsKeyArns": {"us-east-1": _LEFT},
    "encryptedBy": [f"alias/{'k' * 240}{number:02d}" for number in range(50)],
    "requiredSurfaces": ["instance-volume", "core-dump", "data-capture", "async-output"],
    "sweepSchedule": "cron(0-59/10 0-23/2 ? JAN-DEC SUN,3#2,6L 1970-2199)",
    "backoutDays": 90, "exemptDaysAfterBackout": 365, "recordRetentionYears": 30, "logRetentionDays": 3653,
    "functionMemoryMb": 10240, "functionArchitecture": "x86_64", "approvalDeadlineHours": 720,
    "reminderHours": 720, "concurrentUpdates": 50, "sweepQuotaShare": 5, "digestAbove": 100,
}  # fmt: skip


@pytest.fixture(scope="module")
def extreme(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = synthesized(tmp_path_factory.mktemp("extreme"), **EXTREME)
    return Template(folder / f"{EXTREME['namePrefix']}-us-east-1.template.json", "us-east-1")


def test_what_is_adopted_is_not_made_again(extreme: Template, template: Template) -> None:
    for kind in ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::KMS::Key"):
        assert template.resources(kind)
        assert not extreme.resources(kind)
    left = EXTREME["adopt"]["us-east-1"]
    assert extreme.outputs["RecordsTableName"] == left["recordsTable"]
    assert extreme.outputs["SlackTokenSecretArn"] == left["slackTokenSecret"]
    assert extreme.outputs["SlackSigningSecretArn"] == left["slackSigningSecret"]
    guard = extreme.only("AWS::SecretsManager::ResourcePolicy")
    assert guard["SecretId"] == left["slackSigningSecret"], "nobody else reads it, now as before"
    assert extreme.outputs["OperationsKeyArn"] == left["operationsKey"]
    groups = extreme.resources("AWS::Logs::LogGroup").values()
    assert {group["Properties"]["KmsKeyId"] for group in groups} == {left["operationsKey"]}


def test_cfn_lint_finds_nothing(assembly: Path, elsewhere: Elsewhere, extreme: Template) -> None:
    templates = [
        *assembly.glob("*.template.json"), *elsewhere.folder.glob("*.template.json"), extreme.path
    ]  # fmt: skip
    assert len(templates) == 4
    finished = subprocess.run(  # noqa: S603  # a pinned tool of this repository, on its own templates
        # W3005: CDK says in DependsOn what a reference says already
        [Path(sys.executable).with_name("cfn-lint"), "--ignore-checks", "W3005", "--", *map(str, templates)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_each_region_gets_a_stack_of_its_own_and_no_partition_is_assumed(elsewhere: Elsewhere) -> None:
    manifest = json.loads((elsewhere.folder / "manifest.json").read_text())
    stacks = {n: a for n, a in manifest["artifacts"].items() if a["type"] == "aws:cloudformation:stack"}
    assert {name: stack["environment"] for name, stack in stacks.items()} == {
        "Clinical-us-gov-west-1": "aws://unknown-account/us-gov-west-1",
        "Clinical-cn-north-1": "aws://unknown-account/cn-north-1",
    }
    for template in (elsewhere.gov, elsewhere.china):
        assert [text for text in strings(template.body) if "arn:aws:" in text] == []
        assert [text for text in strings(template.body) if "us-east-1" in text] == []
    assert elsewhere.china.outputs["SlackInteractionsUrl"].endswith(".amazonaws.com.cn/slack/interactions")


def test_no_partition_or_account_is_in_the_sample_template_either(template: Template) -> None:
    assert [text for text in strings(template.body) if "arn:aws:" in text] == []


# -- what must not be lost; `test_upgrade` has what an upgrade must keep


def test_the_records_table_is_durable(template: Template) -> None:
    table = template.only("AWS::DynamoDB::Table")
    assert table["DeletionProtectionEnabled"] is True
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}


def test_slacks_secrets_show_their_shapes_and_hold_nothing(template: Template) -> None:
    secrets = template.resources("AWS::SecretsManager::Secret")
    shapes = {name: json.loads(secret["Properties"]["SecretString"]) for name, secret in secrets.items()}
    assert shapes == {
        template.outputs["SlackTokenSecretArn"]: {"bot_token": ""},
        template.outputs["SlackSigningSecretArn"]: {"signing_secret": ""},
    }


def test_the_signing_secret_is_read_by_nobody_but_the_function_that_takes_clicks(template: Template) -> None:
    """Whoever has it can forge any approver's click from the internet."""
    policy = template.only("AWS::SecretsManager::ResourcePolicy")
    assert policy["SecretId"] == template.outputs["SlackSigningSecretArn"]
    [statement] = policy["ResourcePolicy"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", {"AWS": "*"})
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    role = template.functions()["slack_interactions"]["Role"]
    assert statement["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": role}}


def own_key(template: Template) -> dict[str, Any]:
    return template.resources("AWS::KMS::Key")[template.outputs["KmsKeyArn"].removesuffix(".Arn")]


def test_our_own_key_rotates(template: Template) -> None:
    assert own_key(template)["Properties"]["EnableKeyRotation"] is True


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1"])
def test_our_own_key_lets_execution_roles_in_through_s3_and_sagemaker_of_this_account(
    template: Template, elsewhere: Elsewhere, region: str
) -> None:
    stack = template if region == "us-east-1" else elsewhere.china
    # in all partitions: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    suffix = f"{region}.amazonaws.com"
    account, results, grants, by_roles = own_key(stack)["Properties"]["KeyPolicy"]["Statement"]
    assert account["Principal"] == {"AWS": f"arn:{stack.partition}:iam::123456789012:root"}
    assert set(results["Action"]) == {"kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"}
    assert results["Condition"] == {
        "StringEquals": {
            "kms:CallerAccount": "123456789012",
            "kms:ViaService": [f"s3.{suffix}", f"sagemaker.{suffix}"],
        }
    }
    assert grants["Action"] == "kms:CreateGrant"
    assert grants["Condition"]["StringEquals"]["kms:CallerAccount"] == "123456789012"
    assert grants["Condition"]["StringEquals"]["kms:ViaService"] in (
        f"sagemaker.{suffix}", [f"sagemaker.{suffix}"],
    )  # fmt: skip
    assert by_roles["Action"] == "kms:CreateGrant"
    assert by_roles["Condition"] == {
        "StringEquals": {"kms:CallerAccount": "123456789012"},
        "Null": {"kms:ViaService": "true"},
        "Bool": {"kms:GrantIsForAWSResource": "true"},
    }


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1"])
def test_whoever_writes_or_reads_logs_may_use_their_key(
    template: Template, elsewhere: Elsewhere, region: str
) -> None:
    stack = template if region == "us-east-1" else elsewhere.china
    statements = stack.resources("AWS::KMS::Key")["OperationsKeyD0717C64"]["Properties"]["KeyPolicy"][
        "Statement"
    ]
    by_service, by_account = (
        next(one for one in statements if one.get("Sid") == sid)
        for sid in ("LogsAreWrittenAndRead", "AccountWritesAndReadsLogs")
    )
    assert by_account["Principal"] == {"AWS": "*"}
    assert by_account["Action"] == by_service["Action"]
    groups = f"arn:{stack.partition}:logs:{region}:123456789012:log-group:*"
    assert by_account["Condition"] == {
        "StringEquals": {
            "kms:CallerAccount": "123456789012",
            "kms:ViaService": f"logs.{region}.amazonaws.com",
        },
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups},
    }


def test_a_first_create_that_fails_leaves_no_key_and_no_secret(template: Template) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html

    The table stays: its deletion protection would let the rollback fail.
    """
    policies = {
        kind: {resource["DeletionPolicy"] for resource in template.resources(kind).values()}
        for kind in ("AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::DynamoDB::Table")
    }
    assert policies == {
        "AWS::KMS::Key": {"RetainExceptOnCreate"},
        "AWS::SecretsManager::Secret": {"RetainExceptOnCreate"},
        "AWS::DynamoDB::Table": {"Retain"},
    }


def test_schedules_may_only_start_retirements_and_only_in_their_group(template: Template) -> None:
    [(name, role)] = (
        (name, role)
        for name, role in template.resources("AWS::IAM::Role").items()
        if name.startswith("Retirements")
    )
    [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    [group] = template.resources("AWS::Scheduler::ScheduleGroup")
    assert trust["Condition"]["StringEquals"]["aws:SourceArn"].endswith(f":schedule-group/{group}")
    assert [statement["Action"] for statement in template.statements_of(name)] == [
        ["states:StartExecution"], ["sqs:SendMessage"],
    ]  # fmt: skip


@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
def test_via_service_has_one_suffix_in_every_partition(
    template: Template, elsewhere: Elsewhere, partition: str
) -> None:
    stack = {"aws": template, "aws-us-gov": elsewhere.gov, "aws-cn": elsewhere.china}[partition]
    values = {
        value
        for kind in ("AWS::KMS::Key", "AWS::IAM::Policy")
        for resource in stack.resources(kind).values()
        for value in via_services(resource)
    }
    assert values >= {f"{one}.{stack.region}.amazonaws.com" for one in ("sagemaker", "secretsmanager")}
    assert all(re.fullmatch(rf"[a-z0-9]+\.{stack.region}\.amazonaws\.com", one) for one in values), values


def via_services(value: Any) -> Iterator[str]:
    """Every value that a statement's conditions compare `kms:ViaService` with."""
    if isinstance(value, list):
        yield from (found for member in value for found in via_services(member))
    elif isinstance(value, dict):
        for operator, member in value.items():
            if operator.startswith("String") and "kms:ViaService" in member:
                yield from strings(member["kms:ViaService"])
            yield from via_services(member)


def test_a_users_key_is_taken_as_it_is(elsewhere: Elsewhere) -> None:
    assert elsewhere.gov.outputs["KmsKeyArn"] == GOV_KEY_ARN
    assert elsewhere.gov.resources("AWS::KMS::Alias") == {}
    descriptions = {k["Properties"]["Description"] for k in elsewhere.gov.resources("AWS::KMS::Key").values()}
    assert descriptions == {"The logs, alarm notifications and Slack credentials of Clinical-us-gov-west-1"}


# -- Slack's way in


# what verifies a request: the function itself, by Slack's signature; or API Gateway, by AWS's
_ROUTES = {
    "/slack/interactions": ("slack_interactions", "NONE"),
    "/decisions": ("decisions", "AWS_IAM"),
    "/backouts": ("decisions", "AWS_IAM"),
}


@pytest.mark.parametrize("path", _ROUTES)
def test_each_route_leads_to_its_functions_alias(template: Template, path: str) -> None:
    routes = {r["Properties"]["RouteKey"]: r["Properties"] for r in _all(template, "ApiGatewayV2::Route")}
    assert set(routes) == {f"POST {one}" for one in _ROUTES}
    route, (handler, authorization) = routes[f"POST {path}"], _ROUTES[path]
    assert route["AuthorizationType"] == authorization
    target = route["Target"].removeprefix("integrations/")
    integration = template.resources("AWS::ApiGatewayV2::Integration")[target]["Properties"]
    assert integration["PayloadFormatVersion"] == "2.0"
    alias = template.resources("AWS::Lambda::Alias")[integration["IntegrationUri"]]["Properties"]
    function = template.resources("AWS::Lambda::Function")[alias["FunctionName"]]["Properties"]
    assert function["Handler"] == f"lambdas.handlers.{handler}.handler"
    permissions = [p["Properties"] for p in _all(template, "Lambda::Permission")]
    of_function = [p for p in permissions if p["FunctionName"] == integration["IntegrationUri"]]
    assert {permission["Principal"] for permission in of_function} == {"apigateway.amazonaws.com"}
    own_routes = [one for one, (name, _) in _ROUTES.items() if name == handler]
    allowed = sorted(permission["SourceArn"].split("/*/*")[1] for permission in of_function)
    assert allowed == sorted(own_routes)


def _all(template: Template, resource_type: str) -> list[dict[str, Any]]:
    return [*template.resources(f"AWS::{resource_type}").values()]


def test_each_route_of_the_api_is_throttled_for_itself(template: Template) -> None:
    """A flood of forged clicks must leave room for decisions on the command line."""
    [stage] = (
        one for one in template.body["Resources"].values() if one["Type"] == "AWS::ApiGatewayV2::Stage"
    )
    routes = template.resources("AWS::ApiGatewayV2::Route")
    limits = stage["Properties"]["RouteSettings"]
    assert limits.keys() == {route["Properties"]["RouteKey"] for route in routes.values()}
    assert all(0 < one["ThrottlingRateLimit"] <= 50 for one in limits.values())
    assert all(0 < one["ThrottlingBurstLimit"] <= 100 for one in limits.values())
    assert set(routes) <= set(stage["DependsOn"]), "else API Gateway doesn't find them yet"


def test_the_api_logs_who_asked_but_not_what(template: Template) -> None:
    stage = template.only("AWS::ApiGatewayV2::Stage")
    assert stage["StageName"] == "$default"
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    assert {"$context.requestId", "$context.identity.sourceIp", "$context.status"} <= set(logged.values())
    assert all(value.startswith("$context.") for value in logged.values())
    group = stage["AccessLogSettings"]["DestinationArn"].rpartition(":log-group:")[2]
    assert template.resources("AWS::Logs::LogGroup")[group]["Properties"]["RetentionInDays"] == 365


def test_approvers_are_in_the_functions_settings_and_nowhere_else(template: Template, asset: Path) -> None:
    assert SAMPLE_APPROVERS[0] not in str(template.body)
    mentioning = {path.name for path in asset.rglob("*") if SAMPLE_APPROVERS[0] in _text(path)}
    assert mentioning == {SETTINGS_FILE}


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace") if path.is_file() else ""
