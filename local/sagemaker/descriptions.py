"""DescribeEndpoint's answer, made from an endpoint's state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from local.sagemaker import lifecycle, times
from local.sagemaker.lifecycle import Endpoint, Status

if TYPE_CHECKING:
    from local.sagemaker.behaviour import Behaviour
    from local.sagemaker.deployment import Deployment, Variant

Json = dict[str, Any]

# what an endpoint's description repeats from its config as it stands
_REPEATED = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig", "CrossRegionTrafficConfig")
# without a model, too (aws-samples/sagemaker-genai-hosting-examples, falcon-40b-lmi-vllm-ic.ipynb)
_REPEATED_OF_VARIANT = ("ManagedInstanceScaling", "RoutingConfig", "AcceleratorPartitionLayouts")


def describe(endpoint: Endpoint, now: float, behaviour: Behaviour) -> Json:
    live, pending = endpoint.live, endpoint.pending
    shown = live or pending
    is_pending_shown = (
        pending is not None
        and endpoint.status in {Status.CREATING, Status.UPDATING}
        and now >= pending.requested + behaviour.shows_pending_after
    )
    description = summarise(endpoint)
    if shown:
        description["EndpointConfigName"] = shown.config_name
    if live:
        hides = is_pending_shown and behaviour.shows_no_instances_while_replacing
        description |= _running(endpoint, live, hides_instances=hides)
    if pending and is_pending_shown:
        description["PendingDeploymentSummary"] = _pending(endpoint, pending, now)
    if endpoint.deployment_config:
        description["LastDeploymentConfig"] = endpoint.deployment_config
    if endpoint.reason:
        description["FailureReason"] = endpoint.reason
    return description


def summarise(endpoint: Endpoint) -> Json:
    """One line of ListEndpoints."""
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": times.shown(endpoint.created),
        "LastModifiedTime": times.shown(endpoint.modified),
        "EndpointStatus": endpoint.status,
    }


def _running(endpoint: Endpoint, live: Deployment, *, hides_instances: bool) -> Json:
    # a variant has a status of its own only while its capacity changes: a new config has a new fleet
    scaling = endpoint.status is Status.UPDATING and not endpoint.pending
    status = _variant_status("Updating", int(endpoint.modified)) if scaling else {}

    def described(variants: tuple[Variant, ...]) -> list[Json]:
        return [_variant(variant, hides_instances=hides_instances) | status for variant in variants]

    running: Json = {key: live.config[key] for key in _REPEATED if live.config.get(key) is not None}
    running["ProductionVariants"] = described(live.variants)
    if live.shadows:
        running["ShadowProductionVariants"] = described(live.shadows)
    if live.data_capture:
        running["DataCaptureConfig"] = _data_capture(live.data_capture, endpoint.status)
    return running


def _pending(endpoint: Endpoint, pending: Deployment, now: float) -> Json:
    summary: Json = {
        "EndpointConfigName": pending.config_name,
        "StartTime": pending.started,
        "ProductionVariants": [_pending_variant(endpoint, variant, now) for variant in pending.variants],
    }
    if pending.shadows:
        summary["ShadowProductionVariants"] = [
            _pending_variant(endpoint, variant, now) for variant in pending.shadows
        ]
    return summary


def _pending_variant(endpoint: Endpoint, variant: Variant, now: float) -> Json:
    fleet = lifecycle.new_fleet(endpoint, variant.desired.instances, now)
    up = replace(variant.desired, instances=fleet.instances, serverless=variant.current.serverless)
    summary = _variant(replace(variant, current=up), hides_instances=False)
    summary |= _variant_status(fleet.status, fleet.since, fleet.message)
    stated = variant.stated
    if stated.get("InstanceType"):
        # 'm5.xlarge' in OneNishitRathod's Canary notebook, update 2
        summary["InstanceType"] = stated["InstanceType"].removeprefix("ml.")
    if stated.get("AcceleratorType"):
        summary["AcceleratorType"] = stated["AcceleratorType"]
    return summary


def _variant_status(status: str, since: int, message: str = "") -> Json:
    """StartTime has whole seconds (OneNishitRathod's Canary notebook, update 2)."""
    said = {"StatusMessage": message} if message else {}
    return {"VariantStatus": [{"Status": status, **said, "StartTime": since}]}


def _variant(variant: Variant, *, hides_instances: bool) -> Json:
    current, desired, stated = variant.current, variant.desired, variant.stated
    instances = 0 if hides_instances else current.instances
    summary: Json = {"VariantName": variant.name}
    if stated.get("ModelName"):
        # hashicorp/terraform-provider-aws, aws_sagemaker_endpoint_configuration: no weight without a model
        summary |= {"CurrentWeight": current.weight, "DesiredWeight": desired.weight}
    summary["CurrentInstanceCount"] = instances
    if variant.images:
        summary["DeployedImages"] = list(variant.images)
    if current.serverless:
        summary["CurrentServerlessConfig"] = current.serverless
        if desired.serverless != current.serverless:
            summary["DesiredServerlessConfig"] = desired.serverless
    else:
        summary["DesiredInstanceCount"] = desired.instances
    pools: list[Json] = stated.get("InstancePools") or []
    if pools:
        first = min(range(len(pools)), key=lambda i: pools[i]["Priority"])
        summary["InstancePools"] = [
            {
                "InstanceType": pool["InstanceType"],
                "CurrentInstanceCount": instances if i == first else 0,
            }
            for i, pool in enumerate(pools)
        ]
    return summary | {key: stated[key] for key in _REPEATED_OF_VARIANT if stated.get(key) is not None}


def _data_capture(config: Json, status: Status) -> Json:
    enabled = config.get("EnableCapture")
    enabled = True if enabled is None else enabled
    serving = status is not Status.OUT_OF_SERVICE
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled and serving else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        # a required field of the answer: empty where the config names no key
        "KmsKeyId": config.get("KmsKeyId") or "",
    }
