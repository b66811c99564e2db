"""ReadDecision: what the record says, whatever has woken the workflow or if nothing has.

Takes the recorded decision over, closes the question at its deadline, or asks on: then people are reminded if
a reminder is due. A question that nobody can see yet doesn't expire: it is waited for, or given up as a
failure. With neither a decision nor seconds to wait, the last step reads what ended it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval import question
from lambdas.domain.approval.decision import is_over, reminder_is_due, seconds_to_reminder
from lambdas.domain.approval.routes import Mode
from lambdas.domain.errors import NobodyAsked, RequestRefused
from lambdas.domain.record import Approval, iso
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import rules
from lambdas.services import questions
from lambdas.services.decisions import take_over
from lambdas.services.observability import logger, step

# A wait that ends in an error is begun again: whoever has the task token can end one.
_MOST_FAILURES = 5


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, failures = datetime.now(UTC), int(event.get("failures") or 0)
    remediation = records().remediation(event["remediationId"])
    if remediation.get("approvalMode") == Mode.OBSERVE:
        return {}
    approval = records().approval(remediation.get("approvalId", ""))
    if "askError" in remediation and (approval is None or approval["status"] == ApprovalStatus.PENDING):
        return {}
    if approval is None:
        return _ask(failures + 1)
    digest = questions.digest_of(remediation)
    route = rules().route_for(remediation.get("route", ""), approval)
    reminder = timedelta() if "digestId" in remediation else route.reminder  # the digest has its own
    if question.is_unseen(approval, digest):
        if wait := question.seconds_to_look_again(approval, digest, now):
            return _ask_on(wait, failures)
        approval = _expire(approval, now)
    else:
        remediation, approval = questions.note_asked_in_digest(remediation, approval)
        if is_over(approval, now):
            approval = _expire(approval, now)
        elif reminder_is_due(approval, reminder, now):
            approval = questions.remind(remediation, approval, route, reminder, now)
    if approval["status"] == ApprovalStatus.PENDING:
        return _ask_on(seconds_to_reminder(approval, reminder, now), failures)
    if approval["status"] == ApprovalStatus.EXPIRED and "askedAt" not in remediation:
        raise NobodyAsked(question.nobody_asked(digest))
    remediation = take_over(remediation, approval, now)
    logger.info("decision_read_from_record", decision=remediation.get("decision"))
    return {"decision": remediation.get("decision")}


def _expire(approval: Approval, now: datetime) -> Approval:
    expired = {"decidedAt": iso(now)}
    return records().settle(approval["approvalId"], ApprovalStatus.EXPIRED, expired) or approval


def _ask(failures: int) -> dict[str, int]:
    """A wait that ended before the question was on record, for whatever reason, is begun again."""
    if failures > _MOST_FAILURES:
        raise NobodyAsked(question.nobody_asked(None))
    return _ask_on(question.SECONDS_TO_LOOK_AGAIN, failures)


def _ask_on(seconds: int, failures: int) -> dict[str, int]:
    if failures > _MOST_FAILURES:
        raise RequestRefused(f"The wait for a decision ended in an error {failures} times in a row.")
    return {"waitSeconds": seconds, "failures": failures}
