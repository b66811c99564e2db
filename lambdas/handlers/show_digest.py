"""ShowDigest: posts a digest's card, keeps it up to date and reminds people of it, until all has ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.digests import digests
from gateways.environment import rules
from gateways.slack import Slack, patient_slack
from handlers.shared.digesting import fingerprint_of, read, rewrite
from handlers.shared.observability import count_error, logger, step
from remediation import digest_card
from remediation.approval import is_last_reminder
from remediation.digest import (
    is_over,
    reminder_is_due,
    seconds_to_next_look,
    stages,
)
from remediation.errors import MessageGone, RemediationError, RequestRefused
from remediation.record import Digest, Finding, from_iso, iso
from remediation.route import Route


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, slack = datetime.now(UTC), patient_slack()
    digest, findings = read(event["digestId"])
    route = rules().named(digest["route"])
    over = is_over(digest, findings, now)
    if over:  # the card says so, too
        digest = digests().note(digest["digestId"], {"closedAt": iso(now)})
    if "ts" not in digest:
        digest = _posted(digest, findings, route, slack)
    else:
        _brought_up_to_date(digest, findings, slack)
    if over:
        return {}
    if reminder_is_due(digest, stages(findings), route.reminder, now):
        _remind(digest, findings, route, slack, now)
    return {"waitSeconds": seconds_to_next_look(stages(findings))}


def _brought_up_to_date(digest: Digest, findings: list[Finding], slack: Slack) -> None:
    try:
        rewrite(digest, findings, slack)
    except (MessageGone, RequestRefused) as error:  # deleted, or in an archived channel: decisions go on
        logger.warning("card_not_updated", error_word=type(error).__name__, error_message=str(error))


def _posted(digest: Digest, findings: list[Finding], route: Route, slack: Slack) -> Digest:
    message = digest_card.message(digest, findings)
    channel, ts = slack.post(route.channel, message)
    logger.info("digest_posted", channel=channel, ts=ts, findings=len(findings))
    shown = fingerprint_of(message)
    return digests().note(digest["digestId"], {"channel": channel, "ts": ts, "shown": shown})


def _remind(digest: Digest, findings: list[Finding], route: Route, slack: Slack, now: datetime) -> None:
    """A reminder that can't be posted is no reason to stop."""
    if "ts" not in digest or "channel" not in digest:
        return
    last = is_last_reminder(now, from_iso(digest["deadline"]), route.reminder)
    message = digest_card.reminder(digest, findings, route.approvers, last=last)
    try:
        slack.post(digest["channel"], message, thread_ts=digest["ts"], broadcast=last)
        digests().note(digest["digestId"], {"remindedAt": iso(now)})
    except RemediationError as error:
        logger.warning("not_reminded", error_word=type(error).__name__, error_message=str(error))
        count_error(error)
