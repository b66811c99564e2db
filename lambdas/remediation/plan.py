"""What would be done to an endpoint, written down before a person is asked about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypedDict

from remediation.assessment import missing_keys, surface_keys
from remediation.record import Variant
from remediation.twin import plan_hash
from remediation.vocabulary import Surface, Verdict


class Facts(TypedDict):
    """What the record learns from a look at an unencrypted endpoint; see `record.Remediation`."""

    verdict: str
    endpointArn: str
    endpointStatus: str
    variants: list[Variant]
    sourceConfigName: str
    keyArn: str
    surfaces: list[str]
    surfaceKeys: list[dict[str, str]]
    planHash: str
    notes: list[str]


def facts_of(
    endpoint: Mapping[str, Any],
    config: Mapping[str, Any],
    *,
    key_arn: str,
    surfaces: Collection[Surface],
    update_options: Mapping[str, Any],
    notes: Sequence[str],
) -> Facts:
    """The facts for the record and the card, from the bodies that DescribeEndpoint(Config) answered."""
    to_fill = {key.path for key in missing_keys(config, surfaces)}
    return {
        "verdict": Verdict.UNENCRYPTED,
        "endpointArn": str(endpoint["EndpointArn"]),
        "endpointStatus": str(endpoint["EndpointStatus"]),
        "variants": _variants(endpoint, config),
        "sourceConfigName": str(config["EndpointConfigName"]),
        "keyArn": key_arn,
        "surfaces": [str(surface) for surface in surfaces],
        "surfaceKeys": [
            {
                "surface": str(key.surface),
                "now": key.key_id or "",
                "after": key_arn if key.path in to_fill else key.key_id or "",
            }
            for key in surface_keys(config)
        ],
        "planHash": plan_hash(config, key_arn, surfaces, update_options),
        "notes": list(notes),
    }


def _variants(endpoint: Mapping[str, Any], config: Mapping[str, Any]) -> list[Variant]:
    """Each variant's hardware, from the config, and live count, from the endpoint (serverless: none)."""
    live = {variant["VariantName"]: variant for variant in endpoint.get("ProductionVariants") or ()}
    variants: list[Variant] = []
    for variant in config.get("ProductionVariants") or ():
        name = str(variant["VariantName"])
        hardware = "serverless" if variant.get("ServerlessConfig") else "instance pools"
        shown: Variant = {"name": name, "instanceType": str(variant.get("InstanceType") or hardware)}
        count = live.get(name, {}).get("CurrentInstanceCount", variant.get("InitialInstanceCount"))
        if count is not None:
            shown["instanceCount"] = int(count)
        variants.append(shown)
    return variants
