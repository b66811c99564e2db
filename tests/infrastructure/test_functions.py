from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from remediation.vocabulary import Surface
from tests.infrastructure.conftest import GOV_KEY_ARN, ROOT, Elsewhere
from tests.infrastructure.template import Template

HANDLERS = (
    "check_encryption", "check_feasibility", "request_approval", "slack_interactions", "expire_approval",
    "await_in_service", "create_encrypted_config", "update_endpoint", "poll_endpoint", "delete_unused_twin",
    "close_remediation",
)  # fmt: skip


def granted(template: Template, handler: str) -> dict[str, list[dict[str, Any]]]:
    """A function's permissions: for each action, the statements that allow it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for statement in template.statements_of(template.functions()[handler]["Role"]):
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            found.setdefault(action, []).append(statement)
    return found


def test_there_is_a_function_for_each_handler(template: Template) -> None:
    files = {path.stem for path in (ROOT / "lambdas/handlers").glob("*.py")} - {"__init__", "observability"}
    assert set(template.functions()) == set(HANDLERS) == files


@pytest.mark.parametrize("handler", HANDLERS)
def test_how_a_function_runs(template: Template, handler: str) -> None:
    function = template.functions()[handler]
    assert function["Handler"] == f"handlers.{handler}.handler"
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["MemorySize"] == 1024
    assert function["Timeout"] == {"slack_interactions": 10, "delete_unused_twin": 300}.get(handler, 30)
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert "ReservedConcurrentExecutions" not in function


def test_functions_share_nothing_but_their_code(template: Template) -> None:
    functions = template.functions().values()
    assert len({f["Role"] for f in functions}) == len(HANDLERS)
    assert len({f["LoggingConfig"]["LogGroup"] for f in functions}) == len(HANDLERS)
    assert len({str(f["Code"]) for f in functions}) == 1


@pytest.mark.parametrize("handler", HANDLERS)
def test_logs_are_kept_for_as_long_as_set(template: Template, handler: str) -> None:
    group = template.functions()[handler]["LoggingConfig"]["LogGroup"]
    assert template.resources("AWS::Logs::LogGroup")[group]["Properties"]["RetentionInDays"] == 365


@pytest.mark.parametrize("handler", HANDLERS)
def test_everything_invokes_a_function_through_its_alias(template: Template, handler: str) -> None:
    (name,) = [
        logical_id
        for logical_id, res in template.resources("AWS::Lambda::Function").items()
        if res["Properties"]["Handler"] == f"handlers.{handler}.handler"
    ]
    aliases = [a["Properties"] for a in template.resources("AWS::Lambda::Alias").values()]
    (alias,) = [a for a in aliases if a["FunctionName"] == name]
    assert alias["Name"] == "live"
    policies = [*template.resources("AWS::IAM::Policy").values()]
    permissions = [*template.resources("AWS::Lambda::Permission").values()]
    # nobody is allowed to invoke the function itself
    assert not any(f"'{name}.Arn'" in str(policy) for policy in policies)
    assert all(p["Properties"]["FunctionName"] != f"{name}.Arn" for p in permissions)


# -- environment


def test_the_environment_has_every_setting_that_the_code_asks_for_and_no_other(template: Template) -> None:
    common = {
        "POWERTOOLS_SERVICE_NAME": "sealpoint",
        "POWERTOOLS_METRICS_NAMESPACE": "Sealpoint",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "RECORDS_TABLE_NAME": template.outputs["RecordsTableName"],
    }
    for handler, function in template.functions().items():
        environment: dict[str, str] = function["Environment"]["Variables"]
        assert common.items() <= environment.items()
        source = (ROOT / f"lambdas/handlers/{handler}.py").read_text()
        asked = set(re.findall(r'required(?:_list|_seconds)?\("([A-Z_]+)"\)', source))
        if "slack_secret" in source:
            asked.add("SLACK_SECRET_ARN")
        assert asked <= environment.keys(), handler
        assert environment.keys() - common.keys() <= asked | {"APPROVERS"}, handler


def test_the_settings_arrive_in_the_functions(template: Template) -> None:
    variables = {name: f["Environment"]["Variables"] for name, f in template.functions().items()}
    assert variables["request_approval"]["SLACK_CHANNEL"] == "C0SEALPOINT"
    assert variables["close_remediation"]["SLACK_CHANNEL"] == "C0SEALPOINT"
    assert variables["slack_interactions"]["APPROVERS"] == "U0APPROVER1,U0APPROVER2"
    assert variables["request_approval"]["APPROVAL_DEADLINE_SECONDS"] == "86400"
    assert variables["check_encryption"]["APPROVAL_DEADLINE_SECONDS"] == "86400"
    assert variables["poll_endpoint"]["UPDATE_DEADLINE_SECONDS"] == "36000"
    assert variables["slack_interactions"]["SLACK_SECRET_ARN"] == template.outputs["SlackSecretArn"]
    for handler in ("check_encryption", "create_encrypted_config", "poll_endpoint"):
        assert variables[handler]["KMS_KEY_ARN"] == template.outputs["KmsKeyArn"]


def test_our_own_key_is_for_every_surface_and_a_users_for_the_instance_volume(
    template: Template, elsewhere: Elsewhere
) -> None:
    ours = template.functions()["check_encryption"]["Environment"]["Variables"]
    assert set(ours["ENCRYPTION_SURFACES"].split(",")) == set(Surface)
    users = elsewhere.gov.functions()["check_encryption"]["Environment"]["Variables"]
    assert users["ENCRYPTION_SURFACES"] == Surface.INSTANCE_VOLUME
    assert users["KMS_KEY_ARN"] == GOV_KEY_ARN


# -- permissions


def test_no_role_has_a_managed_policy(template: Template) -> None:
    roles = template.resources("AWS::IAM::Role")
    assert len(roles) == len(HANDLERS) + 2  # the state machine's, EventBridge's
    assert [name for name, role in roles.items() if "ManagedPolicyArns" in role["Properties"]] == []


def test_a_wildcard_resource_has_a_reason(template: Template) -> None:
    has_no_resources = {
        "xray:PutTraceSegments", "xray:PutTelemetryRecords",
        "xray:GetSamplingRules", "xray:GetSamplingTargets",
        # the state machine's log delivery: AWS's documented minimum
        "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
        "sagemaker:ListEndpoints",
    }  # fmt: skip
    for name in template.resources("AWS::IAM::Role"):
        for statement in template.statements_of(name):
            assert not any("*" in action for action in statement["Action"]), statement
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= has_no_resources, statement


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_may_do_what_its_code_does_and_no_more(template: Template, handler: str) -> None:
    allowed = {action for action in granted(template, handler) if not action.startswith(("logs:", "xray:"))}
    implied = {
        # what these two calls need of their caller besides (DESIGN §4.10, §4.17, §4.19)
        "create_encrypted_config": {
            "sagemaker:AddTags",
            "iam:PassRole",
            "kms:CreateGrant",
            "kms:DescribeKey",
        },
        "update_endpoint": {"kms:CreateGrant", "kms:DescribeKey", "cloudwatch:DescribeAlarms"},
        # what CDK grants for a queue that takes a function's asynchronous failures
        "close_remediation": {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"},
    }
    assert allowed == actions_in_code(handler) | implied.get(handler, set())


def test_the_role_that_writes_twins_cannot_write_an_unencrypted_config(
    template: Template, elsewhere: Elsewhere
) -> None:
    for stack, key in ((template, template.outputs["KmsKeyArn"]), (elsewhere.gov, GOV_KEY_ARN)):
        (statement,) = granted(stack, "create_encrypted_config")["sagemaker:CreateEndpointConfig"]
        assert statement["Condition"] == {"ArnEquals": {"sagemaker:VolumeKmsKey": key}}
        assert statement["Action"] == ["sagemaker:CreateEndpointConfig"]


def test_sagemaker_resources_are_this_accounts_and_regions(template: Template) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:"
    for handler in HANDLERS:
        for action, statements in granted(template, handler).items():
            if action.startswith("sagemaker:"):
                resources = {r for s in statements for r in s["Resource"]}
                anything = {"*"} if action == "sagemaker:ListEndpoints" else set[str]()
                twins = f"{arn}endpoint-config/*-kms-??????????"
                kinds = {f"{arn}{kind}/*" for kind in ("endpoint", "endpoint-config", "model")}
                assert resources <= kinds | {twins} | anything
    (deleting,) = granted(template, "delete_unused_twin")["sagemaker:DeleteEndpointConfig"]
    assert deleting["Resource"] == [f"{arn}endpoint-config/*-kms-??????????"]
    updating = granted(template, "update_endpoint")["sagemaker:UpdateEndpoint"]
    assert {r for s in updating for r in s["Resource"]} == {f"{arn}endpoint/*", f"{arn}endpoint-config/*"}


def test_roles_are_passed_to_sagemaker_only(template: Template) -> None:
    (statement,) = granted(template, "create_encrypted_config")["iam:PassRole"]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    assert statement["Resource"] == ["arn:aws:iam::123456789012:role/*"]


def test_the_key_is_used_through_sagemaker_only(elsewhere: Elsewhere, template: Template) -> None:
    for stack, via in (
        (template, "sagemaker.us-east-1.amazonaws.com"),
        (elsewhere.china, "sagemaker.cn-north-1.amazonaws.com.cn"),
    ):
        for handler in ("create_encrypted_config", "update_endpoint"):
            (statement,) = granted(stack, handler)["kms:CreateGrant"]
            assert statement["Condition"] == {"StringEquals": {"kms:ViaService": via}}
            assert statement["Resource"] == [stack.outputs["KmsKeyArn"]]


def test_other_resources_are_this_stacks_own(template: Template) -> None:
    machine = template.only("AWS::StepFunctions::StateMachine")["StateMachineName"]
    own = {
        "dynamodb": {f"{template.outputs['RecordsTableName']}.Arn"},
        "secretsmanager": {template.outputs["SlackSecretArn"]},
        "states": {f"arn:aws:states:us-east-1:123456789012:stateMachine:{machine}"},
        "sqs": {f"{queue}.Arn" for queue in template.resources("AWS::SQS::Queue")},
    }
    for handler in HANDLERS:
        log_group = template.functions()[handler]["LoggingConfig"]["LogGroup"]
        for action, statements in granted(template, handler).items():
            resources = {r for s in statements for r in s["Resource"]}
            service = action.split(":")[0]
            if service == "logs":
                assert resources == {f"{log_group}.Arn"}
            elif service in own:
                assert resources == own[service]


# -- what the code does, read from the code


# boto3's method → the actions that IAM checks, where the name doesn't say it
_CHECKED_AS = {"transact_write_items": {"ConditionCheckItem", "PutItem"}}


class _Gateway:
    """A gateway's class: for each of its methods, the IAM actions of the AWS calls that it leads to."""

    def __init__(self, module: str, class_name: str, service: str) -> None:
        tree = ast.parse((ROOT / f"lambdas/gateways/{module}.py").read_text())
        (cls,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == class_name]
        self._methods = {m.name: m for m in cls.body if isinstance(m, ast.FunctionDef)}
        self._service = service

    def actions(self, method: str) -> set[str]:
        return {f"{self._service}:{action}" for action in self._calls(method, frozenset())}

    def __contains__(self, method: str) -> bool:
        return method in self._methods and not method.startswith("_")

    def _calls(self, method: str, seen: frozenset[str]) -> set[str]:
        if method in seen or method not in self._methods:
            return set()
        found: set[str] = set()
        for node in ast.walk(self._methods[method]):
            match node:
                case ast.Call(func=ast.Attribute(attr="get_paginator"), args=[ast.Constant(value=name)]):
                    found.add(_camel(str(name)))
                case ast.Attribute(value=ast.Attribute(attr="_client"), attr=name) if name != "get_paginator":
                    found |= _CHECKED_AS.get(name, {_camel(name)})
                case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                    found |= self._calls(name, seen | {method})
                case _:
                    pass
        return found


def actions_in_code(handler: str) -> set[str]:
    gateways = {
        "records": _Gateway("records", "Records", "dynamodb"),
        "sagemaker": _Gateway("sagemaker", "SageMaker", "sagemaker"),
        "sagemaker_tried_once": _Gateway("sagemaker", "SageMaker", "sagemaker"),
        "workflow": _Gateway("workflow", "Workflow", "states"),
        "kms": _Gateway("kms", "Kms", "kms"),
    }
    path = ROOT / f"lambdas/handlers/{handler}.py"
    found = {"secretsmanager:GetSecretValue"} if "slack_secret()" in path.read_text() else set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id=gateway)), attr=method)) if (
                gateway in gateways
            ):
                assert method in gateways[gateway], f"{gateway}().{method}"
                found |= gateways[gateway].actions(method)
            case _:
                pass
    return found


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def test_the_code_is_read_right() -> None:
    """The reading above finds calls made directly, through other methods, and through a paginator."""
    assert actions_in_code("expire_approval") == {"dynamodb:GetItem", "dynamodb:UpdateItem"}
    assert "sagemaker:ListTags" in actions_in_code("create_encrypted_config")
    assert "dynamodb:ConditionCheckItem" in actions_in_code("request_approval")
    assert "sagemaker:CreateEndpointConfig" in actions_in_code("create_encrypted_config")
