"""The template, deployed to a local CloudFormation: created, updated, deleted.

moto drops some of what it creates from a template: a table's point-in-time recovery and time to live, a
function's tracing, a machine's logging. `test_stack` and others ask the template itself for those.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from tests.infrastructure.cloudformation import UNKNOWN_TO_MOTO, DeployedStack, unknown_to_moto
from tests.infrastructure.conftest import Elsewhere
from tests.infrastructure.template import Template

# a new session would read botocore's service models anew
_MOTO: Any = {
    # where its CloudFormation puts machines, whatever another test set in this process
    "stepfunctions": {"execute_state_machine": False},
    "lambda": {"use_docker": False},
    "core": {"reset_boto3_session": False},
}
OWN_KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_ITEM = {"pk": {"S": "remediation#run-1"}, "sk": {"S": "record"}, "outcome": {"S": "ENCRYPTED"}}

Check = Callable[[DeployedStack, str, dict[str, Any]], object]


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with mock_aws(config=_MOTO):
        yield


@pytest.fixture(params=["default settings", "China", "a user's own key"])
def stack(
    request: pytest.FixtureRequest,
    template: Template,
    elsewhere: Elsewhere,
    template_with: Callable[..., Template],
) -> DeployedStack:
    match request.param:
        case "China":
            return DeployedStack(elsewhere.china)
        case "a user's own key":
            return DeployedStack(template_with(kmsKeyArns={"us-east-1": OWN_KEY_ARN}))
        case _:
            return DeployedStack(template)


# -- created


def test_what_moto_does_not_know_is_listed(template: Template, elsewhere: Elsewhere) -> None:
    unknown = {one for stack in (template, elsewhere.china, elsewhere.gov) for one in unknown_to_moto(stack)}
    assert unknown == UNKNOWN_TO_MOTO, "moto, or the template, has changed: bring UNKNOWN_TO_MOTO in line"


def test_every_other_resource_is_created(stack: DeployedStack) -> None:
    resources = stack.template.body["Resources"]
    assert set(stack.physical_ids) == {n for n, r in resources.items() if r["Type"] not in UNKNOWN_TO_MOTO}


def test_every_other_resource_is_found_through_its_own_service(stack: DeployedStack) -> None:
    for name, resource in stack.template.body["Resources"].items():
        if (resource_type := resource["Type"]) not in UNKNOWN_TO_MOTO:
            assert resource_type in _CHECKS, f"how is a {resource_type} found? Add it to _CHECKS"
            _CHECKS[resource_type](stack, name, stack.template.resolve(resource["Properties"]))


def test_the_outputs_name_what_was_created(stack: DeployedStack) -> None:
    outputs = stack.outputs
    assert outputs["RecordsTableName"] in stack.of_type("AWS::DynamoDB::Table").values()
    assert outputs["AlarmTopicArn"] in stack.of_type("AWS::SNS::Topic").values()
    machines = stack.of_type("AWS::StepFunctions::StateMachine").values()
    assert {outputs["RemediationStateMachineArn"], outputs["BackoutStateMachineArn"]} <= set(machines)
    keys = {f"{_arn(stack, 'kms', 'key')}/{key}" for key in stack.of_type("AWS::KMS::Key").values()}
    assert outputs["KmsKeyArn"] in {*keys, OWN_KEY_ARN}


def _table(stack: DeployedStack, name: str, properties: dict[str, Any]) -> None:
    table = stack.client("dynamodb").describe_table(TableName=stack.physical_ids[name])["Table"]
    assert table["KeySchema"] == properties["KeySchema"]
    assert table["DeletionProtectionEnabled"] is True
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["byEndpointId"]


def _key(stack: DeployedStack, name: str, _: dict[str, Any]) -> None:
    kms, key = stack.client("kms"), stack.physical_ids[name]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True


def _key_alias(stack: DeployedStack, _: str, properties: dict[str, Any]) -> None:
    aliases = stack.client("kms").list_aliases()["Aliases"]
    (alias,) = [one for one in aliases if one["AliasName"] == properties["AliasName"]]
    assert alias["TargetKeyId"] == stack.physical_ids[properties["TargetKeyId"].removesuffix(".Arn")]


def _role(stack: DeployedStack, name: str, properties: dict[str, Any]) -> None:
    role = stack.client("iam").get_role(RoleName=stack.physical_ids[name])["Role"]
    assert role["AssumeRolePolicyDocument"] == properties["AssumeRolePolicyDocument"]
    assert role["Arn"].startswith(f"arn:{stack.template.partition}:")


def _policy(stack: DeployedStack, _: str, properties: dict[str, Any]) -> None:
    # moto refuses a document that IAM wouldn't take
    for role in properties["Roles"]:
        policy = stack.client("iam").get_role_policy(
            RoleName=stack.physical_ids[role], PolicyName=properties["PolicyName"]
        )
        statements = policy["PolicyDocument"]["Statement"]
        assert [s["Action"] for s in statements] == [
            s["Action"] for s in properties["PolicyDocument"]["Statement"]
        ]
        assert "None" not in json.dumps(statements)


def _function(stack: DeployedStack, name: str, properties: dict[str, Any]) -> None:
    function = stack.client("lambda").get_function_configuration(FunctionName=stack.physical_ids[name])
    for setting in ("Handler", "Runtime", "MemorySize", "Timeout", "Description"):
        assert function[setting] == properties[setting]
    assert function["Role"].rpartition("/")[2] in stack.of_type("AWS::IAM::Role").values()
    variables = function["Environment"]["Variables"]
    assert variables.keys() == properties["Environment"]["Variables"].keys()
    assert variables["RECORDS_TABLE_NAME"] == stack.outputs["RecordsTableName"]
    assert variables.get("KMS_KEY_ARN", stack.outputs["KmsKeyArn"]) == stack.outputs["KmsKeyArn"]


def _version(stack: DeployedStack, _: str, properties: dict[str, Any]) -> None:
    function = stack.physical_ids[properties["FunctionName"]]
    versions = stack.client("lambda").list_versions_by_function(FunctionName=function)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]


def _permission(stack: DeployedStack, _: str, properties: dict[str, Any]) -> None:
    alias = stack.template.resources("AWS::Lambda::Alias")[properties["FunctionName"]]
    function = stack.physical_ids[alias["Properties"]["FunctionName"]]
    policy = json.loads(stack.client("lambda").get_policy(FunctionName=function)["Policy"])
    allowed = [(s["Principal"]["Service"], s["Action"]) for s in policy["Statement"]]
    assert (properties["Principal"], "lambda:InvokeFunction") in allowed


def _log_group(stack: DeployedStack, name: str, properties: dict[str, Any]) -> None:
    group = stack.physical_ids[name]
    found = stack.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [one["retentionInDays"] for one in found] == [properties["RetentionInDays"]]


def _machine(stack: DeployedStack, name: str, properties: dict[str, Any]) -> None:
    machine = stack.client("stepfunctions").describe_state_machine(stateMachineArn=stack.physical_ids[name])
    assert machine["name"] == properties["StateMachineName"]
    assert machine["roleArn"].rpartition("/")[2] in stack.of_type("AWS::IAM::Role").values()
    states = json.loads(machine["definition"])["States"].values()
    invoked = {state["Arguments"]["FunctionName"] for state in states if state["Type"] == "Task"}
    assert invoked
    assert invoked <= _function_arns(stack)


def _rule(stack: DeployedStack, name: str, _: dict[str, Any]) -> None:
    events, rule = stack.client("events"), stack.physical_ids[name]
    assert events.describe_rule(Name=rule)["State"] == "ENABLED"
    started = {*stack.of_type("AWS::StepFunctions::StateMachine").values(), *_function_arns(stack)}
    (queue,) = stack.of_type("AWS::SQS::Queue").values()
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    assert target["Arn"] in started
    assert target["DeadLetterConfig"]["Arn"] == f"{_arn(stack, 'sqs', queue.rpartition('/')[2])}"


def _queue(stack: DeployedStack, name: str, properties: dict[str, Any]) -> None:
    queue = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.physical_ids[name], AttributeNames=["All"]
    )["Attributes"]
    assert queue["MessageRetentionPeriod"] == str(properties["MessageRetentionPeriod"])


def _topic(stack: DeployedStack, name: str, properties: dict[str, Any]) -> None:
    topic = stack.client("sns").get_topic_attributes(TopicArn=stack.physical_ids[name])["Attributes"]
    key = stack.physical_ids[properties["KmsMasterKeyId"].removesuffix(".Arn")]
    assert topic["KmsMasterKeyId"].endswith(key)


def _dashboard(stack: DeployedStack, name: str, _: dict[str, Any]) -> None:
    found = stack.client("cloudwatch").get_dashboard(DashboardName=stack.physical_ids[name])
    assert json.loads(found["DashboardBody"])["widgets"]


_CHECKS: dict[str, Check] = {
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::DynamoDB::Table": _table,
    "AWS::Events::Rule": _rule,
    "AWS::IAM::Policy": _policy,
    "AWS::IAM::Role": _role,
    "AWS::KMS::Alias": _key_alias,
    "AWS::KMS::Key": _key,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Permission": _permission,
    "AWS::Lambda::Version": _version,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::SNS::Topic": _topic,
    "AWS::SQS::Queue": _queue,
    "AWS::StepFunctions::StateMachine": _machine,
}


def _arn(stack: DeployedStack, service: str, resource: str) -> str:
    return f"arn:{stack.template.partition}:{service}:{stack.template.region}:123456789012:{resource}"


def _function_arns(stack: DeployedStack) -> set[str]:
    functions = stack.of_type("AWS::Lambda::Function").values()
    return {f"{_arn(stack, 'lambda', 'function')}:{function}" for function in functions}


# -- updated, and deleted


def test_an_update_with_other_settings_and_other_code_keeps_what_there_is(
    template: Template, template_with: Callable[..., Template]
) -> None:
    stack = DeployedStack(template)
    _put_item(stack)
    before, functions = _lasting(stack), stack.of_type("AWS::Lambda::Function")
    stack.update(template_with(functionMemoryMb=2048, approvalDeadlineHours=48))
    assert _lasting(stack) == before
    assert _items(stack) == [_ITEM]
    assert stack.of_type("AWS::Lambda::Function") == functions
    for function in functions.values():
        assert stack.client("lambda").get_function_configuration(FunctionName=function)["MemorySize"] == 2048


def test_a_deleted_stack_leaves_the_records_and_the_key_and_nothing_else(template: Template) -> None:
    stack = DeployedStack(template)
    _put_item(stack)
    key = stack.physical_ids["EncryptionKey3A692D6E"]
    stack.delete()
    assert _items(stack) == [_ITEM]
    keys = {key["KeyId"] for key in stack.client("kms").list_keys()["Keys"]}
    assert key in keys
    assert stack.client("lambda").list_functions()["Functions"] == []
    assert stack.client("iam").list_roles()["Roles"] == []
    assert stack.client("events").list_rules()["Rules"] == []
    assert stack.client("logs").describe_log_groups()["logGroups"] == []
    assert stack.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert stack.client("sns").list_topics()["Topics"] == []
    assert "QueueUrls" not in stack.client("sqs").list_queues()


def test_a_users_own_key_comes_and_goes_and_the_records_stay(
    template: Template, template_with: Callable[..., Template]
) -> None:
    """So does the key that the stack made, by its deletion policy: `test_upgrade` holds that, since moto's
    update deletes what left the template whatever its policy says."""
    own_key = template_with(kmsKeyArns={"us-east-1": OWN_KEY_ARN})
    stack = DeployedStack(own_key)
    _put_item(stack)
    (table,) = stack.of_type("AWS::DynamoDB::Table").values()
    for later in (template, own_key):
        stack.update(later)
        assert list(stack.of_type("AWS::DynamoDB::Table").values()) == [table]
        assert _items(stack) == [_ITEM]
    assert stack.outputs["KmsKeyArn"] == OWN_KEY_ARN


def _lasting(stack: DeployedStack) -> dict[str, str]:
    types = ("DynamoDB::Table", "KMS::Key", "KMS::Alias", "SNS::Topic", "SQS::Queue", "IAM::Role")
    machines = stack.of_type("AWS::StepFunctions::StateMachine")
    return {name: one for kind in types for name, one in stack.of_type(f"AWS::{kind}").items()} | machines


def _put_item(stack: DeployedStack) -> None:
    stack.client("dynamodb").put_item(TableName=stack.outputs["RecordsTableName"], Item=_ITEM)


def _items(stack: DeployedStack) -> list[Any]:
    (table,) = stack.client("dynamodb").list_tables()["TableNames"]
    return stack.client("dynamodb").scan(TableName=table)["Items"]
