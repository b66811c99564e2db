"""Every kind of endpoint is encrypted, backed out, and encrypted again, on a stand-in as strict as AWS."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from local.people import Loop

pytestmark = pytest.mark.xdist_group("world")

_ROLE = "arn:aws:iam::123456789012:role/Execution"
_PLAIN = {"InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 2}

Members = Callable[[Loop], dict[str, Any]]


def plain(loop: Loop) -> dict[str, Any]:
    """The commonest endpoint there is: no size, no weight, nothing else."""
    return {"ProductionVariants": [{"VariantName": "a", "ModelName": loop.model, **_PLAIN}]}


def serverless(loop: Loop) -> dict[str, Any]:
    config = {"MemorySizeInMB": 2048, "MaxConcurrency": 20}
    return {"ProductionVariants": [{"VariantName": "a", "ModelName": loop.model, "ServerlessConfig": config}]}


def with_a_shadow(loop: Loop) -> dict[str, Any]:
    variant = {"ModelName": loop.model, "InitialVariantWeight": 1.0, **_PLAIN}
    return {
        "ProductionVariants": [{"VariantName": "a", **variant}],
        "ShadowProductionVariants": [{"VariantName": "shadow", **variant, "InitialVariantWeight": 0.5}],
    }


def for_inference_components(_: Loop) -> dict[str, Any]:
    scaling = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 4}
    routing = {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    return {
        "ExecutionRoleArn": _ROLE,
        "ProductionVariants": [
            {"VariantName": "a", **_PLAIN, "ManagedInstanceScaling": scaling, "RoutingConfig": routing}
        ],
    }


def everything(loop: Loop) -> dict[str, Any]:
    """As much as one config takes at once."""
    variant = {
        "VariantName": "a", "ModelName": loop.model, "InitialVariantWeight": 0.7, "VolumeSizeInGB": 64,
        "ModelDataDownloadTimeoutInSeconds": 900, "ContainerStartupHealthCheckTimeoutInSeconds": 600,
        "EnableSSMAccess": False, "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-2",
        "RoutingConfig": {"RoutingStrategy": "RANDOM"},
        "CoreDumpConfig": {"DestinationS3Uri": "s3://dumps/x"}, **_PLAIN,
    }  # fmt: skip
    return {
        "ProductionVariants": [variant, {**variant, "VariantName": "b", "InitialVariantWeight": 0.3}],
        "EnableNetworkIsolation": False,
        "DataCaptureConfig": {
            "EnableCapture": True, "InitialSamplingPercentage": 50, "DestinationS3Uri": "s3://captures/x",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
        "AsyncInferenceConfig": {
            "OutputConfig": {"S3OutputPath": "s3://answers/x", "S3FailurePath": "s3://failures/x"},
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
        },
        "ExplainerConfig": {"ClarifyExplainerConfig": {
            "ShapConfig": {"ShapBaselineConfig": {"MimeType": "text/csv", "ShapBaseline": "1,2,3"}}
        }},
        "Tags": [{"Key": "team", "Value": "risk"}],
    }  # fmt: skip


def _described(loop: Loop, name: str) -> dict[str, Any]:
    """A config without what tells it from its copies."""
    body: dict[str, Any] = loop.people.describe_endpoint_config(EndpointConfigName=name)
    identity = ("EndpointConfigName", "EndpointConfigArn", "CreationTime", "ResponseMetadata")
    return {member: value for member, value in body.items() if member not in identity}


def _without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """A body without some members, at whatever depth."""
    kept = {name: value for name, value in body.items() if name not in names}
    for name, value in kept.items():
        if isinstance(value, dict):
            kept[name] = _without(value, *names)
        elif isinstance(value, list):
            kept[name] = [_without(one, *names) if isinstance(one, dict) else one for one in value]
    return kept


@pytest.mark.parametrize("members", [plain, serverless, with_a_shadow, for_inference_components, everything])
def test_it_is_encrypted_backed_out_and_encrypted_again(loop: Loop, members: Members) -> None:
    loop.make_endpoint(**members(loop))
    original = _described(loop, loop.config)
    assert original["EnableNetworkIsolation"] is False, "the stand-in describes what AWS adds"

    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED", loop.record()["reason"]
    _assert_encrypted(loop, original)
    loop.people.delete_endpoint_config(EndpointConfigName=loop.config)  # so it is made again from the record

    loop.click("backout")
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"
    assert loop.status() == ("InService", loop.config)
    assert _described(loop, loop.config) == original

    loop.people.delete_tags(
        ResourceArn=loop.people.describe_endpoint(EndpointName=loop.name)["EndpointArn"],
        TagKeys=["sealpoint:exempt-until", "sealpoint:exempt-reason"],
    )
    again = loop.world.start(loop.name)
    loop.world.settle()
    loop.click("approve")
    assert loop.outcome(again) == "ENCRYPTED", loop.record()["reason"]
    _assert_encrypted(loop, original)


def _assert_encrypted(loop: Loop, original: dict[str, Any]) -> None:
    status, config = loop.status()
    assert (status, config != loop.config) == ("InService", True)
    twin = _described(loop, config)
    assert twin["KmsKeyId"] == loop.world.home.output("KmsKeyArn")
    not_compared = ("KmsKeyId", "VolumeSizeInGB")
    assert _without(twin, *not_compared) == _without(original, *not_compared)
    sizes = [variant.get("VolumeSizeInGB") for variant in original["ProductionVariants"]]
    kept = [variant["VolumeSizeInGB"] for variant in twin["ProductionVariants"]]
    assert all(before in (None, after) for before, after in zip(sizes, kept, strict=True))


def test_what_aws_added_is_on_record(loop: Loop) -> None:
    loop.make_endpoint(**plain(loop))
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED"
    [added] = loop.record()["twinAdditions"]
    assert added.startswith("ProductionVariants[0].VolumeSizeInGB: ")
    assert any(added in entry["what"] for entry in loop.record()["timeline"])


@pytest.mark.parametrize(
    "answer",
    [
        {"lower_case_arns": True},
        {"names_match_case": True},
        {"config_names_match_case": False},
        {"sizes_volumes_without_key": True},
        {"adds_network_isolation": False},
        {"refuses_retaining_no_deployment_config": True},
        {"shows_pending_after": math.inf},
        {"shows_pending_after": 3.0},
        {"shows_no_instances_while_replacing": False},
    ],
    ids=lambda answer: next(iter(answer)),
)
def test_it_works_whatever_aws_answers_where_that_is_not_recorded(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    for switch, value in answer.items():
        monkeypatch.setattr(loop.world.sagemaker.faults, switch, value)
    loop.name = f"Mixed-{loop.name}"
    loop.config = f"Mixed-{loop.config}"
    loop.make_endpoint(**plain(loop))
    loop.click("approve")
    assert loop.outcome() == "ENCRYPTED", loop.record()["reason"]
    loop.click("backout")
    assert loop.world.run(loop.backout())["outcome"] == "BACKED_OUT"
    assert loop.status() == ("InService", loop.config)
