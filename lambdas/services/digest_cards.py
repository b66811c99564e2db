"""A digest's card: posted, updated from the record, reminded of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lambdas.domain.approval.decision import is_last_reminder
from lambdas.domain.approval.routes import Route
from lambdas.domain.closing import with_progress
from lambdas.domain.errors import (
    MessageGone,
    NobodyAsked,
    RemediationError,
    RequestRefused,
    SlackUnavailable,
)
from lambdas.domain.messages import digest_card
from lambdas.domain.record import Digest, Finding, from_iso, iso
from lambdas.domain.sweep.digest import Stage, is_given_up, stages
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import Slack
from lambdas.services.observability import count_error, logger

# With concurrent decisions, the last writer may have read the oldest state: re-read and retry.
_TRIES = 3


def read(digest_id: str) -> tuple[Digest, list[Finding]]:
    """A digest on record and its findings, worst first. May raise what `Digests.require` does."""
    return digests().require(digest_id), findings(digest_id)


def findings(digest_id: str) -> list[Finding]:
    """A digest's findings, worst first, with what became of each by its remediation and its approval."""
    found = [finding for _, finding in digests().findings(digest_id)]
    remediations, approvals = records().progress([finding["remediationId"] for finding in found])
    return [
        with_progress(one, remediations.get(one["remediationId"]), approvals.get(one["remediationId"]))
        for one in found
    ]


def rewrite(digest: Digest, found: Sequence[Finding], slack: Slack) -> str:
    """Update the card to what was just read; returns the fingerprint of what it shows, if it is posted.

    May raise what Slack's methods do.
    """
    shown = digest.get("shown", "")
    for _ in range(_TRIES):
        message = digest_card.message(digest, found)
        fingerprint = digest_card.fingerprint_of(message)
        if "ts" not in digest or "channel" not in digest or shown == fingerprint:
            break
        slack.update(digest["channel"], digest["ts"], message)
        shown = fingerprint
        # someone may have decided in the meantime: show what is on record now
        digest, found = read(digest["digestId"])
    return shown


def update(digest: Digest, findings: list[Finding], route: Route, slack: Slack) -> None:
    """Update a posted card; one that was deleted is posted again while questions are open."""
    try:
        if (shown := rewrite(digest, findings, slack)) != digest.get("shown"):
            digests().note(digest["digestId"], {"shown": shown})
    except MessageGone:
        if stages(findings)[Stage.WAITING]:
            _post(digest, findings, route, slack)
    except RequestRefused as error:  # such as in an archived channel: decisions go on
        logger.warning("card_not_updated", error_name=type(error).__name__, error_message=str(error))


def post(digest: Digest, findings: list[Finding], route: Route, slack: Slack, now: datetime) -> Digest:
    """Post the card, from when the time to decide counts; returns the digest with the card's place.

    If Slack doesn't take it, the reason is on record, and it is tried again until it is given up.

    Raises
    ------
    NobodyAsked
        It is given up, and the digest is closed.
    """
    timed: Digest = {**digest, "postedAt": iso(now), "deadline": iso(now + route.deadline)}
    try:
        return _post(timed, findings, route, slack)
    except (RequestRefused, SlackUnavailable) as error:
        if "closedAt" in digest:
            raise  # there is nothing left to ask
        logger.warning("digest_not_posted", error_name=type(error).__name__, error_message=str(error))
        count_error(error)
        digest = digests().note(digest["digestId"], {"refusal": str(error)})
        if not is_given_up(digest, now):
            return digest
        digests().note(digest["digestId"], {"closedAt": iso(now)})
        raise NobodyAsked(f"Nobody could be asked. {error}") from error


def _post(digest: Digest, findings: list[Finding], route: Route, slack: Slack) -> Digest:
    message = digest_card.message(digest, findings)
    channel, ts = slack.post(route.channel, message)
    logger.info("digest_posted", channel=channel, ts=ts, findings=len(findings))
    facts = {"channel": channel, "ts": ts, "shown": digest_card.fingerprint_of(message)}
    times = {"postedAt": digest.get("postedAt", ""), "deadline": digest["deadline"]}
    return digests().note(digest["digestId"], facts | times)


def remind(digest: Digest, findings: list[Finding], route: Route, slack: Slack, now: datetime) -> None:
    """Remind people in the card's thread. A reminder that can't be posted is no reason to stop."""
    if "ts" not in digest or "channel" not in digest:
        return
    last = is_last_reminder(now, from_iso(digest["deadline"]), route.reminder)
    message = digest_card.reminder(digest, findings, route.approvers, last=last)
    try:
        slack.post(digest["channel"], message, thread_ts=digest["ts"], broadcast=last)
        digests().note(digest["digestId"], {"remindedAt": iso(now)})
    except RemediationError as error:
        logger.warning("reminder_not_posted", error_name=type(error).__name__, error_message=str(error))
        count_error(error)
