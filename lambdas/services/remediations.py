"""Starts the ordinary workflow for a sweep's findings: one by one, or asked about in a digest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from lambdas.domain.record import Finding, iso
from lambdas.domain.sweep.coverage import add_up
from lambdas.domain.sweep.digest import LARGEST, digest_id, new_digest
from lambdas.gateways.rate_limit import QUOTAS
from lambdas.gateways.records.digests import digests
from lambdas.gateways.settings import required, required_share, rules
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import logger

_AT_ONCE = 50  # executions in one invocation: none of them posts anything
# Slack takes about one message a second in a channel (https://docs.slack.dev/apis/web-api/rate-limits), and
# the cards' threads need some of that
_PAUSE_BETWEEN_CARDS_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where to continue: after `started` of a route's findings, the last of which has the key `after`."""

    route: str
    after: str = ""
    started: int = 0


def start_next(sweep_id: str, place: Place, above: int, now: datetime) -> tuple[Place, int] | None:
    """Start the next of a sweep's remediations.

    Parameters
    ----------
    above
        With more findings than this, a route's endpoints are asked about in a digest.

    Returns
    -------
    tuple[Place, int] | None
        Where to continue, after how many seconds; None if all are started.
    """
    for route in sorted({route.name for route in rules().routes} | _counted(sweep_id)):
        if route < place.route:
            continue
        at = place if route == place.route else Place(route)
        # count stored findings: a batch that timed out returned no counts
        in_digest = len(digests().found(sweep_id, route, most=above + 1)) > above
        if next_place := _start_some(sweep_id, at, now, in_digest=in_digest):
            return next_place, _seconds_at_quota(_AT_ONCE) if in_digest else _PAUSE_BETWEEN_CARDS_SECONDS
        if in_digest:
            _mark_filled(sweep_id, route, at, now)
    return None


def _counted(sweep_id: str) -> set[str]:
    """Routes of findings, which the settings may have dropped since."""
    return {*add_up(digests().batches(sweep_id)).coverage.found}


def _seconds_at_quota(endpoints: int) -> int:
    """How long so many remediations take to read their endpoints, at the sweep's share of AWS's quotas."""
    return max(1, math.ceil(endpoints / (QUOTAS["DescribeEndpoint"] * required_share("QUOTA_SHARE"))))


def _start_some(sweep_id: str, at: Place, now: datetime, *, in_digest: bool) -> Place | None:
    """Start the next of a route's findings; returns where to continue, None if there were no more.

    Safe to repeat: the executions have the same names.
    """
    found = digests().found(sweep_id, at.route, after=at.after, most=_AT_ONCE if in_digest else 1)
    for index, (key, finding) in enumerate(found, at.started):
        asked_in: dict[str, str] = {}
        if in_digest:
            digest = _add_to_digest(sweep_id, at.route, index // LARGEST, (key, finding), now)
            asked_in = {"digestId": digest}
        machine_input = {"endpointName": finding["endpointName"], "trigger": _trigger(finding, now)}
        machine = required("REMEDIATION_WORKFLOW_ARN")
        step_functions().start(machine, finding["remediationId"], {**machine_input, **asked_in})
    if not found:
        return None
    logger.info("remediations_started", route=at.route, started=len(found), in_digest=in_digest)
    return Place(at.route, found[-1][0], at.started + len(found))


def _mark_filled(sweep_id: str, route: str, at: Place, now: datetime) -> None:
    """Mark a route's digests as filled: their cards may be posted, and may be over."""
    for part in range(-(-at.started // LARGEST)):
        digests().note(digest_id(sweep_id, route, part), {"filledAt": iso(now)})


def _add_to_digest(sweep_id: str, route: str, part: int, found: tuple[str, Finding], now: datetime) -> str:
    """Add a finding to its digest. The first finding creates the digest and starts its workflow."""
    key, finding = found
    digest = digest_id(sweep_id, route, part)
    if digests().find(digest) is None:
        trigger = _trigger(finding, now)
        opened = new_digest(
            sweep_id,
            rules().named(route),
            part,
            account_id=trigger["accountId"],
            region=trigger["region"],
            runbook_pages=rules().runbook_pages,
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
