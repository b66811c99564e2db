from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lambdas.domain.approval.routes import DecideIn, Mode, Route, read_rules
from lambdas.domain.encryption.assessment import EXEMPT_REASON_TAG, EXEMPT_UNTIL_TAG, Accepted
from lambdas.domain.vocabulary import Surface
from stacks.lambda_asset import SETTINGS_FILE
from stacks.permissions import EXEMPTION_TAGS
from stacks.settings import json_schema
from tests.infrastructure.conftest import GOV_KEY_ARN, ROOT, Elsewhere
from tests.infrastructure.template import Template

HANDLERS = (
    "check_encryption", "check_feasibility", "request_approval", "slack_interactions", "decisions",
    "read_decision", "await_in_service", "create_encrypted_config", "update_endpoint", "poll_endpoint",
    "delete_unused_twin", "close_remediation", "begin_backout", "restore_config", "exempt_endpoint",
    "close_backout", "retire_old_config", "list_endpoints", "assess_endpoints", "start_remediations",
    "close_sweep", "show_digest",
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
    files = {path.stem for path in (ROOT / "lambdas/handlers").glob("*.py")} - {"__init__"}
    assert set(template.functions()) == set(HANDLERS) == files


@pytest.mark.parametrize("handler", HANDLERS)
def test_how_a_function_runs(template: Template, handler: str) -> None:
    function = template.functions()[handler]
    assert function["Handler"] == f"lambdas.handlers.{handler}.handler"
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["MemorySize"] == (1769 if handler == "slack_interactions" else 1024)  # a whole CPU
    longer = {
        "slack_interactions": 10, "delete_unused_twin": 300, "retire_old_config": 300,
        "request_approval": 120, "close_remediation": 120, "close_backout": 120,
        "list_endpoints": 300, "assess_endpoints": 900, "start_remediations": 120, "close_sweep": 120,
        "show_digest": 120,
    }  # fmt: skip
    assert function["Timeout"] == longer.get(handler, 30)
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
        if res["Properties"]["Handler"] == f"lambdas.handlers.{handler}.handler"
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
        "POWERTOOLS_SERVICE_NAME": "Sealpoint-us-east-1",
        "POWERTOOLS_METRICS_NAMESPACE": "Sealpoint",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "RECORDS_TABLE_NAME": template.outputs["RecordsTableName"],
        "RECORD_RETENTION_DAYS": str(6 * 366),
    }
    for handler, function in template.functions().items():
        environment: dict[str, str] = function["Environment"]["Variables"]
        assert common.items() <= environment.items()
        source = "\n".join(ast.unparse(reached) for reached in reached_from(handler))
        asked = set(re.findall(r"required(?:_list|_seconds|_days|_share)?\('([A-Z_]+)'\)", source))
        if "bot_token" in source or "patient_slack" in source:
            asked.add("SLACK_TOKEN_SECRET_ARN")
        if "signing_secret" in source:
            asked.add("SLACK_SIGNING_SECRET_ARN")
        asked -= {"VIA_S3", "VIA_SAGEMAKER"}  # for a user's key only
        asked.discard("AWS_REGION")  # which Lambda sets
        assert asked <= environment.keys(), handler
        assert environment.keys() - common.keys() <= asked, handler


def test_the_settings_arrive_in_the_functions(template: Template, asset: Path) -> None:
    variables = {name: f["Environment"]["Variables"] for name, f in template.functions().items()}
    in_file = json.loads((asset / SETTINGS_FILE).read_text())
    assert (in_file["encryptedBy"], in_file["deploymentConfig"]) == ({"us-east-1": ["any"]}, None)
    assert read_rules(in_file["decisions"]).default == Route(
        name="default", channel="C0SEALPOINT", approvers=("U0APPROVER1", "U0APPROVER2"),
        deadline=timedelta(hours=24), reminder=timedelta(hours=8), mode=Mode.REQUIRED,
        decide_in=DecideIn.SLACK,
    )  # fmt: skip
    assert variables["start_remediations"]["DIGEST_ABOVE"] == "10"
    assert {name for name, given in variables.items() if given.get("QUOTA_SHARE") == "50"} == {
        "list_endpoints", "assess_endpoints", "start_remediations",
    }  # fmt: skip
    assert variables["await_in_service"]["CONCURRENT_UPDATES"] == "5"
    assert variables["poll_endpoint"]["UPDATE_DEADLINE_SECONDS"] == "36000"
    outputs, clicks = template.outputs, variables["slack_interactions"]
    assert clicks["SLACK_TOKEN_SECRET_ARN"] == outputs["SlackTokenSecretArn"]
    assert clicks["SLACK_SIGNING_SECRET_ARN"] == outputs["SlackSigningSecretArn"]
    for handler in ("check_encryption", "create_encrypted_config", "poll_endpoint"):
        assert variables[handler]["KMS_KEY_ARN"] == template.outputs["KmsKeyArn"]


def test_a_users_key_is_checked_for_those_who_need_it_and_ours_is_not(
    template: Template, elsewhere: Elsewhere
) -> None:
    ours = template.functions()["check_feasibility"]["Environment"]["Variables"]
    assert not {"KEY_USERS", "VIA_S3", "VIA_SAGEMAKER"} & ours.keys()
    users = elsewhere.gov.functions()["check_feasibility"]["Environment"]["Variables"]
    assert users["KMS_KEY_ARN"] == GOV_KEY_ARN
    roles = {
        elsewhere.gov.functions()[name]["Role"] for name in ("create_encrypted_config", "update_endpoint")
    }
    assert set(users["KEY_USERS"].split(",")) == roles
    assert users["VIA_S3"] == "s3.us-gov-west-1.amazonaws.com"


def test_the_words_in_the_settings_are_those_of_the_code() -> None:
    settings = json_schema()["properties"]
    assert set(settings["requiredSurfaces"]["items"]["enum"]) == set(Surface)
    assert set(settings["approvalMode"]["enum"]) == set(Mode)
    assert set(settings["decideIn"]["enum"]) == set(DecideIn)
    assert settings["encryptedBy"]["anyOf"][0]["enum"] == [Accepted.ANY, Accepted.CUSTOMER_MANAGED]


# -- permissions


def test_no_role_has_a_managed_policy(template: Template) -> None:
    roles = template.resources("AWS::IAM::Role")
    assert len(roles) == len(HANDLERS) + 8  # the five state machines', EventBridge's, the schedules'
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
        "cloudtrail:LookupEvents",
    }  # fmt: skip
    for name in template.resources("AWS::IAM::Role"):
        for statement in template.statements_of(name):
            assert not any("*" in action for action in statement["Action"]), statement
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= has_no_resources, statement


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_may_do_what_its_code_does(elsewhere: Elsewhere, handler: str) -> None:
    """Also on paths that no test walks. That it may do no more: tests/workflow/test_least_privilege.py."""
    assert actions_in_code(handler) <= granted(elsewhere.gov, handler).keys()


def test_the_role_that_writes_twins_cannot_write_an_unencrypted_config(
    template: Template, elsewhere: Elsewhere
) -> None:
    ours = {"ArnEquals": {"sagemaker:VolumeKmsKey": template.outputs["KmsKeyArn"]}}
    # where another surface is required too, the volume may keep a key of its own
    any_key = {"Null": {"sagemaker:VolumeKmsKey": "false"}}
    for stack, condition in ((template, ours), (elsewhere.gov, any_key), (elsewhere.china, any_key)):
        (statement,) = granted(stack, "create_encrypted_config")["sagemaker:CreateEndpointConfig"]
        assert statement["Condition"] == condition
        assert statement["Action"] == ["sagemaker:CreateEndpointConfig"]


def test_only_a_restored_config_may_be_written_without_a_key(template: Template) -> None:
    writers = [name for name in HANDLERS if "sagemaker:CreateEndpointConfig" in granted(template, name)]
    assert writers == ["create_encrypted_config", "restore_config"]
    deleters = [name for name in HANDLERS if "sagemaker:DeleteEndpointConfig" in granted(template, name)]
    assert deleters == ["delete_unused_twin", "retire_old_config"]


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


def test_a_volumes_key_is_used_through_sagemaker_only(elsewhere: Elsewhere, template: Template) -> None:
    """Ours; or any, where a volume may have a key of its own."""
    any_key = "arn:aws-cn:kms:cn-north-1:*:key/*"
    for stack, via, key, users in (
        (template, "sagemaker.us-east-1.amazonaws.com", template.outputs["KmsKeyArn"], set[str]()),
        (elsewhere.china, "sagemaker.cn-north-1.amazonaws.com", any_key, {"restore_config"}),
    ):
        expected = {"create_encrypted_config", "update_endpoint"} | users
        assert {name for name in HANDLERS if "kms:CreateGrant" in granted(stack, name)} == expected
        for handler in expected:
            (statement,) = granted(stack, handler)["kms:CreateGrant"]
            assert statement["Condition"] == {"StringEquals": {"kms:ViaService": via}}
            assert statement["Resource"] == [key]


def test_other_resources_are_this_stacks_own(template: Template) -> None:
    table = f"{template.outputs['RecordsTableName']}.Arn"
    own = {
        "dynamodb": {table},
        "secretsmanager": {template.outputs["SlackTokenSecretArn"]},
        "sqs": {f"{queue}.Arn" for queue in template.resources("AWS::SQS::Queue")},
    }
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:Sealpoint-us-east-1-"
    started = {
        "slack_interactions": {"backout"}, "decisions": {"backout"}, "close_remediation": {"retirement"},
        "start_remediations": {"remediation", "digest", "retirement"},
    }  # fmt: skip
    for handler in HANDLERS:
        log_group = template.functions()[handler]["LoggingConfig"]["LogGroup"]
        for action, statements in granted(template, handler).items():
            resources = {r for s in statements for r in s["Resource"]}
            service = action.split(":")[0]
            if service == "logs":
                assert resources == {f"{log_group}.Arn"}
            elif action == "states:StartExecution":
                assert resources == {machine + name for name in started[handler]}
            elif action == "states:SendTaskSuccess":
                assert resources == {machine + "remediation"}
            elif (handler, action) == ("assess_endpoints", "dynamodb:Query"):
                assert resources == {f"{table}/index/byEndpointId"}
            elif (handler, service) == ("slack_interactions", "secretsmanager"):
                # the one function that may read it: whoever has it can forge any approver's click
                assert resources == own[service] | {template.outputs["SlackSigningSecretArn"]}
            elif service in own:
                assert resources == own[service]


def test_only_the_closing_function_makes_schedules_and_only_in_our_group(template: Template) -> None:
    [group] = template.resources("AWS::Scheduler::ScheduleGroup")
    makers = {name: granted(template, name).get("scheduler:CreateSchedule") for name in HANDLERS}
    [statement] = makers.pop("close_remediation") or []
    assert statement["Resource"] == [f"arn:aws:scheduler:us-east-1:123456789012:schedule/{group}/*"]
    assert not any(makers.values())
    [passed] = granted(template, "close_remediation")["iam:PassRole"]
    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    [role] = passed["Resource"]
    assert role.startswith("RetirementsRole")


def test_closing_functions_read_the_history_of_their_own_workflow(template: Template) -> None:
    read = {
        name: statement["Resource"]
        for name in HANDLERS
        for statement in granted(template, name).get("states:GetExecutionHistory", [])
    }
    executions = "arn:aws:states:us-east-1:123456789012:execution:Sealpoint-us-east-1-"
    assert read == {
        "close_remediation": [f"{executions}remediation:*"],
        "close_backout": [f"{executions}backout:*"],
        "close_sweep": [f"{executions}sweep:*"],
    }


def _kinds(template: Template, action: str) -> dict[str, set[str]]:
    """The kinds of items on which each function may do something: the partition keys' prefixes."""
    return {
        handler: {
            key.partition("#")[0]
            for statement in granted(template, handler).get(f"dynamodb:{action}", [])
            for key in statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get(_LEADING, [])
        }
        for handler in HANDLERS
    }


_LEADING = "dynamodb:LeadingKeys"


def test_every_right_on_the_table_is_one_on_some_kinds_of_items(template: Template) -> None:
    table = f"{template.outputs['RecordsTableName']}.Arn"
    for handler in HANDLERS:
        for action, statements in granted(template, handler).items():
            assert action != "dynamodb:Scan"
            for statement in statements:
                if statement["Resource"] == [table]:
                    keys = statement["Condition"]["ForAllValues:StringLike"][_LEADING]
                    alone = {"sweep", "retirements"}  # partitions of their own
                    assert all(key in alone or re.fullmatch(r"[a-z]+#\*", key) for key in keys)
                    # else a call that names no key would meet the condition
                    limits = {
                        key
                        for operator, by_key in statement["Condition"].items()
                        if operator.startswith("ForAllValues:")
                        for key in by_key
                    }
                    assert statement["Condition"]["Null"] == dict.fromkeys(limits, "false")


def test_evidence_is_put_by_one_function_and_changed_by_none(template: Template) -> None:
    putting = _kinds(template, "PutItem")
    assert [handler for handler, kinds in putting.items() if "evidence" in kinds] == ["check_encryption"]
    for action in ("UpdateItem", "DeleteItem"):
        assert not any("evidence" in kinds for kinds in _kinds(template, action).values())


@pytest.mark.parametrize("handler", ["slack_interactions", "decisions"])
def test_who_takes_decisions_writes_approvals_and_nothing_else(template: Template, handler: str) -> None:
    assert _kinds(template, "UpdateItem")[handler] == {"approval"}
    for action in ("PutItem", "DeleteItem"):
        assert _kinds(template, action)[handler] == set()


@pytest.mark.parametrize("handler", ["await_in_service", "poll_endpoint", "close_backout"])
def test_who_only_shows_how_far_it_is_writes_nothing_that_people_decide(
    template: Template, handler: str
) -> None:
    [writes] = [
        statement["Condition"]
        for statement in granted(template, handler)["dynamodb:UpdateItem"]
        if "approval#*" in statement["Condition"]["ForAllValues:StringLike"][_LEADING]
    ]
    written = writes["ForAllValues:StringEquals"]["dynamodb:Attributes"]
    assert {*written} == {"pk", "sk", "postedEntries", "breakGlassAnnouncedFor"}


def test_task_tokens_are_read_by_those_who_wake_the_workflow_alone(template: Template) -> None:
    readers = {handler for handler, kinds in _kinds(template, "GetItem").items() if "wait" in kinds}
    assert readers == {"check_encryption", "slack_interactions", "decisions"}
    assert all("states:SendTaskSuccess" in granted(template, handler) for handler in readers)


def test_a_record_is_written_by_its_own_workflows_steps(template: Template) -> None:
    backouts = {"begin_backout", "restore_config", "exempt_endpoint", "close_backout"}
    shared = {"await_in_service", "update_endpoint", "poll_endpoint"}
    for action in ("PutItem", "UpdateItem"):
        written = _kinds(template, action)
        assert {one for one, kinds in written.items() if "backout" in kinds} <= backouts | shared
        assert not any("remediation" in written[one] for one in backouts)


def test_no_tag_but_sealpoints_own_can_be_set_on_what_exists(template: Template) -> None:
    assert set(EXEMPTION_TAGS) == {EXEMPT_UNTIL_TAG, EXEMPT_REASON_TAG}
    for handler in HANDLERS:
        found = granted(template, handler)
        for statement in [*found.get("sagemaker:AddTags", []), *found.get("sagemaker:DeleteTags", [])]:
            assert statement["Condition"] in (
                {"StringEquals": {"sagemaker:TaggingAction": "CreateEndpointConfig"}},
                {
                    "ForAllValues:StringEquals": {"aws:TagKeys": list(EXEMPTION_TAGS)},
                    "Null": {"aws:TagKeys": "false"},
                },
            )


# -- what the code does, read from the code


# boto3's method → the actions that IAM checks, where the name doesn't say it
_IN_TRANSACTION = {"ConditionCheck": "ConditionCheckItem", "Put": "PutItem", "Update": "UpdateItem"}


# the gateways that keep what they know in the records table, through its own gateway
_ON_THE_TABLE = {"records/records", "records/update_slots", "records/digests"}


class _Gateway:
    """A gateway's class: for each of its methods, the IAM actions of the AWS calls that it leads to."""

    def __init__(self, module: str, class_name: str, service: str) -> None:
        tree = ast.parse((ROOT / f"lambdas/gateways/{module}.py").read_text())
        (cls,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == class_name]
        self._methods = {m.name: m for m in cls.body if isinstance(m, ast.FunctionDef)}
        self._service = service
        self._table = _Gateway("records/table", "Table", service) if module in _ON_THE_TABLE else None

    def actions(self, method: str) -> set[str]:
        return {f"{self._service}:{action}" for action in self.calls(method, frozenset())}

    def __contains__(self, method: str) -> bool:
        return method in self._methods and not method.startswith("_")

    def calls(self, method: str, seen: frozenset[str]) -> set[str]:
        if method in seen or method not in self._methods:
            return set()
        found: set[str] = set()
        for node in ast.walk(self._methods[method]):
            match node:
                case ast.Attribute(value=ast.Attribute(attr="_client"), attr=name):
                    found |= {_camel(name)}
                case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="_table"), attr="together")):
                    kinds = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                    found |= {action for kind, action in _IN_TRANSACTION.items() if kind in kinds}
                case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="_table"), attr=name)) if (
                    self._table
                ):
                    found |= self._table.calls(name, frozenset())
                case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                    found |= self.calls(name, seen | {method})
                case _:
                    pass
        return found


_GATEWAYS = {
    "records": ("records/records", "Records", "dynamodb"),
    "update_slots": ("records/update_slots", "UpdateSlots", "dynamodb"),
    "digests": ("records/digests", "Digests", "dynamodb"),
    "sagemaker": ("sagemaker", "SageMaker", "sagemaker"),
    "sagemaker_tried_once": ("sagemaker", "SageMaker", "sagemaker"),
    "step_functions": ("step_functions", "StepFunctions", "states"),
    "kms": ("kms", "Kms", "kms"),
    "iam": ("iam", "Iam", "iam"),
}
_READS_SECRET = {"bot_token", "signing_secret", "patient_slack"}


class _Module:
    """A handler's or a service's file: its functions and classes, and what its names stand for."""

    def __init__(self, name: str) -> None:
        tree = ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text())
        self.name = name
        self.defined = {n.name: n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        self.imported = {
            alias.asname or alias.name: (node.module or "", alias.name)
            for node in imports
            for alias in node.names
        }

    def meant_by(self, node: ast.AST) -> tuple[str, str] | None:
        """The module and the name of ours that an expression leads to: here, or in a service."""
        match node:
            case ast.Name(id=name) if name in self.defined:
                return self.name, name
            case ast.Name(id=name) if self.imported.get(name, ("",))[0].startswith("lambdas.services."):
                return self.imported[name]
            case ast.Attribute(value=ast.Name(id=module), attr=name) if (
                self.imported.get(module, ("",))[0] == "lambdas.services"
            ):
                return f"lambdas.services.{self.imported[module][1]}", name
            case _:
                return None


@cache
def _module(name: str) -> _Module:
    return _Module(name)


def reached_from(handler: str) -> Iterator[ast.AST]:
    """The functions and classes that a handler leads to, itself first, through whatever it names."""
    todo = [(f"lambdas.handlers.{handler}", "handler")]
    seen = set(todo)
    for module_name, name in todo:
        module = _module(module_name)
        if (definition := module.defined.get(name)) is None:
            continue  # a constant
        yield definition
        for node in ast.walk(definition):
            if (meant := module.meant_by(node)) and meant not in seen:
                seen.add(meant)
                todo.append(meant)


def actions_in_code(handler: str) -> set[str]:
    gateways = {name: _Gateway(*what) for name, what in _GATEWAYS.items()}
    found: set[str] = set()
    for node in (node for reached in reached_from(handler) for node in ast.walk(reached)):
        match node:
            case ast.Name(id=name) if name in _READS_SECRET:
                # the secret is under a key of our own
                found |= {"secretsmanager:GetSecretValue", "kms:Decrypt"}
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
    """The reading above finds calls made directly, through other methods, and by pages."""
    assert actions_in_code("exempt_endpoint") >= {"dynamodb:GetItem", "sagemaker:AddTags"}
    assert "sagemaker:ListTags" in actions_in_code("create_encrypted_config")
    assert "dynamodb:ConditionCheckItem" in actions_in_code("request_approval")
    assert "sagemaker:CreateEndpointConfig" in actions_in_code("create_encrypted_config")
    assert "states:SendTaskSuccess" in actions_in_code("decisions"), (
        "it is a service that resumes the workflow"
    )
