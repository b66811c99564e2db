"""ReadDecision: what the record says, whatever has woken the workflow or if nothing has.

Takes the recorded decision over, closes the question at its deadline, or asks on: then people are reminded if
a reminder is due. With neither a decision nor seconds to wait, the last step reads what ended it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import first_wait, reminder_is_due, wait_seconds
from lambdas.domain.approval.routes import Mode
from lambdas.domain.errors import RequestRefused
from lambdas.domain.record import from_iso, iso
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
    route = rules().deciding(remediation.get("route", ""), approval)
    reminder = timedelta() if "digestId" in remediation else route.reminder  # the digest has its own
    if approval is not None and approval["status"] == ApprovalStatus.PENDING:
        if now >= from_iso(approval["deadline"]):
            expired = {"decidedAt": iso(now)}
            approval = records().settle(approval["approvalId"], ApprovalStatus.EXPIRED, expired)
        elif reminder_is_due(approval, reminder, now):
            approval = questions.remind(remediation, approval, route, reminder, now)
    if approval is not None and approval["status"] != ApprovalStatus.PENDING:
        remediation = take_over(remediation, approval, now)
        logger.info("decision_read_from_record", decision=remediation.get("decision"))
        return {"decision": remediation.get("decision")}
    if "askError" in remediation:
        return {}
    if failures > _MOST_FAILURES:
        raise RequestRefused(f"The wait for a decision ended in an error {failures} times in a row.")
    seconds = wait_seconds(approval, reminder, now) if approval else first_wait(route.deadline, reminder)
    return {"waitSeconds": seconds, "failures": failures}
