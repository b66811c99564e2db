"""CloudTrail's LookupEvents over the SageMaker stand-in's calls: moto has trails and no event history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from moto.cloudtrail.responses import CloudTrailResponse

# https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
_PAGE = 50


def install(events: Callable[[], Iterable[dict[str, Any]]]) -> None:
    """Let LookupEvents answer with calls that CloudTrail has reported. Applies to the whole process.

    Parameters
    ----------
    events
        As EventBridge gets them, oldest first: those that CloudTrail shows by now, trail or no trail.
    """

    def lookup_events(self: CloudTrailResponse) -> str:
        request = json.loads(self.body)
        [attribute] = request["LookupAttributes"]
        if attribute["AttributeKey"] != "EventName":
            raise NotImplementedError(attribute["AttributeKey"])
        found = [
            event["detail"]
            for event in events()
            if event["region"] == self.region
            and event["detail"]["eventName"] == attribute["AttributeValue"]
            and request.get("StartTime", 0) <= _seconds(event) <= request.get("EndTime", float("inf"))
        ]
        start = int(request.get("NextToken") or 0)
        page = found[::-1][start : start + _PAGE]
        answer: dict[str, Any] = {
            "Events": [
                {
                    "EventId": detail["eventID"],
                    "EventName": detail["eventName"],
                    "EventSource": detail["eventSource"],
                    "CloudTrailEvent": json.dumps(detail),
                }
                for detail in page
            ]
        }
        if start + _PAGE < len(found):
            answer["NextToken"] = str(start + _PAGE)
        return json.dumps(answer)

    CloudTrailResponse.lookup_events = lookup_events  # type: ignore[attr-defined]


def _seconds(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()
