"""StartRemediations: starts the ordinary workflow for what a sweep found, at a pace that Slack allows.

Few findings on a route get a card each; many are asked about in one digest.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.digests import digests
from gateways.environment import required, rules
from gateways.workflow import workflow
from handlers.shared.observability import logger, step
from remediation.digest import digest_id, new_digest
from remediation.record import Finding, iso
from remediation.sweep import add_up

_AT_ONCE = 50  # executions in one invocation: none of them posts anything
_PAUSE_SECONDS = 1
# Slack takes about one message a second in a channel (https://docs.slack.dev/apis/web-api/rate-limits), and
# the cards' threads need some of that
_PAUSE_BETWEEN_CARDS_SECONDS = 3


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, sweep_id = datetime.now(UTC), str(event["sweepId"])
    found = add_up(digests().batches(sweep_id)).seen.found
    for route, number in sorted(found.items()):
        in_digest = number > int(required("DIGEST_ABOVE"))
        if started := _start_some(sweep_id, route, now, in_digest=in_digest):
            logger.info("remediations_started", route=route, started=started)
            return {"waitSeconds": _PAUSE_SECONDS if in_digest else _PAUSE_BETWEEN_CARDS_SECONDS}
    return {}


def _start_some(sweep_id: str, route: str, now: datetime, *, in_digest: bool) -> int:
    """Start the next of a route's findings; how many that were."""
    digest = digest_id(sweep_id, route)
    findings = digests().findings(digest)
    to_start = [(key, finding) for key, finding in findings if "begunAt" not in finding]
    if in_digest and to_start:
        _open_digest(sweep_id, route, findings[0][1], now)
    for key, finding in to_start[: _AT_ONCE if in_digest else 1]:
        asked_in = {"digestId": digest, "findingKey": key} if in_digest else {}
        machine_input = {"endpointName": finding["endpointName"], "trigger": _trigger(finding, now)}
        workflow().start(
            required("REMEDIATION_WORKFLOW_ARN"), finding["remediationId"], {**machine_input, **asked_in}
        )
        digests().note_finding(digest, key, {"begunAt": iso(now)})
    return len(to_start[: _AT_ONCE if in_digest else 1])


def _open_digest(sweep_id: str, route: str, first: Finding, now: datetime) -> None:
    """Put the digest on record, and start what posts its card and keeps that up to date."""
    trigger = _trigger(first, now)
    digest = new_digest(
        sweep_id,
        rules().named(route),
        account_id=trigger["accountId"],
        region=trigger["region"],
        runbook_url=rules().runbook_url,
        now=now,
    )
    digests().open(digest, now)
    workflow().start(required("DIGEST_WORKFLOW_ARN"), digest["digestId"], {"sweepId": sweep_id})


def _trigger(finding: Finding, now: datetime) -> dict[str, str]:
    _, _, _, region, account, _ = finding["endpointArn"].split(":", 5)
    return {
        "kind": "sweep", "eventId": "", "eventName": "", "eventTime": iso(now), "principalArn": "",
        "accountId": account, "region": region,
    }  # fmt: skip
