"""EventBridge: the account's default event bus, onto which outcomes are put."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from botocore.config import Config

from lambdas.domain.errors import ServiceUnavailable
from lambdas.domain.outcome_event import SOURCE, OutcomeEvent
from lambdas.gateways import aws
from lambdas.gateways.aws import CLIENT_CONFIG, translated

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

# a closing function has more to do than this
_IMPATIENT = CLIENT_CONFIG.merge(Config(read_timeout=3))


class EventBus:
    def __init__(self, client: EventBridgeClient | None = None) -> None:
        self._client = client or aws.client("events", _IMPATIENT)

    def put(self, event: OutcomeEvent) -> None:
        """Put an event.

        Raises
        ------
        Throttled, ServiceUnavailable, RequestRefused
        """
        with translated("EventBridge"):
            answer = self._client.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": event.detail_type,
                        "Resources": list(event.resources),
                        "Detail": json.dumps(event.detail),
                    }
                ]
            )
        # A call may succeed although its entry failed:
        # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
        if answer.get("FailedEntryCount"):
            entry = answer["Entries"][0]
            code, message = entry.get("ErrorCode"), entry.get("ErrorMessage")
            raise ServiceUnavailable(f"EventBridge took no event: {code}: {message}")


@cache
def event_bus() -> EventBus:
    return EventBus()
