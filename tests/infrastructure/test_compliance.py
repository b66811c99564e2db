"""What a security review asks of the template: cdk-nag's rules and their exceptions, keys, bounds, tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import app
from stacks import (
    approvals_api,
    encryption_key,
    lambda_function,
    operations_key,
    records,
    retirements,
    slack_secrets,
    sweep_schedule,
    trigger,
    undelivered,
    workflow,
)
from stacks.settings import Settings
from tests.infrastructure.conftest import Elsewhere
from tests.infrastructure.template import Template

_SPEAKING = (
    approvals_api, encryption_key, lambda_function, operations_key, records, slack_secrets, undelivered,
)  # fmt: skip
_SPEAKING_OF_POLICIES = (lambda_function, retirements, sweep_schedule, trigger, workflow)


def _say_nothing(*_: object, **__: object) -> None: ...


def reasons(template: Template) -> dict[str, dict[str, str]]:
    """For each resource, the rules that it does not follow and why, as the template carries them."""
    return {
        logical_id: {rule["id"]: rule["reason"] for rule in noted["rules_to_suppress"]}
        for logical_id, resource in template.body["Resources"].items()
        if (noted := resource.get("Metadata", {}).get("cdk_nag"))
    }


def test_the_rules_of_three_packs_are_judged_at_synthesis_and_none_is_broken_without_a_reason(
    assembly: Path, elsewhere: Elsewhere
) -> None:
    # synthesis fails on a finding: that these assemblies are there says that none is left
    for folder in (assembly, elsewhere.folder):
        report = json.loads((folder / "validation-report.json").read_text())
        assert [plugin["violations"] for plugin in report["pluginReports"] if plugin["violations"]] == []


def test_a_finding_without_a_reason_fails_the_synthesis_and_every_reason_is_needed(
    context: dict[str, Any], example: dict[str, Any], template: Template, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in _SPEAKING:
            patch.setattr(module, "acknowledge", _say_nothing)
        for module in _SPEAKING_OF_POLICIES:
            patch.setattr(module, "acknowledge_policy", _say_nothing)
        with pytest.raises(RuntimeError, match="ValidationFailed"):
            app.build(outdir=str(tmp_path), context=context, settings=Settings.of(example)).synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    metadata = json.loads((tmp_path / "Sealpoint-us-east-1.metadata.json").read_text())
    ids = {
        path.removeprefix("/"): entry["data"]
        for path, entries in metadata.items()
        for entry in entries
        if entry["type"] == "aws:cdk:logicalId"
    }
    found = {
        (ids[construct["constructPath"]], violation["ruleName"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }
    given = {(logical_id, rule) for logical_id, rules in reasons(template).items() for rule in rules}
    assert given == found


def test_reasons_are_sentences(template: Template) -> None:
    for rules in reasons(template).values():
        assert all(len(reason) > 25 and reason.endswith(".") for reason in rules.values())


# -- what Sealpoint itself keeps


def test_logs_and_credentials_and_alarms_are_under_a_key_of_their_own(template: Template) -> None:
    secrets = template.resources("AWS::SecretsManager::Secret").values()
    (operations,) = {secret["Properties"]["KmsKeyId"] for secret in secrets}
    assert operations != template.outputs["KmsKeyArn"]
    groups = template.resources("AWS::Logs::LogGroup").values()
    assert {group["Properties"]["KmsKeyId"] for group in groups} == {operations}
    assert template.only("AWS::SNS::Topic")["KmsMasterKeyId"] == operations


def test_a_log_service_may_use_the_key_for_this_accounts_log_groups(
    template: Template, elsewhere: Elsewhere
) -> None:
    for stack, suffix in ((template, "amazonaws.com"), (elsewhere.china, "amazonaws.com.cn")):
        key = stack.resources("AWS::KMS::Key")[
            stack.only("AWS::SNS::Topic")["KmsMasterKeyId"].removesuffix(".Arn")
        ]
        assert key["DeletionPolicy"] == "RetainExceptOnCreate"
        assert key["Properties"]["EnableKeyRotation"] is True
        (statement,) = [
            s for s in key["Properties"]["KeyPolicy"]["Statement"] if s.get("Sid") == "LogsAreWrittenAndRead"
        ]
        assert statement["Principal"] == {"Service": f"logs.{stack.region}.{suffix}"}
        groups = f"arn:{stack.partition}:logs:{stack.region}:123456789012:log-group:*"
        assert statement["Condition"] == {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}}


# -- what an organization asks of whoever deploys


def test_every_role_is_bounded_where_the_settings_say_so(template: Template, elsewhere: Elsewhere) -> None:
    free = template.resources("AWS::IAM::Role").values()
    assert not any("PermissionsBoundary" in role["Properties"] for role in free)
    for stack in (elsewhere.gov, elsewhere.china):
        boundary = f"arn:{stack.partition}:iam::123456789012:policy/developer-boundary"
        roles = stack.resources("AWS::IAM::Role").values()
        assert {role["Properties"]["PermissionsBoundary"] for role in roles} == {boundary}


def test_whatever_takes_tags_has_those_of_the_settings(elsewhere: Elsewhere) -> None:
    untagged = {
        resource["Type"]
        for resource in elsewhere.gov.body["Resources"].values()
        if "ml platform" not in json.dumps(resource["Properties"].get("Tags", {}))
    }
    assert untagged == {
        # these take no tags
        "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route",
        "AWS::IAM::Policy", "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission",
        "AWS::Lambda::Version", "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::Schedule", "AWS::SecretsManager::ResourcePolicy",
    }  # fmt: skip


def test_names_begin_with_the_prefix_so_that_two_deployments_fit_one_account(
    template: Template, elsewhere: Elsewhere
) -> None:
    for stack, prefix in ((template, "Sealpoint-us-east-1"), (elsewhere.china, "Clinical-cn-north-1")):
        for resource in (one for one in stack.body["Resources"].values() if "Properties" in one):
            for given in ("StateMachineName", "DashboardName", "AlarmName", "LogGroupName"):
                if name := resource["Properties"].get(given):
                    assert prefix in name
            if resource["Type"] == "AWS::KMS::Alias":
                assert resource["Properties"]["AliasName"].startswith(f"alias/{prefix.lower()}-")
            # CloudFormation names everything else after the stack
            fixed = {"FunctionName", "RoleName", "TableName", "QueueName", "TopicName"}
            assert not fixed & resource["Properties"].keys() or resource["Type"] in (
                "AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::Lambda::Permission",
                "AWS::Lambda::EventInvokeConfig",
            )  # fmt: skip


def test_the_architecture_is_the_settings(template: Template, elsewhere: Elsewhere) -> None:
    assert {tuple(f["Architectures"]) for f in template.functions().values()} == {("arm64",)}
    assert {tuple(f["Architectures"]) for f in elsewhere.gov.functions().values()} == {("x86_64",)}
