"""RequestApproval: post the question in Slack; the workflow waits for its task token's answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.environment import required, required_list, required_seconds
from gateways.records import records
from gateways.slack import Slack, slack_secret
from gateways.workflow import workflow
from handlers.observability import logger, metrics, step
from remediation import card
from remediation.approval import new_approval_id
from remediation.record import Approval, Remediation, happened, iso, required_fact
from remediation.vocabulary import ApprovalStatus


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    remediation = records().remediation(event["remediationId"])
    approval = _approval(remediation, event["taskToken"])
    if approval is None:
        workflow().answer(event["taskToken"], ApprovalStatus.SUPERSEDED)
        return {}
    if approval["status"] != ApprovalStatus.PENDING:
        # an earlier try of this step asked, and was answered before this one began
        workflow().answer(event["taskToken"], approval["status"])
        return {}
    if "ts" not in approval:
        slack = Slack(slack_secret())
        message = card.question(remediation, approval, required_list("APPROVERS"))
        channel, ts = slack.post(required("SLACK_CHANNEL"), message)
        approval = records().note_approval(approval["approvalId"], {"channel": channel, "ts": ts})
        if approval["status"] in (ApprovalStatus.APPROVED, ApprovalStatus.DENIED):
            slack.update(channel, ts, card.decided(remediation, approval))  # clicked before we knew its ts
        logger.info("approval_requested", channel=channel, ts=ts)
        metrics.add_metric(name="ApprovalRequested", unit="Count", value=1)
    return {}


def _approval(remediation: Remediation, task_token: str) -> Approval | None:
    """The question on record, now answering to this task token; None if a newer change came first."""
    now = datetime.now(UTC)
    deadline = iso(now + timedelta(seconds=required_seconds("APPROVAL_DEADLINE_SECONDS")))
    if "approvalId" not in remediation:
        # the record learns the id first: a question without a record could never be found again
        entry = happened(now, f"Asked in Slack, to be answered by {deadline}")
        remediation = records().name_approval(
            remediation["remediationId"], new_approval_id(), deadline, entry
        )
    approval_id = required_fact(remediation, "approvalId")
    if records().approval(approval_id) is not None:
        return records().note_approval(approval_id, {"taskToken": task_token})
    approval: Approval = {
        "approvalId": approval_id,
        "remediationId": remediation["remediationId"],
        "endpointName": remediation["endpointName"],
        "planHash": remediation.get("planHash", ""),
        "status": ApprovalStatus.PENDING,
        "taskToken": task_token,
        "createdAt": iso(now),
        "deadline": remediation.get("deadline", deadline),
    }
    return approval if records().open_approval(approval) else None
