"""DescribeEndpoint's answer, made from an endpoint's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.sagemaker.lifecycle import Endpoint, Status

if TYPE_CHECKING:
    from local.sagemaker.deployment import Deployment, Variant

Json = dict[str, Any]

# what an endpoint's description repeats from its config as it stands
_REPEATED = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig", "CrossRegionTrafficConfig")
_REPEATED_OF_VARIANT = ("ManagedInstanceScaling", "RoutingConfig", "AcceleratorPartitionLayouts")
_REPEATED_OF_PENDING_VARIANT = (*_REPEATED_OF_VARIANT, "InstanceType", "AcceleratorType")


def describe(endpoint: Endpoint) -> Json:
    live, pending = endpoint.live, endpoint.pending
    shown = live or pending
    description: Json = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointStatus": endpoint.status,
        "CreationTime": round(endpoint.created, 3),
        "LastModifiedTime": round(endpoint.modified, 3),
    }
    if shown:
        description["EndpointConfigName"] = shown.config_name
    if live:
        description |= _running(endpoint, live)
    if pending and endpoint.status in {Status.CREATING, Status.UPDATING}:
        description["PendingDeploymentSummary"] = _pending(endpoint, pending)
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
        "CreationTime": round(endpoint.created, 3),
        "LastModifiedTime": round(endpoint.modified, 3),
        "EndpointStatus": endpoint.status,
    }


def _running(endpoint: Endpoint, live: Deployment) -> Json:
    # a variant has a status of its own only while its capacity changes: a new config has a new fleet
    scaling = endpoint.status is Status.UPDATING and not endpoint.pending
    status = _variant_status("Updating", endpoint.since) if scaling else {}
    described: Json = {key: live.config[key] for key in _REPEATED if live.config.get(key) is not None}
    described["ProductionVariants"] = [_variant(v, _REPEATED_OF_VARIANT) | status for v in live.variants]
    if live.shadows:
        described["ShadowProductionVariants"] = [
            _variant(v, _REPEATED_OF_VARIANT) | status for v in live.shadows
        ]
    if live.data_capture:
        described["DataCaptureConfig"] = _data_capture(live.data_capture, endpoint.status)
    return described


def _pending(endpoint: Endpoint, pending: Deployment) -> Json:
    status = _variant_status("Creating", endpoint.since)
    summary: Json = {
        "EndpointConfigName": pending.config_name,
        "StartTime": round(pending.started, 3),
        "ProductionVariants": [_variant(v, _REPEATED_OF_PENDING_VARIANT) | status for v in pending.variants],
    }
    if pending.shadows:
        summary["ShadowProductionVariants"] = [
            _variant(v, _REPEATED_OF_PENDING_VARIANT) | status for v in pending.shadows
        ]
    return summary


def _variant_status(status: str, since: float) -> Json:
    return {"VariantStatus": [{"Status": status, "StartTime": round(since, 3)}]}


def _variant(variant: Variant, repeated: tuple[str, ...]) -> Json:
    current, desired, stated = variant.current, variant.desired, variant.stated
    summary: Json = {
        "VariantName": variant.name,
        "CurrentWeight": current.weight,
        "DesiredWeight": desired.weight,
        "CurrentInstanceCount": current.instances,
    }
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
                "CurrentInstanceCount": current.instances if i == first else 0,
            }
            for i, pool in enumerate(pools)
        ]
    return summary | {key: stated[key] for key in repeated if stated.get(key) is not None}


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
