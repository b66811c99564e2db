"""Models, endpoint configs and tags: kept verbatim, found, refused, deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from local.sagemaker.validation import service_model
from tests.local.sagemaker.account import (
    ACCOUNT_ID,
    REGION,
    ROLE,
    STAMPED,
    START,
    Account,
    received_bodies,
    refusal,
    send_body,
    variant,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CONFIG_ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:endpoint-config"


def test_a_config_comes_back_as_it_was_sent(account: Account) -> None:
    sent: dict[str, Any] = {
        "EndpointConfigName": "Full",
        "ProductionVariants": [
            variant(VolumeSizeInGB=30, CoreDumpConfig={"DestinationS3Uri": "s3://dumps/"})
        ],
        "ShadowProductionVariants": [variant("shadow", InitialVariantWeight=0.5, VolumeSizeInGB=40)],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 50,
            "DestinationS3Uri": "s3://captures/shop",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://answers/"}},
        "KmsKeyId": KEY,
        "ExecutionRoleArn": ROLE,
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
        "EnableNetworkIsolation": False,
        "MetricsConfig": {"EnableEnhancedMetrics": True},
    }
    bodies = received_bodies(account.sagemaker, "DescribeEndpointConfig")

    created = account.sagemaker.create_endpoint_config(**sent, Tags=[{"Key": "team", "Value": "churn"}])
    account.sagemaker.describe_endpoint_config(EndpointConfigName="Full")

    assert created["EndpointConfigArn"] == f"{CONFIG_ARN}/Full"
    assert bodies == [{**sent, "EndpointConfigArn": f"{CONFIG_ARN}/Full", "CreationTime": START + STAMPED}]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8") | st.sampled_from("\x00\u2028\ud800")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KNOWN_FIELDS = {
    name
    for shape in ("CreateEndpointConfigInput", "DescribeEndpointConfigOutput", "ProductionVariant")
    for name in service_model().shape_for(shape).members  # pyright: ignore[reportAttributeAccessIssue] -- structures all
}
unknown_fields = st.dictionaries(
    st.text(min_size=1, max_size=20).filter(lambda name: name not in KNOWN_FIELDS), json_values, max_size=4
)


@pytest.fixture(scope="module")
def long_lived() -> Iterator[Account]:
    with Account() as account:
        account.create_model()
        yield account


@settings(max_examples=60, deadline=None)
@given(outside=unknown_fields, inside=unknown_fields)
def test_fields_that_no_sdk_knows_survive(
    long_lived: Account, outside: dict[str, Any], inside: dict[str, Any]
) -> None:
    client = long_lived.client()
    name = f"config-{len(long_lived.hosting.calls)}"
    sent_variant = {**variant(), **inside}
    send_body(client, "CreateEndpointConfig", {**outside, "ProductionVariants": [sent_variant]})
    bodies = received_bodies(client, "DescribeEndpointConfig")

    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[])
    client.describe_endpoint_config(EndpointConfigName=name)
    client.close()

    assert as_text(bodies[0]) == as_text(
        {
            **outside,
            "EndpointConfigName": name,
            "ProductionVariants": [sent_variant],
            "EnableNetworkIsolation": False,
            "EndpointConfigArn": f"{CONFIG_ARN}/{name}",
            "CreationTime": START + STAMPED,
        }
    )


def as_text(body: Any) -> str:
    """JSON compared to the letter: 1, 1.0 and true are three things."""
    return json.dumps(body, sort_keys=True)


def test_a_models_body_comes_back_as_it_was_sent(account: Account) -> None:
    account.create_model("Other", Containers=[{"Image": "a:1"}, {"Image": "b:1"}])

    model = account.sagemaker.describe_model(ModelName="Other")

    assert [container["Image"] for container in model["Containers"]] == ["a:1", "b:1"]
    assert model["ModelArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:model/Other"
    assert model["EnableNetworkIsolation"] is False


@pytest.mark.parametrize("name", ["plain", "PLAIN"])
def test_a_config_name_is_taken_once(account: Account, name: str) -> None:
    account.create_config("plain")

    with pytest.raises(ClientError) as raised:
        account.create_config(name)

    assert refusal(raised) == (
        "ValidationException",
        f'Cannot create already existing endpoint configuration "{CONFIG_ARN}/{name}".',
    )


def test_a_model_name_is_taken_once(account: Account) -> None:
    with pytest.raises(ClientError, match="Cannot create already existing model") as raised:
        account.create_model()
    assert refusal(raised)[0] == "ValidationException"


@pytest.mark.parametrize(
    "fields",
    [
        {"variants": [variant(model="Gone")]},
        {"variants": [variant()], "ShadowProductionVariants": [variant("shadow", model="Gone")]},
        {
            "variants": [
                variant(
                    InstanceType=None,
                    InstancePools=[
                        {"InstanceType": "ml.g5.xlarge", "Priority": 1, "ModelNameOverride": "Gone"}
                    ],
                )
            ]
        },
    ],
)
def test_a_config_needs_its_models(account: Account, fields: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as raised:
        account.create_config(**fields)

    assert refusal(raised) == (
        "ValidationException",
        f'Could not find model "arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:model/Gone".',
    )
    assert account.sagemaker.list_endpoint_configs()["EndpointConfigs"] == []


def test_a_config_without_models_is_fine(account: Account) -> None:
    account.create_config("components", [variant(model=None)], ExecutionRoleArn=ROLE)

    variants = account.sagemaker.describe_endpoint_config(EndpointConfigName="components")[
        "ProductionVariants"
    ]
    assert "ModelName" not in variants[0]


@pytest.mark.parametrize(
    ("variants", "fields", "rule"),
    [
        ([variant("a"), variant("a")], {}, "unique"),
        ([variant("a"), variant("b")], {"ShadowProductionVariants": [variant("c")]}, "only one variant"),
        ([variant(InstanceType=None)], {}, "Exactly one of"),
        ([variant(ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})], {}, "Exactly one of"),
    ],
)
def test_rules_between_fields(account: Account, variants: Any, fields: Any, rule: str) -> None:
    with pytest.raises(ClientError, match=rule):
        account.create_config("odd", variants, **fields)


def test_a_new_config_is_found_only_after_a_while(account: Account) -> None:
    account.create_config("old")
    account.clock.advance(60)
    account.create_endpoint("shop", "old")
    account.hosting.faults.config_visible_after = 30
    account.create_config("New")
    missing = ("ValidationException", f'Could not find endpoint configuration "{CONFIG_ARN}/New".')
    reads = [
        lambda: account.sagemaker.describe_endpoint_config(EndpointConfigName="New"),
        lambda: account.sagemaker.create_endpoint(EndpointName="other", EndpointConfigName="New"),
        lambda: account.sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName="New"),
    ]

    for read in reads:
        with pytest.raises(ClientError) as raised:
            read()
        assert refusal(raised) == missing
    with pytest.raises(ClientError, match="Cannot create already existing"):
        account.create_config("New")

    account.clock.advance(30)
    for read in reads:
        read()


def test_what_is_deleted_is_gone(account: Account) -> None:
    account.create_config("plain")
    account.sagemaker.delete_endpoint_config(EndpointConfigName="plain")
    account.sagemaker.delete_model(ModelName="churn")

    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        account.sagemaker.describe_endpoint_config(EndpointConfigName="plain")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        account.sagemaker.delete_endpoint_config(EndpointConfigName="plain")
    with pytest.raises(ClientError, match="Could not find model"):
        account.sagemaker.describe_model(ModelName="churn")
    assert account.hosting.violations == []


def test_names_are_case_sensitive_so_old_arns_are_no_names(account: Account) -> None:
    account.hosting.faults.lower_case_arns = True
    arn = account.sagemaker.describe_endpoint_config(EndpointConfigName=account.create_config("Plain"))[
        "EndpointConfigArn"
    ]

    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        account.sagemaker.describe_endpoint_config(EndpointConfigName=arn.rpartition("/")[2])


# -- tags


def tags_of(account: Account, arn: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in account.sagemaker.list_tags(ResourceArn=arn)["Tags"]}


def test_tags_are_added_listed_and_deleted(account: Account) -> None:
    arn = f"{CONFIG_ARN}/plain"
    account.create_config("Plain", Tags=[{"Key": "team", "Value": "churn"}])

    added = account.sagemaker.add_tags(
        ResourceArn=arn, Tags=[{"Key": "team", "Value": "risk"}, {"Key": "größe", "Value": ""}]
    )
    assert added["Tags"] == [{"Key": "team", "Value": "risk"}, {"Key": "größe", "Value": ""}]
    account.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team", "absent"])

    assert tags_of(account, f"{CONFIG_ARN}/Plain") == {"größe": ""}


@pytest.mark.parametrize("key", ["aws:cloudformation:stack-name", "AWS:mine"])
def test_system_tags_are_not_the_customers_to_set(account: Account, key: str) -> None:
    reserved = ("ValidationException", f"System prefix 'aws:' reserved for AWS usage in tag key: {key}")
    account.create_config("plain")
    tags: Any = [{"Key": key, "Value": "x"}]

    for change in (
        lambda: account.create_config("other", Tags=tags),
        lambda: account.sagemaker.create_endpoint(EndpointName="shop", EndpointConfigName="plain", Tags=tags),
        lambda: account.sagemaker.add_tags(ResourceArn=f"{CONFIG_ARN}/plain", Tags=tags),
        lambda: account.sagemaker.delete_tags(ResourceArn=f"{CONFIG_ARN}/plain", TagKeys=[key]),
    ):
        with pytest.raises(ClientError) as raised:
            change()
        assert refusal(raised) == reserved
    assert account.sagemaker.list_endpoints()["Endpoints"] == []
    assert len(account.sagemaker.list_endpoint_configs()["EndpointConfigs"]) == 1


def test_aws_itself_sets_system_tags(account: Account) -> None:
    account.create_config("plain", Tags=[{"Key": "team", "Value": "churn"}])

    account.hosting.set_system_tags(f"{CONFIG_ARN}/plain", {"aws:cloudformation:stack-name": "shop"})

    assert tags_of(account, f"{CONFIG_ARN}/plain") == {
        "team": "churn",
        "aws:cloudformation:stack-name": "shop",
    }


def test_a_resource_has_fifty_tags_at_most(account: Account) -> None:
    arn = f"{CONFIG_ARN}/{account.create_config('plain')}"
    account.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": f"key-{i}", "Value": ""} for i in range(50)])

    with pytest.raises(ClientError, match="limit of 50"):
        account.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "one-more", "Value": ""}])
    assert len(tags_of(account, arn)) == 50


def test_tags_of_nothing(account: Account) -> None:
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        account.sagemaker.list_tags(ResourceArn=f"{CONFIG_ARN}/none")
