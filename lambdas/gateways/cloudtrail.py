"""CloudTrail's event history: who did what to SageMaker in this account and region, for 90 days."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from lambdas.domain.errors import RequestRefused
from lambdas.gateways import aws
from lambdas.gateways.aws import translated

# LookupEvents allows two calls a second for an account and region, and returns 50 events at most.
# https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
_MOST_PAGES = 6


class CloudTrail:
    """Every method may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`."""

    def __init__(self, client: Any = None) -> None:
        self._client: Any = client or aws.client("cloudtrail")

    def was_config_deleted(self, name: str, since: datetime, until: datetime) -> bool:
        """Whether an endpoint config of this name was deleted in the time given."""
        deletions = self._calls("DeleteEndpointConfig", since, until)
        return any(_same(call, endpointConfigName=name) for call in deletions)

    def deployed_at(self, endpoint: str, config: str, since: datetime, until: datetime) -> datetime | None:
        """When the endpoint was last updated to a config; None if CloudTrail shows no such call."""
        for call in self._calls("UpdateEndpoint", since, until):
            if _same(call, endpointName=endpoint, endpointConfigName=config):
                return datetime.fromisoformat(call["eventTime"])
        return None

    def _calls(self, operation: str, since: datetime, until: datetime) -> Iterator[Mapping[str, Any]]:
        """The calls of an operation that succeeded, newest first."""
        request = {
            "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": operation}],
            "StartTime": since,
            "EndTime": until,
        }
        with translated("CloudTrail"):
            for number, page in enumerate(aws.pages(self._client.lookup_events, request, "NextToken")):
                if number == _MOST_PAGES:
                    raise RequestRefused(f"CloudTrail has too many calls of {operation} to read them all.")
                found = (json.loads(event["CloudTrailEvent"]) for event in page["Events"])
                yield from (call for call in found if "errorCode" not in call)


def _same(call: Mapping[str, Any], **wanted: str) -> bool:
    """Whether a call names these things. How SageMaker spells a name doesn't tell two of them apart."""
    named = call.get("requestParameters") or {}
    return all(str(named.get(key)).casefold() == value.casefold() for key, value in wanted.items())


def cloudtrail() -> CloudTrail:
    """CloudTrail of this function's region. Its client is created when it is needed, which is seldom."""
    return CloudTrail()
