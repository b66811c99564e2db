"""ShowDigest: posts a digest's card, keeps it up to date and reminds people of it, until all has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from lambdas.domain.approval.decision import is_last_reminder
from lambdas.domain.approval.routes import Route
from lambdas.domain.errors import MessageGone, RemediationError, RequestRefused
from lambdas.domain.messages import digest_card
from lambdas.domain.record import Digest, Finding, from_iso, iso
from lambdas.domain.sweep.digest import (
    Stage,
    finding_key,
    is_over,
    is_to_be_posted,
    reminder_is_due,
    seconds_to_next_look,
    stage,
    stages,
)
from lambdas.gateways.environment import rules
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import Slack, patient_slack
from lambdas.services.digest_cards import fingerprint_of, read, rewrite
from lambdas.services.observability import count_error, logger, step

_SURELY_CHECKED = timedelta(hours=1)


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, slack = datetime.now(UTC), patient_slack()
    digest, findings = read(event["digestId"])
    findings = [_caught_up(digest, finding, now) for finding in findings]
    counted, over = stages(findings), is_over(digest, findings, now)
    route = rules().deciding(digest["route"], digest)
    if over:  # the card says so, too
        digest = digests().note(digest["digestId"], {"closedAt": iso(now)})
    if "ts" in digest:
        _brought_up_to_date(digest, findings, route, slack)
    elif is_to_be_posted(digest, findings, now, over=over):
        digest = _posted(digest, findings, route, slack)
    if over:
        return {}
    if reminder_is_due(digest, counted, route.reminder, now):
        _remind(digest, findings, route, slack, now)
    return {"waitSeconds": seconds_to_next_look(digest, counted, now)}


def _caught_up(digest: Digest, finding: Finding, now: datetime) -> Finding:
    """A finding whose remediation was stopped before it knew of its digest has ended, too."""
    if stage(finding) is not Stage.CHECKING or now < from_iso(digest["createdAt"]) + _SURELY_CHECKED:
        return finding
    remediation = records().find_remediation(finding["remediationId"])
    if remediation is None or "outcome" not in remediation:
        return finding
    ended = {"outcome": remediation["outcome"], "reason": remediation.get("reason", "")}
    key = finding_key(finding["endpointName"], finding["surfaces"])
    digests().note_finding(digest["digestId"], key, ended)
    return cast("Finding", {**finding, **ended})


def _brought_up_to_date(digest: Digest, findings: list[Finding], route: Route, slack: Slack) -> None:
    try:
        rewrite(digest, findings, slack)
    except MessageGone:
        if stages(findings)[Stage.WAITING]:  # who deletes a card doesn't answer its questions
            _posted(digest, findings, route, slack)
    except RequestRefused as error:  # such as in an archived channel: decisions go on
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
