"""Whether the config that is described is the one that serves: its name alone doesn't say so.

An endpoint config can't be changed, but it can be deleted and created again under its name while an endpoint
uses it. What was deployed then still serves, and DescribeEndpointConfig describes something else. The times
that SageMaker stamps tell the two apart (docs/facts.md, "Times").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lambdas.domain.encryption.assessment import variants_of
from lambdas.domain.record import iso, moment, utc_words

# SageMaker stamps all its times by one clock, to the millisecond, within a second of each other.
_ONE_CLOCK = timedelta(seconds=1)
# A new endpoint's images were resolved up to 4.6 s after it was created. An update takes minutes to begin.
_RESOLVED_WITHIN = timedelta(seconds=10)
# CloudTrail's times, and ours, come from another clock and are cut to the second.
TWO_CLOCKS = timedelta(seconds=5)

_Body = Mapping[str, Any]


class Serving(StrEnum):
    """What is known of the config that serves."""

    AS_DESCRIBED = "AS_DESCRIBED"
    UNDATED = "UNDATED"
    """Nothing contradicts the description, but nothing says when the config was deployed."""
    UNKNOWN = "UNKNOWN"
    """What serves can't be told from what is described."""
    DELETION_DECIDES = "DELETION_DECIDES"
    """The times are too close: as described only if no config of that name was deleted."""
    DEPLOYMENT_DECIDES = "DEPLOYMENT_DECIDES"
    """The endpoint doesn't date its deployment: the last UpdateEndpoint that names the config does."""


@dataclass(frozen=True, slots=True)
class Events:
    """What CloudTrail, or our own record, has about a config; None where nobody could tell.

    Attributes
    ----------
    deleted
        Whether a config of that name was deleted since shortly before the described one was created.
    deployed_at
        When an endpoint was last updated to the config.
    """

    deleted: bool | None = None
    deployed_at: datetime | None = None


def serving(endpoint: _Body, config: _Body) -> Serving:
    """Judge by SageMaker's own times. The last two answers need events: hand them to `settled_by`.

    Parameters
    ----------
    endpoint, config
        The bodies that DescribeEndpoint and DescribeEndpointConfig returned. An endpoint that is updating
        is judged once its update has ended.
    """
    created = moment(config["CreationTime"])
    if created > moment(endpoint["LastModifiedTime"]) + _ONE_CLOCK:
        return Serving.UNKNOWN
    began = moment(endpoint["CreationTime"])
    resolved = min(_resolution_times(endpoint), default=None)
    if resolved is None and endpoint["EndpointStatus"] != "Creating":
        return Serving.AS_DESCRIBED if created <= began + _ONE_CLOCK else Serving.DEPLOYMENT_DECIDES
    deployed = began if resolved is None or resolved - began <= _RESOLVED_WITHIN else resolved
    if created <= deployed:
        return Serving.AS_DESCRIBED
    return Serving.DELETION_DECIDES if created <= deployed + _ONE_CLOCK else Serving.UNKNOWN


def settled_by(events: Events, found: Serving, config: _Body) -> Serving:
    """What events make of an answer that needs them. Where they are not known, nothing is assumed."""
    match found:
        case Serving.DELETION_DECIDES:
            return Serving.AS_DESCRIBED if events.deleted is False else Serving.UNKNOWN
        case Serving.DEPLOYMENT_DECIDES:
            if events.deployed_at is None:
                return Serving.UNDATED
            in_time = moment(config["CreationTime"]) <= events.deployed_at + TWO_CLOCKS
            return Serving.AS_DESCRIBED if in_time else Serving.UNKNOWN
        case _:
            return found


def _resolution_times(endpoint: _Body) -> Iterator[datetime]:
    """When the images of the deployment in service were resolved; SageMaker gives none for some endpoints."""
    for _, variant in variants_of(endpoint):
        for image in variant.get("DeployedImages") or ():
            if resolved := image.get("ResolutionTime"):
                yield moment(resolved)


def doubt(found: Serving, config: _Body) -> str:
    """What people have to know about the config that is described; empty if it certainly serves."""
    name = config["EndpointConfigName"]
    if found is Serving.UNDATED:
        return f"The time when {name} was deployed is not known."
    if found is not Serving.UNKNOWN:
        return ""
    created = utc_words(iso(moment(config["CreationTime"])))
    return (
        f"What runs can't be told from {name}: that config was created on {created}, after the endpoint was "
        "deployed. Someone may have deleted the config that runs and created another one under its name."
    )


def gone(config_name: str) -> str:
    """What people have to know about an endpoint whose config was deleted."""
    return (
        f"Its config {config_name} was deleted while the endpoint uses it, so what runs is not known, and "
        "SageMaker would refuse every update. Create an endpoint with a KMS key and move the traffic there."
    )
