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
    outcome, reason = ending(event)
    if records().find_remediation(event["remediationId"]) is None:
        records().start(salvaged_record(event, now))  # it failed before its record began

    # evidence first, then the endpoint's freedom, then the news: each is repeated safely if the next fails
    already_closed = "outcome" in records().remediation(event["remediationId"])
    approval = _settled(records().remediation(event["remediationId"]), now)
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
    slack = Slack(slack_secret())
    message = card.closed(remediation, approval)
    if approval and "ts" in approval and "channel" in approval:
        slack.update(approval["channel"], approval["ts"], message)
    elif card.must_be_told(remediation) and "noticeTs" not in remediation:
        _, ts = slack.post(required("SLACK_CHANNEL"), message)
        records().note(remediation["remediationId"], {"noticeTs": ts})


def _count(remediation: Remediation) -> None:
    outcome = remediation.get("outcome", Outcome.FAILED)
    logger.info("remediation_closed", outcome=outcome, reason=remediation.get("reason", ""))
    metrics.add_metric(name="RemediationClosed", unit="Count", value=1)
    if outcome == Outcome.FAILED:
        metrics.add_metric(name="RemediationFailed", unit="Count", value=1)
