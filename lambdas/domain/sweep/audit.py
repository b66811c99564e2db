"""What an audit says about an endpoint, and which endpoints come first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.domain.encryption.assessment import SurfaceAssessment, exemption, variants_of, verdict
from lambdas.domain.encryption.serving import Serving
from lambdas.domain.record import moment
from lambdas.domain.vocabulary import Surface, Verdict

_WORST_FIRST = (
    Verdict.UNENCRYPTED,
    Verdict.UNKNOWN,
    Verdict.UNSUPPORTED,
    Verdict.EXEMPT,
    Verdict.ENCRYPTED,
    Verdict.GONE,
)
_OPEN = (Verdict.UNENCRYPTED, Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class AuditedConfig:
    """An assessed endpoint config; the config itself isn't kept.

    Attributes
    ----------
    instance_types
        Each once, in the config's order; ``serverless`` where a variant is.
    """

    name: str
    surfaces: tuple[SurfaceAssessment, ...]
    verdict: Verdict
    instance_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditedEndpoint:
    """An assessed endpoint of one region.

    Attributes
    ----------
    created_at, modified_at
        UTC.
    tags
        None if they could not be read: then no exemption is known either.
    exemption
        What its exemption tags amount to, in words; empty if it has none.
    doubt
        Why it isn't certain that the described config is the one that runs, in words; empty if it is.
    """

    region: str
    name: str
    arn: str
    status: str
    created_at: datetime
    modified_at: datetime
    config: AuditedConfig
    tags: Mapping[str, str] | None
    exemption: str
    doubt: str
    verdict: Verdict

    @property
    def account_id(self) -> str:
        return self.arn.split(":")[4]


def audit_config(
    body: Mapping[str, Any], assessed: tuple[SurfaceAssessment, ...], required: Collection[Surface]
) -> AuditedConfig:
    """Audit a config's body by the surfaces that require a key."""
    return AuditedConfig(
        str(body["EndpointConfigName"]), assessed, verdict(assessed, required), _instance_types(body)
    )


def missing_config(name: str) -> AuditedConfig:
    """A config that was deleted while an endpoint uses it."""
    return AuditedConfig(name, (), Verdict.UNKNOWN, ())


def audit_endpoint(
    body: Mapping[str, Any],
    config: AuditedConfig,
    tags: Mapping[str, str] | None,
    now: datetime,
    *,
    runs: Serving = Serving.AS_DESCRIBED,
    doubt: str = "",
) -> AuditedEndpoint:
    """Audit an endpoint's body, with its config.

    Parameters
    ----------
    runs, doubt
        Whether the config is the one that runs, and what people have to know about that.
    """
    found = Verdict.UNKNOWN if runs is Serving.UNKNOWN else config.verdict
    exempt = exemption(tags or {}, now)
    is_exempt = exempt.in_force and found in _OPEN
    arn = str(body["EndpointArn"])
    return AuditedEndpoint(
        region=arn.split(":")[3],
        name=str(body["EndpointName"]),
        arn=arn,
        status=str(body["EndpointStatus"]),
        created_at=moment(body["CreationTime"]),
        modified_at=moment(body["LastModifiedTime"]),
        config=config,
        tags=tags,
        exemption=exempt.note,
        doubt=doubt,
        verdict=Verdict.EXEMPT if is_exempt else found,
    )


def config_of(body: Mapping[str, Any]) -> str:
    """The name of the config by which an endpoint is judged: a pending one doesn't serve yet."""
    return str(body["EndpointConfigName"])


def worst_first(audited: Collection[AuditedEndpoint]) -> list[AuditedEndpoint]:
    """Unencrypted ones first; among those, the ones with more open surfaces, then by region and name."""
    return sorted(
        audited,
        key=lambda one: (
            _WORST_FIRST.index(one.verdict),
            -sum(bool(surface.problem) for surface in one.config.surfaces),
            one.region,
            one.name,
        ),
    )


def sharing(audited: Collection[AuditedEndpoint]) -> dict[tuple[str, str], tuple[str, ...]]:
    """The endpoints on each config that several share, by region and config."""
    on: dict[tuple[str, str], list[str]] = {}
    for one in audited:
        on.setdefault((one.region, one.config.name), []).append(one.name)
    return {config: tuple(sorted(names)) for config, names in on.items() if len(names) > 1}


def _instance_types(config: Mapping[str, Any]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for _, variant in variants_of(config):
        if "ServerlessConfig" in variant:
            found["serverless"] = None
        elif instance_type := variant.get("InstanceType"):
            found[str(instance_type)] = None
        for pool in variant.get("InstancePools") or ():
            found[str(pool.get("InstanceType", "?"))] = None
    return tuple(found)
