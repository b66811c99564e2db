"""Requests of the wrong form, refused in the service's own words."""

from __future__ import annotations

from typing import Any, cast, get_args

import pytest
from botocore.exceptions import ClientError

from local.sagemaker.errors import ServiceError
from local.sagemaker.protocol import Operation
from local.sagemaker.validation import check_request, compiled, service_model
from tests.local.sagemaker.account import Account, refusal, send_body, variant

TOPIC = r"arn:aws[a-z\-]*:sns:[a-z0-9\-]*:[0-9]{12}:[a-zA-Z0-9_.-]+"


def words(operation: str, request: dict[str, Any]) -> str:
    with pytest.raises(ServiceError) as raised:
        check_request(operation, request)
    assert raised.value.code == "ValidationException"
    return raised.value.message


def config(**fields: Any) -> dict[str, Any]:
    return {"EndpointConfigName": "plain", "ProductionVariants": [variant()], **fields}


def test_a_good_request_passes() -> None:
    check_request("CreateEndpointConfig", config(KmsKeyId="alias/x", Brand={"new": [1]}, VpcConfig=None))


@pytest.mark.parametrize(
    ("fields", "value", "at", "constraint"),
    [
        ({"EndpointConfigName": None}, "null", "endpointConfigName", "Member must not be null"),
        (
            {"ProductionVariants": [variant(), {"ModelName": "churn"}]},
            "null",
            "productionVariants.2.member.variantName",
            "Member must not be null",
        ),
        (
            {"ProductionVariants": [variant(model="ENTER MODEL NAME")]},
            "'ENTER MODEL NAME'",
            "productionVariants.1.member.modelName",
            r"Member must satisfy regular expression pattern: [a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?",
        ),
        (
            {"EndpointConfigName": "a" * 64},
            f"'{'a' * 64}'",
            "endpointConfigName",
            "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            {"ProductionVariants": []},
            "'[]'",
            "productionVariants",
            "Member must have length greater than or equal to 1",
        ),
        (
            {"ProductionVariants": [variant(count=0)]},
            "'0'",
            "productionVariants.1.member.initialInstanceCount",
            "Member must have value greater than or equal to 1",
        ),
        (
            {"ProductionVariants": [variant(InitialVariantWeight=-0.5)]},
            "'-0.5'",
            "productionVariants.1.member.initialVariantWeight",
            "Member must have value greater than or equal to 0",
        ),
        (
            {"AsyncInferenceConfig": {"OutputConfig": {"NotificationConfig": {"SuccessTopic": "me"}}}},
            "'me'",
            "asyncInferenceConfig.outputConfig.notificationConfig.successTopic",
            f"Member must satisfy regular expression pattern: {TOPIC}",
        ),
        (
            {"VpcConfig": {"SecurityGroupIds": ["sg-1", "sg 2"], "Subnets": ["s"]}},
            "'[sg-1, sg 2]'",
            "vpcConfig.securityGroupIds",
            "Member must satisfy constraint: [Member must satisfy regular expression pattern: [-0-9a-zA-Z]+]",
        ),
    ],
)
def test_one_violation(fields: dict[str, Any], value: str, at: str, constraint: str) -> None:
    message = words("CreateEndpointConfig", config(**fields))
    expected = f"Value {value} at '{at}' failed to satisfy constraint: {constraint}"
    assert message == f"1 validation error detected: {expected}"


def test_enum() -> None:
    message = words("ListEndpoints", {"SortOrder": "Up"})
    assert message == (
        "1 validation error detected: Value 'Up' at 'sortOrder' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Ascending, Descending]"
    )


def test_maps() -> None:
    environment = {"ok": "x", "1no": "y" * 1025}
    message = words("CreateModel", {"ModelName": "m", "PrimaryContainer": {"Environment": environment}})
    assert message.startswith("2 validation errors detected: Value '{ok=x, 1no=yyy")
    assert "Map keys must satisfy constraint: [Member must satisfy regular expression" in message
    assert (
        "Map value must satisfy constraint: [Member must have length less than or equal to 1024]" in message
    )


def test_all_violations_are_reported_at_once() -> None:
    message = words("UpdateEndpoint", {"EndpointName": "-"})
    assert message.startswith("2 validation errors detected: Value '-' at 'endpointName' failed")
    assert message.endswith(
        "; Value null at 'endpointConfigName' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"ProductionVariants": [variant(count=cast("int", "2"))]},
            "STRING_VALUE can not be converted to an Integer",
        ),
        ({"EnableNetworkIsolation": "true"}, "STRING_VALUE can not be converted to a Boolean"),
        ({"EnableNetworkIsolation": 1}, "NUMBER_VALUE can not be converted to a Boolean"),
        (
            {"ProductionVariants": [variant(count=cast("int", True))]},
            "TRUE_VALUE can not be converted to an Integer",
        ),
        (
            {"ProductionVariants": [variant(count=cast("int", 1.5))]},
            "NUMBER_VALUE can not be converted to an Integer",
        ),
        ({"KmsKeyId": 7}, "NUMBER_VALUE can not be converted to a String"),
        ({"KmsKeyId": ["k"]}, "Start of structure or map found where not expected."),
        ({"ProductionVariants": "blue"}, "STRING_VALUE can not be converted to a Collection"),
        (
            {"VpcConfig": {"SecurityGroupIds": [None], "Subnets": ["s"]}},
            "NULL_VALUE can not be converted to a String",
        ),
    ],
)
def test_a_value_of_the_wrong_type_cannot_be_read(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceError) as raised:
        check_request("CreateEndpointConfig", config(**fields))
    assert (raised.value.code, raised.value.message) == ("SerializationException", message)


@pytest.mark.parametrize(
    ("key", "fine"),
    [("team", True), ("größe 1_.:/=+-@", True), ("名前", True), ("a#b", False), ("a\tb", False)],
)
def test_unicode_categories_in_patterns(key: str, *, fine: bool) -> None:
    request = config(Tags=[{"Key": key, "Value": "x"}])
    if fine:
        check_request("CreateEndpointConfig", request)
    else:
        assert "'tags.1.member.key'" in words("CreateEndpointConfig", request)


def test_every_pattern_of_the_operations_compiles() -> None:
    seen: set[str] = set()
    patterns: set[str] = set()

    def walk(shape: Any) -> None:
        if shape.name in seen:
            return
        seen.add(shape.name)
        if shape.metadata.get("pattern"):
            patterns.add(shape.metadata["pattern"])
        inner = {"structure": ["members"], "list": ["member"], "map": ["key", "value"]}
        for attribute in inner.get(shape.type_name, []):
            found = getattr(shape, attribute)
            for member in found.values() if attribute == "members" else [found]:
                walk(member)

    for operation in get_args(Operation):
        walk(service_model().operation_model(operation).input_shape)
    assert len(patterns) > 20
    for pattern in patterns:
        compiled(pattern)


def test_a_refused_request_changes_nothing(account: Account) -> None:
    send_body(account.sagemaker, "CreateEndpointConfig", {"KmsKeyId": "not a key"})

    with pytest.raises(ClientError) as raised:
        account.create_config("plain")

    code, message = refusal(raised)
    assert code == "ValidationException"
    assert message == (
        "1 validation error detected: Value 'not a key' at 'kmsKeyId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9:/_-]*"
    )
    assert account.sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
