"""What would be done to an endpoint, recorded before a person is asked about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from lambdas.domain.encryption.assessment import Path, SurfaceAssessment
from lambdas.domain.encryption.twin import dotted, from_dotted, plan_hash, twin_name
from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.record import ManagedBy, SurfaceEntry, Variant
from lambdas.domain.vocabulary import Surface


class Facts(TypedDict):
    """What the record learns when an endpoint is found unencrypted; see `record.Remediation`."""

    endpointArn: str
    endpointStatus: str
    variants: list[Variant]
    sourceConfigName: str
    keyArn: str
    surfaceKeys: list[SurfaceEntry]
    updateOptions: dict[str, Any]
    planHash: str
    foundPlanHash: str
    plannedTwinName: str
    notes: list[str]


class DecisionFacts(TypedDict):
    """What the record learns about how the endpoint will be decided."""

    route: str
    approvalMode: str
    approvalsNeeded: int
    managedBy: NotRequired[ManagedBy]


def facts_of(
    endpoint: Mapping[str, Any],
    config: Mapping[str, Any],
    *,
    key_arn: str,
    assessed: Collection[SurfaceAssessment],
    changes: Collection[SurfaceAssessment],
    update_options: Mapping[str, Any],
    notes: Sequence[str],
    remediation_id: str = "",
) -> Facts:
    """The facts for the record and the card, from the bodies of DescribeEndpoint(Config)."""
    paths = [change.path for change in changes]
    plan = plan_hash(EndpointId.described(endpoint), config, key_arn, paths, update_options)
    return {
        "endpointArn": str(endpoint["EndpointArn"]),
        "endpointStatus": str(endpoint["EndpointStatus"]),
        "variants": _variants(endpoint, config),
        "sourceConfigName": str(config["EndpointConfigName"]),
        "keyArn": key_arn,
        "surfaceKeys": surface_entries(assessed, changes, key_arn),
        "updateOptions": dict(update_options),
        "planHash": plan,
        "foundPlanHash": plan,
        "plannedTwinName": twin_name(config, key_arn, paths, remediation_id),
        "notes": list(notes),
    }


def surface_entries(
    assessed: Collection[SurfaceAssessment], changes: Collection[SurfaceAssessment], key_arn: str
) -> list[SurfaceEntry]:
    """The assessment as it is recorded, with the key that each surface would have afterwards."""
    return [
        {
            "surface": str(one.surface),
            "path": dotted(one.path),
            "now": one.key_id or "",
            "after": key_arn if one in changes else one.key_id or "",
            "problem": one.problem,
        }
        for one in assessed
    ]


def without_changes(entries: Collection[SurfaceEntry], surfaces: Collection[str]) -> list[SurfaceEntry]:
    """The recorded plan with some surfaces left as they are."""
    return [{**entry, "after": entry["now"]} if entry["surface"] in surfaces else entry for entry in entries]


def surfaces_written(entries: Collection[SurfaceEntry]) -> set[str]:
    """The surfaces with a new key that the endpoint's execution role writes: all but the volume."""
    return {
        entry["surface"]
        for entry in entries
        if entry["after"] != entry["now"] and entry["surface"] != Surface.INSTANCE_VOLUME
    }


def paths_to_change(surfaces: Collection[SurfaceEntry]) -> list[Path]:
    """Where the recorded plan puts our key."""
    return [from_dotted(entry["path"]) for entry in surfaces if entry["after"] != entry["now"]]


def _variants(endpoint: Mapping[str, Any], config: Mapping[str, Any]) -> list[Variant]:
    """Each variant's hardware, from the config, and live instance count, from the endpoint."""
    live = {variant["VariantName"]: variant for variant in endpoint.get("ProductionVariants") or ()}
    variants: list[Variant] = []
    for variant in config.get("ProductionVariants") or ():
        name = str(variant["VariantName"])
        hardware = "serverless" if variant.get("ServerlessConfig") else "instance pools"
        shown: Variant = {"name": name, "instanceType": str(variant.get("InstanceType") or hardware)}
        count = _instance_count(live.get(name, {}), variant)
        if count is not None:
            shown["instanceCount"] = count
        variants.append(shown)
    return variants


def _instance_count(live: Mapping[str, Any], variant: Mapping[str, Any]) -> int | None:
    """How many instances a variant runs on; None if it is serverless, or if nothing says so.

    While its fleet is replaced, SageMaker may show a current count of 0 for a variant in service.
    """
    if variant.get("ServerlessConfig"):
        return None
    counts = (
        live.get("CurrentInstanceCount"),
        live.get("DesiredInstanceCount"),
        None if live else variant.get("InitialInstanceCount"),
    )
    known = [int(count) for count in counts if count is not None]
    return next((count for count in known if count), known[0] if known else None)
