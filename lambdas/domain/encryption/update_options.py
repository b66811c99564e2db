"""How an endpoint is updated: what is retained of the live one, and how traffic shifts (docs/facts.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdas.domain.encryption.assessment import variants_of

# Retains what autoscaling and people set on the live endpoint, and its last deployment policy.
RETAIN_LIVE_SETTINGS: Mapping[str, Any] = {"RetainAllVariantProperties": True, "RetainDeploymentConfig": True}

_ALL_AT_ONCE = "ALL_AT_ONCE"
_WITHOUT_GUARDRAILS = "ml.inf1."


def update_options(
    endpoint: Mapping[str, Any], config: Mapping[str, Any], deployment_config: Mapping[str, Any] | None
) -> tuple[dict[str, Any], str | None]:
    """The options of the UpdateEndpoint call, and a note for the approver, if there is anything to note.

    An endpoint with a deployment policy keeps it. One without gets the setting `deployment_config`, if
    SageMaker supports that for it:
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
    """
    if deployment_config is None or _has_policy(endpoint.get("LastDeploymentConfig") or {}):
        return dict(RETAIN_LIVE_SETTINGS), None
    if why := _excluded(config, rolling="RollingUpdatePolicy" in deployment_config):
        return dict(RETAIN_LIVE_SETTINGS), f"The deployment policy in the settings is not used: {why}."
    return {"RetainAllVariantProperties": True, "DeploymentConfig": dict(deployment_config)}, None


def for_the_call(options: Mapping[str, Any], endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The options to send. It is not known how AWS responds to retaining a policy that doesn't exist."""
    if endpoint.get("LastDeploymentConfig"):
        return dict(options)
    return {name: value for name, value in options.items() if name != "RetainDeploymentConfig"}


def in_words(options: Mapping[str, Any]) -> str:
    """How the traffic shifts to the new instances."""
    chosen = options.get("DeploymentConfig")
    if chosen is None:
        return "the way the endpoint's last deployment did (all at once by default)"
    alarms = len((chosen.get("AutoRollbackConfiguration") or {}).get("Alarms") or ())
    watched = f", rolled back if one of {alarms} alarms fires" if alarms else ""
    if rolling := chosen.get("RollingUpdatePolicy"):
        return f"in rolling batches of {_size(rolling['MaximumBatchSize'])}{watched}"
    routing = chosen["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    kind, minutes = str(routing["Type"]), round(int(routing["WaitIntervalInSeconds"]) / 60)
    step = routing.get("CanarySize") if kind == "CANARY" else routing.get("LinearStepSize")
    if step is None:
        return f"all at once{watched}"
    pattern = "first" if kind == "CANARY" else "in steps of"
    return f"{pattern} {_size(step)}, then a wait of {minutes} min{watched}"


def _size(capacity: Mapping[str, Any]) -> str:
    unit = "%" if capacity["Type"] == "CAPACITY_PERCENT" else " instances"
    return f"{capacity['Value']}{unit}"


def _has_policy(last: Mapping[str, Any]) -> bool:
    """Whether a deployment config says more than SageMaker's default: all at once, at once."""
    blue_green = last.get("BlueGreenUpdatePolicy") or {}
    routing = blue_green.get("TrafficRoutingConfiguration") or {}
    return bool(
        last.get("RollingUpdatePolicy")
        or (last.get("AutoRollbackConfiguration") or {}).get("Alarms")
        or routing.get("Type", _ALL_AT_ONCE) != _ALL_AT_ONCE
        or routing.get("WaitIntervalInSeconds")
        or blue_green.get("TerminationWaitInSeconds")
    )


def _excluded(config: Mapping[str, Any], *, rolling: bool) -> str | None:
    """Why SageMaker can't follow a deployment policy; None if it can."""
    variants = [variant for _, variant in variants_of(config)]
    if any(str(variant.get("InstanceType", "")).startswith(_WITHOUT_GUARDRAILS) for variant in variants):
        return "SageMaker supports none for Inf1 instances"
    if rolling and any(variant.get("ServerlessConfig") for variant in variants):
        return "SageMaker supports no rolling updates for serverless endpoints"
    if rolling and len(variants) > 1:
        return "SageMaker supports no rolling updates for endpoints with several variants"
    return None
