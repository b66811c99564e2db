"""Which permissions a call needs, and what becomes of one that lacks any."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lambdas.domain.encryption.twin import as_request
from lambdas.domain.errors import RequestRefused
from lambdas.gateways.aws import error_code, error_message
from lambdas.gateways.sagemaker import SageMaker
from local.aws.call_faults import answered
from local.aws.iam.calls import Caller, UnknownCallError, requests_of
from local.aws.iam.enforcement import Enforcement

REGION = "us-east-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Twins"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:remediation"
EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/Execution"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/records"
CALLER = Caller(ROLE, session="twins", region=REGION, asks=MACHINE, secrets_key=KEY)
FRAUD = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/Fraud"
FRAUD_CONFIG = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint-config/Fraud-2"


def test_a_secret_takes_its_key_through_secrets_manager() -> None:
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:slack"
    _, decrypt = requests_of("secrets-manager", "GetSecretValue", {"SecretId": secret}, CALLER)
    assert (decrypt.action, decrypt.resource) == ("kms:Decrypt", KEY)
    assert decrypt.context["kms:ViaService"] == f"secretsmanager.{REGION}.amazonaws.com"


def _needed(call: str, **parameters: Any) -> list[tuple[str, str]]:
    service, operation = call.split(".")
    return [(one.action, one.resource) for one in requests_of(service, operation, parameters, CALLER)]


# -- what a call needs


@pytest.mark.parametrize(
    ("call", "parameters", "action", "resource"),
    [
        ("sagemaker.DescribeEndpoint", {"EndpointName": "Fraud"}, "sagemaker:DescribeEndpoint", FRAUD),
        ("sagemaker.ListEndpoints", {}, "sagemaker:ListEndpoints", "*"),
        ("sagemaker.DeleteTags", {"ResourceArn": FRAUD, "TagKeys": ["a"]}, "sagemaker:DeleteTags", FRAUD),
        ("dynamodb.UpdateItem", {"TableName": "records"}, "dynamodb:UpdateItem", TABLE),
        ("kms.DescribeKey", {"KeyId": KEY}, "kms:DescribeKey", KEY),
        ("sfn.StartExecution", {"stateMachineArn": MACHINE}, "states:StartExecution", MACHINE),
        ("sfn.SendTaskSuccess", {"taskToken": "t"}, "states:SendTaskSuccess", MACHINE),
    ],
)
def test_most_calls_need_their_own_action(
    call: str, parameters: dict[str, Any], action: str, resource: str
) -> None:
    assert _needed(call, **parameters) == [(action, resource)]


@pytest.mark.parametrize("key", ["alias/mine", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/mine"])
def test_the_key_behind_an_alias_is_any_key_for_all_we_know(key: str) -> None:
    [(_, resource)] = _needed("kms.DescribeKey", KeyId=key)
    assert resource == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/alias/mine"


def test_creating_a_config_needs_what_its_members_need() -> None:
    create = ("sagemaker:CreateEndpointConfig", FRAUD_CONFIG)
    assert _needed("sagemaker.CreateEndpointConfig", EndpointConfigName="Fraud-2", Tags=[]) == [create]
    whole = {
        "EndpointConfigName": "Fraud-2", "KmsKeyId": KEY, "ExecutionRoleArn": EXECUTION_ROLE,
        "Tags": [{"Key": "team", "Value": "risk"}],
    }  # fmt: skip
    requests = requests_of("sagemaker", "CreateEndpointConfig", whole, CALLER)
    who = {"aws:PrincipalArn": ROLE}
    through_sagemaker = who | {"kms:ViaService": "sagemaker.us-east-1.amazonaws.com"}
    assert [(one.action, one.resource, one.context) for one in requests] == [
        (*create, who | {"sagemaker:VolumeKmsKey": KEY}),
        (
            "sagemaker:AddTags",
            FRAUD_CONFIG,
            who | {"aws:TagKeys": ["team"], "sagemaker:TaggingAction": "CreateEndpointConfig"},
        ),
        ("iam:PassRole", EXECUTION_ROLE, who | {"iam:PassedToService": "sagemaker.amazonaws.com"}),
        ("kms:CreateGrant", KEY, through_sagemaker),
        ("kms:DescribeKey", KEY, through_sagemaker),
    ]


def test_an_update_is_judged_on_the_config_too_and_its_alarms_are_looked_at() -> None:
    update = {"EndpointName": "Fraud", "EndpointConfigName": "Fraud-2"}
    both = [("sagemaker:UpdateEndpoint", FRAUD), ("sagemaker:UpdateEndpoint", FRAUD_CONFIG)]
    assert _needed("sagemaker.UpdateEndpoint", **update) == both
    policy = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "Errors"}]}}
    assert _needed("sagemaker.UpdateEndpoint", **update, DeploymentConfig=policy) == [
        *both,
        ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:Errors"),
    ]


def test_a_transaction_needs_each_of_its_items_actions() -> None:
    items = [{kind: {"TableName": "records"}} for kind in ("ConditionCheck", "Put", "Update", "Delete")]
    assert _needed("dynamodb.TransactWriteItems", TransactItems=items) == [
        (f"dynamodb:{action}", TABLE)
        for action in ("ConditionCheckItem", "PutItem", "UpdateItem", "DeleteItem")
    ]


_HELD = {"pk": {"S": "approval#a"}, "sk": {"S": "approval"}}
_OTHER = {"pk": {"S": "evidence#r"}, "sk": {"S": "evidence"}}


@pytest.mark.parametrize(
    ("call", "parameters", "keys", "attributes"),
    [
        ("GetItem", {"Key": _HELD}, ["approval#a"], ["pk", "sk"]),
        ("PutItem", {"Item": {**_HELD, "status": {"S": "x"}}}, ["approval#a"], ["pk", "sk", "status"]),
        (
            "UpdateItem",
            {
                "Key": _HELD,
                "UpdateExpression": "SET #a = list_append(if_not_exists(#a, :no), :one), x.#b = :y REMOVE c",
                "ConditionExpression": "attribute_exists(pk) AND size(d) < :most",
                "ExpressionAttributeNames": {"#a": "timeline", "#b": "inner"},
            },
            ["approval#a"],
            ["c", "d", "pk", "sk", "timeline", "x"],
        ),
        (
            "UpdateItem",
            {
                "Key": _HELD,
                "UpdateExpression": "SET #0 = :0, #1 = :1",
                "ExpressionAttributeNames": {"#0": "status", "#1": "decidedBy"},
            },
            ["approval#a"],
            ["decidedBy", "pk", "sk", "status"],
        ),
        (
            "Query",
            {
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :begins)",
                "ExpressionAttributeValues": {":pk": {"S": "digest#d"}, ":begins": {"S": "x"}},
            },
            ["digest#d"],
            ["pk", "sk"],
        ),
        ("Scan", {}, None, None),
    ],
)
def test_a_call_on_items_names_their_keys_and_attributes(
    call: str, parameters: dict[str, Any], keys: list[str] | None, attributes: list[str] | None
) -> None:
    [needed] = requests_of("dynamodb", call, {"TableName": "records", **parameters}, CALLER)
    assert needed.context.get("dynamodb:LeadingKeys") == keys
    assert needed.context.get("dynamodb:Attributes") == attributes


def test_a_batch_names_the_key_of_each_item_and_a_transaction_is_judged_item_by_item() -> None:
    batch = {"RequestItems": {"records": {"Keys": [_HELD, _OTHER]}}}
    [read] = requests_of("dynamodb", "BatchGetItem", batch, CALLER)
    assert read.context["dynamodb:LeadingKeys"] == ["approval#a", "evidence#r"]
    items = [
        {"ConditionCheck": {"TableName": "records", "Key": _HELD}},
        {"Put": {"TableName": "records", "Item": _OTHER}},
    ]
    both = requests_of("dynamodb", "TransactWriteItems", {"TransactItems": items}, CALLER)
    assert [one.context["dynamodb:LeadingKeys"] for one in both] == [["approval#a"], ["evidence#r"]]


# -- what becomes of it


def _client(enforcement: Enforcement, service: str) -> Any:
    """A client whose calls are judged, and answered with nothing where they are allowed."""
    session = boto3.Session("AKIALOCAL", "local", region_name=REGION)
    enforcement.watch(session.events)

    def nothing(request: Any, **_: Any) -> Any:
        return answered(request.url, 200, "{}")

    session.events.register_last("before-send.*.*", nothing)
    return session.client(  # pyright: ignore[reportCallIssue]  # the service's name is known at run time only
        service,  # pyright: ignore[reportArgumentType]
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )


def _enforcing(*statements: dict[str, Any]) -> Enforcement:
    """Under statements that allow what they name, wherever, unless they say otherwise."""
    enforcement = Enforcement()
    caller = asdict(CALLER)
    usual = {"Effect": "Allow", "Resource": "*"}
    enforcement.begin(caller, [{"Statement": [{**usual, **statement} for statement in statements]}])
    return enforcement


def test_a_refused_call_fails_in_awss_words() -> None:
    enforcement = _enforcing({"Action": "sagemaker:Describe*"})
    client = _client(enforcement, "sagemaker")
    client.describe_endpoint(EndpointName="Fraud")
    with pytest.raises(ClientError) as caught:
        client.delete_endpoint_config(EndpointConfigName="Fraud-2")
    assert error_code(caught.value) == "AccessDeniedException"
    said = (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/Twins/twins is not authorized to perform: "
        f"sagemaker:DeleteEndpointConfig on resource: {FRAUD_CONFIG} because no identity-based policy allows "
        "the sagemaker:DeleteEndpointConfig action"
    )
    assert error_message(caught.value) == said
    described = ("sagemaker:DescribeEndpoint", CALLER.arn("sagemaker", "endpoint/Fraud"), "")
    assert enforcement.report() == {"allowed": [described], "refused": [said]}


def test_a_service_of_the_older_protocol_refuses_in_its_own_form() -> None:
    client = _client(_enforcing({"Action": "iam:*", "Effect": "Deny"}), "iam")
    with pytest.raises(ClientError, match="with an explicit deny in an identity-based policy") as caught:
        client.simulate_principal_policy(PolicySourceArn=EXECUTION_ROLE, ActionNames=["kms:Decrypt"])
    assert error_code(caught.value) == "AccessDenied"
    assert EXECUTION_ROLE in error_message(caught.value)


@pytest.mark.parametrize(("key", "allowed"), [(KEY, True), (KEY[:-1], False), ("", False)])
def test_what_is_judged_is_the_body_that_is_really_sent(key: str, allowed: bool) -> None:
    """The gateway hands botocore a name, and puts the whole config into the call at the last moment."""
    with_key = {"ArnEquals": {"sagemaker:VolumeKmsKey": KEY}}
    enforcement = _enforcing(
        {"Action": "sagemaker:CreateEndpointConfig", "Condition": with_key},
        {"Action": ["kms:*", "sagemaker:AddTags"]},
    )
    gateway = SageMaker(_client(enforcement, "sagemaker"))
    body = as_request({"EndpointConfigName": "Fraud-2"} | ({"KmsKeyId": key} if key else {}))
    if allowed:
        gateway.create_config(body, {"team": "risk"})
        assert ("sagemaker:AddTags", FRAUD_CONFIG, "") in enforcement.report()["allowed"]
    else:
        with pytest.raises(RequestRefused, match="not authorized to perform: sagemaker:CreateEndpointConfig"):
            gateway.create_config(body, {"team": "risk"})


def test_a_call_that_nobody_thought_of_is_refused_by_name() -> None:
    enforcement = _enforcing({"Action": "*"})
    with pytest.raises(UnknownCallError, match=r"sagemaker\.ListModels"):
        _client(enforcement, "sagemaker").list_models()
    assert "sagemaker.ListModels" in enforcement.report()["refused"][0]
