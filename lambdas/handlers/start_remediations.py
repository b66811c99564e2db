"""StartRemediations: starts the ordinary workflow for what a sweep found, at a pace that Slack allows.

Few findings on a route get a card each; many are asked about in a digest, very many in several.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from lambdas.domain.record import Finding, iso
from lambdas.domain.sweep.coverage import add_up
from lambdas.domain.sweep.digest import LARGEST, digest_id, new_digest
from lambdas.gateways.environment import required, required_share, rules
from lambdas.gateways.rate_limit import QUOTAS
from lambdas.gateways.records.digests import digests
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import logger, step

_AT_ONCE = 50  # executions in one invocation: none of them posts anything
# Slack takes about one message a second in a channel (https://docs.slack.dev/apis/web-api/rate-limits), and
# the cards' threads need some of that
_PAUSE_BETWEEN_CARDS_SECONDS = 3


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to go on: after so many of a route's findings, the last of which has this key."""

    route: str
    after: str = ""
    started: int = 0


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, sweep_id = datetime.now(UTC), str(event["sweepId"])
    # what went wrong before is told at the end
    error = {"error": event["error"]} if event.get("error") else {}
    place = _Place(**event["place"]) if event.get("place") else _Place("")
    above = int(required("DIGEST_ABOVE"))
    for route in sorted({route.name for route in rules().routes} | _counted(sweep_id)):
        if route < place.route:
            continue
        at = place if route == place.route else _Place(route)
        # by what is on record: a batch that ran out of time has counted nothing
        in_digest = len(digests().found(sweep_id, route, most=above + 1)) > above
        if next_place := _start_some(sweep_id, at, now, in_digest=in_digest):
            pause = _seconds_at_quota(_AT_ONCE) if in_digest else _PAUSE_BETWEEN_CARDS_SECONDS
            return {"waitSeconds": pause, "place": asdict(next_place), **error}
        if in_digest:
            _filled(sweep_id, route, at, now)
    return error


def _counted(sweep_id: str) -> set[str]:
    """Routes of findings that the settings may have dropped since."""
    return {*add_up(digests().batches(sweep_id)).seen.found}


def _seconds_at_quota(endpoints: int) -> int:
    """How long so many remediations take to look at their endpoints, at the sweep's share of AWS's quotas."""
    return max(1, math.ceil(endpoints / (QUOTAS["DescribeEndpoint"] * required_share("QUOTA_SHARE"))))


def _start_some(sweep_id: str, at: _Place, now: datetime, *, in_digest: bool) -> _Place | None:
    """Start the next of a route's findings; where to go on, or None if there were no more.

    Run again, it starts the same executions by the same names, and so nothing.
    """
    found = digests().found(sweep_id, at.route, after=at.after, most=_AT_ONCE if in_digest else 1)
    for index, (key, finding) in enumerate(found, at.started):
        asked_in: dict[str, str] = {}
        if in_digest:
            digest = _digest_with(sweep_id, at.route, index // LARGEST, key, finding, now)
            asked_in = {"digestId": digest, "findingKey": key}
        machine_input = {"endpointName": finding["endpointName"], "trigger": _trigger(finding, now)}
        machine = required("REMEDIATION_WORKFLOW_ARN")
        step_functions().start(machine, finding["remediationId"], {**machine_input, **asked_in})
    if not found:
        return None
    logger.info("remediations_started", route=at.route, started=len(found), in_digest=in_digest)
    return _Place(at.route, found[-1][0], at.started + len(found))


def _filled(sweep_id: str, route: str, at: _Place, now: datetime) -> None:
    """All findings are in their digests: their cards may be posted, and may be over."""
    for part in range(-(-at.started // LARGEST)):
        digests().note(digest_id(sweep_id, route, part), {"filledAt": iso(now)})


def _digest_with(  # noqa: PLR0917  # what a finding's place in a digest is made of
    sweep_id: str, route: str, part: int, key: str, finding: Finding, now: datetime
) -> str:
    """Put a finding into its digest; the first one opens that, and starts what shows it."""
    digest = digest_id(sweep_id, route, part)
    if digests().find(digest) is None:
        trigger = _trigger(finding, now)
        opened = new_digest(
            sweep_id,
            rules().named(route),
            part,
            account_id=trigger["accountId"],
            region=trigger["region"],
            runbook_url=rules().runbook_url,
            now=now,
        )
        digests().open(opened, now)
    digests().add_finding(digest, key, finding, now)
    step_functions().start(required("DIGEST_WORKFLOW_ARN"), digest, {"sweepId": sweep_id})
    return digest


def _trigger(finding: Finding, now: datetime) -> dict[str, str]:
    _, _, _, region, account, _ = finding["endpointArn"].split(":", 5)
    return {
        "kind": "sweep", "eventId": "", "eventName": "", "eventTime": iso(now), "principalArn": "",
        "accountId": account, "region": region,
    }  # fmt: skip
