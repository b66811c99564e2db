"""One card about many endpoints: what a sweep found on a route, and how far each finding is."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from lambdas.domain.approval.question import LONGEST_UNSEEN
from lambdas.domain.approval.routes import Route
from lambdas.domain.record import Digest, Finding, from_iso, iso
from lambdas.domain.vocabulary import ApprovalStatus, Outcome

ACTION_ID = "review"  # of the card's button
LARGEST = 1000  # findings in one digest: its list has to be read while Slack waits for the response

# Makes the same ids for remediations and digests however often a step runs.
_NAMESPACE = uuid.UUID("5ea1b01a-7d1e-4e57-9d1e-5ea1b01a7d1e")
_REFRESH_IN_PROGRESS = timedelta(minutes=1)
_REFRESH_AT_REST = timedelta(minutes=15)
_NOT_WORTH_A_CARD = frozenset(
    {Outcome.SUPERSEDED, Outcome.GONE, Outcome.ALREADY_ENCRYPTED, Outcome.EXEMPT, Outcome.NOT_ASKED}
)
_LONGEST_REFRESH = timedelta(hours=1)
_SECONDS_BEFORE_POSTED = 15
_LONGEST_BETWEEN_TRIES = timedelta(minutes=15)
# Enough for a thousand findings at the smallest share of AWS's quotas.
_LONGEST_TO_FILL = timedelta(hours=3)
_LONGEST_UNPOSTED = timedelta(hours=1)
# Waiting for an update slot takes two weeks at most, the update itself less than a day.
_LONGEST_AFTER_DEADLINE = timedelta(days=16)


class Stage(StrEnum):
    """How far a finding is."""

    CHECKING = "CHECKING"  # its remediation checks whether it can be asked about
    WAITING = "WAITING"  # for a decision
    APPROVED = "APPROVED"  # and in progress
    DENIED = "DENIED"
    ENDED = "ENDED"  # with another outcome


def digest_id(sweep_id: str, route: str, part: int = 0) -> str:
    """The same however often a step runs; `part` counts a route's digests from 0."""
    return str(uuid.uuid5(_NAMESPACE, f"{sweep_id}/route/{route}/{part}"))


def remediation_id(sweep_id: str, endpoint_id: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{sweep_id}/endpoint/{endpoint_id}"))


def finding_key(endpoint_id: str, surfaces: Collection[str]) -> str:
    """Sorts worst first: more open surfaces, then by account, region and name."""
    return f"{99 - len(surfaces):02d}#{endpoint_id}"


def stage(finding: Finding) -> Stage:
    if (outcome := finding.get("outcome")) is not None:
        return Stage.DENIED if outcome == Outcome.DENIED else Stage.ENDED
    match finding.get("decision"):
        case ApprovalStatus.APPROVED:
            return Stage.APPROVED
        case ApprovalStatus.DENIED:
            return Stage.DENIED
        case _:
            return Stage.WAITING if "approvalId" in finding else Stage.CHECKING


def stages(findings: Iterable[Finding]) -> Counter[Stage]:
    return Counter(stage(finding) for finding in findings)


def is_over(digest: Digest, findings: Iterable[Finding], now: datetime) -> bool:
    """Whether every finding's remediation has ended, or can no longer be expected to.

    A stopped execution may never report.
    """
    given_up = now >= from_iso(digest["deadline"]) + _LONGEST_AFTER_DEADLINE
    return given_up or (is_filled(digest, now) and all("outcome" in finding for finding in findings))


def is_filled(digest: Digest, now: datetime) -> bool:
    """Whether the digest is complete: marked as filled, or the sweep filling it appears to have died."""
    return "filledAt" in digest or now >= from_iso(digest["createdAt"]) + _LONGEST_TO_FILL


def is_to_be_posted(digest: Digest, findings: Sequence[Finding], now: datetime, *, over: bool) -> bool:
    """Whether to post the card now. It should say what there is to decide, as a later change notifies nobody.

    A finished digest whose findings all resolved themselves isn't worth a message.
    """
    if over:
        return any(finding.get("outcome") not in _NOT_WORTH_A_CARD for finding in findings)
    checked = is_filled(digest, now) and not stages(findings)[Stage.CHECKING]
    return checked or now >= from_iso(digest["createdAt"]) + _LONGEST_UNPOSTED


def is_given_up(digest: Digest, now: datetime) -> bool:
    """Whether a card that could not be posted so far is tried no longer."""
    return now >= from_iso(digest["createdAt"]) + LONGEST_UNSEEN


def new_digest(
    sweep_id: str,
    route: Route,
    part: int = 0,
    *,
    account_id: str,
    region: str,
    runbook_pages: str,
    now: datetime,
) -> Digest:
    return {
        "digestId": digest_id(sweep_id, route.name, part),
        "sweepId": sweep_id,
        "route": route.name,
        "mode": route.mode,
        "decideIn": route.decide_in,
        "mayDecide": list(route.approvers),
        "accountId": account_id,
        "region": region,
        "runbookPages": runbook_pages,
        "createdAt": iso(now),
        "deadline": iso(now + route.deadline),
    }


def reminder_is_due(digest: Digest, counted: Counter[Stage], reminder: timedelta, now: datetime) -> bool:
    if not reminder or not counted[Stage.WAITING] or now >= from_iso(digest["deadline"]):
        return False
    since = digest.get("remindedAt") or digest.get("postedAt") or digest["createdAt"]
    return now >= from_iso(since) + reminder


def seconds_to_next_refresh(digest: Digest, counted: Counter[Stage], now: datetime) -> int:
    """Seconds until the next refresh. Decisions appear immediately; this only picks up progress.

    Less and less often: a refresh costs nine of an execution's 25,000 history events.
    """
    age = now - from_iso(digest["createdAt"])
    if "ts" not in digest and "refusal" in digest:
        return int(min(max(_REFRESH_IN_PROGRESS, age / 10), _LONGEST_BETWEEN_TRIES).total_seconds())
    if "ts" not in digest:
        return _SECONDS_BEFORE_POSTED
    moving = counted[Stage.CHECKING] or counted[Stage.APPROVED]
    wait = _REFRESH_IN_PROGRESS if moving else _REFRESH_AT_REST
    return int(min(max(wait, age / 50), _LONGEST_REFRESH).total_seconds())
