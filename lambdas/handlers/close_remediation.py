"""CloseRemediation: record the outcome, let the endpoint go, and tell the people who were asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.environment import required, required_days
from gateways.records import records
from gateways.slack import Slack, slack_secret
from gateways.workflow import workflow
from handlers.observability import logger, metrics, step
from remediation import card
from remediation.closing import ending
from remediation.record import Approval, Remediation, TimelineEntry, happened, iso, salvaged_record
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
    facts = {"outcome": outcome, "reason": reason, "closedAt": iso(now)}
    days = required_days("BACKOUT_DAYS")
    if outcome is Outcome.ENCRYPTED and days:
        facts["backoutUntil"] = iso(now + days)
    entry = happened(now, f"Ended {outcome}. {reason}".strip())
    remediation = records().close(event["remediationId"], facts, entry)
    records().release(remediation["endpointName"], remediation["remediationId"])
    if not already_closed:
        _count(remediation)
    _tell(remediation, approval)
    if remediation.get("outcome") == Outcome.ENCRYPTED:
        _retire_later(remediation, int(days.total_seconds()))
    return {name: value for name in _OUTPUT if (value := remediation.get(name))}


def _settled(remediation: Remediation, now: datetime) -> Approval | None:
    """The approval, closed to further clicks, its decision copied into the evidence."""
    approval_id = remediation.get("approvalId")
    if not approval_id:
        return None
    approval = records().settle(approval_id, ApprovalStatus.EXPIRED, {"decidedAt": iso(now)})
    if approval and "decision" not in remediation:
        decided = {name: value for name in ("decidedBy", "decidedAt") if (value := approval.get(name))}
        facts = {"decision": approval["status"], **decided}
        records().note(remediation["remediationId"], facts, _decision(approval, now))
    return approval


def _decision(approval: Approval, now: datetime) -> TimelineEntry:
    entry = happened(now, f"Decided: {approval['status']}", approval.get("decidedBy", ""))
    entry["at"] = approval.get("decidedAt", entry["at"])
    return entry


def _retire_later(remediation: Remediation, wait_seconds: int) -> None:
    """Start the wait for the end of the way back, after which the old config is retired."""
    remediation_id = remediation["remediationId"]
    waiting = {
        "endpointName": remediation["endpointName"],
        "remediationId": remediation_id,
        "waitSeconds": wait_seconds,
    }
    workflow().start(required("RETIREMENT_WORKFLOW_ARN"), remediation_id, waiting)


def _tell(remediation: Remediation, approval: Approval | None) -> None:
    message = card.closed(remediation, approval)
    slack = Slack(slack_secret())
    if approval and slack.rewrite(approval, message):
        return
    asked = approval is not None and "ts" in approval
    if (asked or card.must_be_told(remediation)) and "noticeTs" not in remediation:
        _, ts = slack.post(required("SLACK_CHANNEL"), message)
        records().note(remediation["remediationId"], {"noticeTs": ts})


def _count(remediation: Remediation) -> None:
    outcome = remediation.get("outcome", Outcome.FAILED)
    logger.info("remediation_closed", outcome=outcome, reason=remediation.get("reason", ""))
    metrics.add_metric(name="RemediationClosed", unit="Count", value=1)
    if outcome == Outcome.FAILED:
        metrics.add_metric(name="RemediationFailed", unit="Count", value=1)
