"""RemindOrExpire: no answer was heard for a while. What is on record decides; else people are reminded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import is_last_reminder, wait_seconds
from lambdas.domain.approval.routes import Route
from lambdas.domain.errors import RemediationError
from lambdas.domain.messages import thread
from lambdas.domain.record import Approval, Remediation, from_iso, iso
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.environment import rules
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import Slack, slack_secret
from lambdas.services.observability import count, count_error, logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    approval = records().approval(remediation.get("approvalId", ""))
    if approval is None:
        return {"decision": ApprovalStatus.EXPIRED}
    deadline = from_iso(approval["deadline"])
    if approval["status"] == ApprovalStatus.PENDING and now < deadline:
        route = rules().deciding(remediation.get("route", ""), approval)
        reminder = timedelta() if "digestId" in approval else route.reminder  # the digest has its own
        last = is_last_reminder(now, deadline, reminder)
        if last:
            count("ApprovalAboutToExpire")
        if reminder:
            _remind(remediation, approval, route, last=last)
        return {"waitSeconds": wait_seconds(now, deadline, reminder)}
    settled = records().settle(approval["approvalId"], ApprovalStatus.EXPIRED, {"decidedAt": iso(now)})
    decision = settled["status"] if settled else ApprovalStatus.EXPIRED
    logger.info("approval_not_heard", decision=decision)
    return {"decision": decision}


def _remind(remediation: Remediation, approval: Approval, route: Route, *, last: bool) -> None:
    """In the card's thread, and the last one in the channel, too.

    A reminder that can't be posted is no reason to stop asking.
    """
    if "ts" not in approval or "channel" not in approval:
        return
    message = thread.reminder(remediation, approval, route.approvers, last=last)
    try:
        Slack(slack_secret()).post(approval["channel"], message, thread_ts=approval["ts"], broadcast=last)
        sent = approval.get("remindersSent", 0) + 1
        records().note_approval(approval["approvalId"], {"remindersSent": sent})
    except RemediationError as error:
        logger.warning("not_reminded", error_word=type(error).__name__, error_message=str(error))
        count_error(error)
