"""CloseRemediation: record the outcome, let the endpoint go, and tell the people who were asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.environment import required
from gateways.records import records
from gateways.slack import Slack, slack_secret
from handlers.observability import logger, metrics, step
from remediation import card
from remediation.closing import ending
from remediation.errors import MessageGone
from remediation.record import Approval, Remediation, iso, salvaged_record
from remediation.vocabulary import ApprovalStatus, Outcome

# The state machine's output (DESIGN §6)
_OUTPUT = (
    "outcome",
    "endpointName",
    "remediationId",
    "reason",
    "sourceConfigName",
    "twinConfigName",
    "decidedBy",
)


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().find_remediation(event["remediationId"])
    if remediation is None:
        remediation = records().start(salvaged_record(event, now))  # it failed before its record began
    outcome, reason = ending(event, remediation)

    # evidence first, then the endpoint's freedom, then the news: each is repeated safely if the next fails
    already_closed = "outcome" in remediation
    approval = _settled(remediation, now)
    remediation = records().close(event["remediationId"], outcome, reason, now)
    records().release(remediation["endpointName"], remediation["remediationId"])
    if not already_closed:
        _count(remediation)
    _tell(remediation, approval)
    return {name: value for name in _OUTPUT if (value := remediation.get(name))}


def _settled(remediation: Remediation, now: datetime) -> Approval | None:
    """The approval, closed to further clicks, its decision copied into the evidence."""
    approval_id = remediation.get("approvalId")
    if not approval_id:
        return None
    approval = records().settle(approval_id, ApprovalStatus.EXPIRED, {"decidedAt": iso(now)})
    if approval and "decision" not in remediation:
        decided = {name: value for name in ("decidedBy", "decidedAt") if (value := approval.get(name))}
        records().note(remediation["remediationId"], {"decision": approval["status"], **decided})
    return approval


def _tell(remediation: Remediation, approval: Approval | None) -> None:
    message = card.closed(remediation, approval)
    if approval and _rewritten(approval, message):
        return
    asked = approval is not None and "ts" in approval
    if (asked or card.must_be_told(remediation)) and "noticeTs" not in remediation:
        _, ts = Slack(slack_secret()).post(required("SLACK_CHANNEL"), message)
        records().note(remediation["remediationId"], {"noticeTs": ts})


def _rewritten(approval: Approval, message: card.Message) -> bool:
    """Bring the card up to date; False if there is none, or none any more."""
    if "ts" not in approval or "channel" not in approval:
        return False
    slack = Slack(slack_secret())
    try:
        for ts in (approval["ts"], *approval.get("otherTs", ())):
            slack.update(approval["channel"], ts, message)
    except MessageGone:
        logger.warning("card_was_deleted")
        return False
    return True


def _count(remediation: Remediation) -> None:
    outcome = remediation.get("outcome", Outcome.FAILED)
    logger.info("remediation_closed", outcome=outcome, reason=remediation.get("reason", ""))
    metrics.add_metric(name="RemediationClosed", unit="Count", value=1)
    if outcome == Outcome.FAILED:
        metrics.add_metric(name="RemediationFailed", unit="Count", value=1)
