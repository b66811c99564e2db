"""ShowDigest: post a digest's card, keep it up to date and remind people of it, until all have ended.

A card that Slack doesn't take is tried again for a day, at growing intervals.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.record import iso
from lambdas.domain.sweep.digest import (
    is_over,
    is_to_be_posted,
    reminder_is_due,
    seconds_to_next_refresh,
    stages,
)
from lambdas.gateways.records.digests import digests
from lambdas.gateways.settings import rules
from lambdas.gateways.slack import patient_slack
from lambdas.services import digest_cards
from lambdas.services.observability import step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, slack = datetime.now(UTC), patient_slack()
    digest, findings = digest_cards.read(event["digestId"])
    counted, over = stages(findings), is_over(digest, findings, now)
    route = rules().route_for(digest["route"], digest)
    if over:  # the card says so, too
        digest = digests().note(digest["digestId"], {"closedAt": iso(now)})
    if "ts" in digest:
        digest_cards.update(digest, findings, route, slack)
    elif is_to_be_posted(digest, findings, now, over=over):
        digest = digest_cards.post(digest, findings, route, slack, now)
    if over:
        return {}
    if reminder_is_due(digest, counted, route.reminder, now):
        digest_cards.remind(digest, findings, route, slack, now)
    return {"waitSeconds": seconds_to_next_refresh(digest, counted, now)}
