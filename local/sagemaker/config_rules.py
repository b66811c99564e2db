"""What a config may not combine, and which config an endpoint may not be updated to.

These are rules between members, which the model of the service can't state. Where only the refusal is
known, the text is ours: "(text not recorded)".
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from local.sagemaker.errors import invalid

if TYPE_CHECKING:
    from local.sagemaker.deployment import Deployment

Json = dict[str, Any]

_HOSTS = ("InstanceType", "InstancePools", "ServerlessConfig")


def check_config(request: Json, *, accepts_old_bodies: bool) -> None:
    """Refuse what CreateEndpointConfig refuses.

    Raises
    ------
    ServiceError
        `ValidationException`.
    """
    production: list[Json] = request["ProductionVariants"]
    shadows: list[Json] = request.get("ShadowProductionVariants") or []
    variants = [*production, *shadows]
    _check_composition(production, shadows)
    for variant in variants:
        _check_host(variant)
    if any(variant.get("ServerlessConfig") for variant in variants):
        _check_serverless(request, variants)
    if not all(variant.get("ModelName") for variant in variants) and not request.get("ExecutionRoleArn"):
        # documented for inference components (text not recorded)
        raise invalid("ExecutionRoleArn is required when a production variant has no ModelName.")
    if not accepts_old_bodies:
        _check_members_of_models(request, variants)


def check_replacement(live: Deployment, new: Deployment) -> None:
    """Refuse what UpdateEndpoint refuses between a serverless fleet and instances.

    Both from aws-controllers-k8s/sagemaker-controller PR 193 (texts not recorded).

    Raises
    ------
    ServiceError
        `ValidationException`.
    """
    was_serverless = {v.name: v.is_serverless for v in (*live.variants, *live.shadows)}
    becomes_serverless = {v.name: v.is_serverless for v in (*new.variants, *new.shadows)}
    if any(becomes_serverless.values()) and not all(was_serverless.values()):
        raise invalid("An endpoint with instances can't be updated to a serverless endpoint.")
    changed = [name for name, was in was_serverless.items() if was and becomes_serverless.get(name) is False]
    if changed:
        raise invalid(f'The serverless variant "{changed[0]}" can\'t be updated to one with instances.')


def _check_composition(production: list[Json], shadows: list[Json]) -> None:
    if shadows and (len(production), len(shadows)) != (1, 1):
        raise invalid(
            "You can specify only one variant in ProductionVariants and one variant in "
            "ShadowProductionVariants."
        )
    for name, count in Counter(variant["VariantName"] for variant in (*production, *shadows)).items():
        if count > 1:
            raise invalid(f'Variant names must be unique: "{name}" is used {count} times.')


def _check_host(variant: Json) -> None:
    if sum(bool(variant.get(host)) for host in _HOSTS) != 1:
        raise invalid(
            "Exactly one of InstanceType, InstancePools and ServerlessConfig is needed for variant "
            f'"{variant["VariantName"]}".'
        )


def _check_serverless(request: Json, variants: list[Json]) -> None:
    """All four from aws-controllers-k8s/sagemaker-controller PR 193 (texts not recorded)."""
    if len(variants) > 1:
        raise invalid("A serverless endpoint has one variant only.")
    if variants[0].get("VolumeSizeInGB") is not None:
        raise invalid("VolumeSizeInGB is not supported for serverless endpoints.")
    for member in ("DataCaptureConfig", "AsyncInferenceConfig"):
        if request.get(member):
            raise invalid(f"{member} is not supported for serverless endpoints.")


def _check_members_of_models(request: Json, variants: list[Json]) -> None:
    """What AWS accepted beside a ModelName for years, and refuses today."""
    modelled = [variant for variant in variants if variant.get("ModelName")]
    if any(variant.get("ManagedInstanceScaling") for variant in modelled):
        # hashicorp/terraform-provider-aws issue 45926
        raise invalid("ManagedInstanceScaling is only supported for inference component endpoints.")
    if modelled and request.get("EnableNetworkIsolation"):
        # hashicorp/terraform-provider-aws PR 48738 (text not recorded)
        raise invalid("EnableNetworkIsolation is only supported for inference component endpoints.")
