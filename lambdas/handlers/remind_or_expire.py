"""RemindOrExpire: no callback arrived in time. Take the recorded decision, expire the question, or remind.

A question that nobody can see yet doesn't expire: it is waited for, or given up as a failure.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval import question
from lambdas.domain.approval.decision import is_last_reminder, wait_seconds
from lambdas.domain.errors import NobodyAsked
from lambdas.domain.record import from_iso, iso
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import rules
from lambdas.services import questions
from lambdas.services.observability import count, logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    approval = records().approval(remediation.get("approvalId", ""))
    if approval is None:
        raise NobodyAsked(question.nobody_asked(None))
    digest = questions.digest_of(remediation)
    if unseen := question.is_unseen(approval, digest):
        if wait := question.seconds_to_look_again(approval, digest, now):
            return {"waitSeconds": wait}
    else:
        remediation, approval = questions.note_asked_in_digest(remediation, approval)
    deadline = from_iso(approval["deadline"])
    if approval["status"] == ApprovalStatus.PENDING and now < deadline and not unseen:
        route = rules().deciding(remediation.get("route", ""), approval)
        reminder = timedelta() if "digestId" in approval else route.reminder  # the digest has its own
        last = is_last_reminder(now, deadline, reminder)
        if last:
            count("ApprovalAboutToExpire")
        if reminder:
            questions.remind(remediation, approval, route, last=last)
        return {"waitSeconds": wait_seconds(now, deadline, reminder)}
    settled = records().settle(approval["approvalId"], ApprovalStatus.EXPIRED, {"decidedAt": iso(now)})
    decision = settled["status"] if settled else ApprovalStatus.EXPIRED
    if decision == ApprovalStatus.EXPIRED and "askedAt" not in remediation:
        raise NobodyAsked(question.nobody_asked(digest))
    logger.info("decision_read_from_record", decision=decision)
    return {"decision": decision}
