"""CloseRemediation: record the outcome, release the endpoint, and notify the people who were asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain import outcome_event
from lambdas.domain.closing import final_outcome
from lambdas.domain.record import (
    Remediation,
    endpoint_of,
    from_iso,
    happened,
    holder_of,
    iso,
    salvaged_record,
)
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import required, required_days
from lambdas.gateways.step_functions import step_functions
from lambdas.services import outcome_events, updates
from lambdas.services.decisions import close_question, take_over
from lambdas.services.notifications import report_closed
from lambdas.services.observability import count, logger, measure, step
from lambdas.services.questions import note_asked_in_digest

# The state machine's output
_OUTPUT = (
    "outcome", "endpointName", "remediationId", "reason", "sourceConfigName", "twinConfigName", "decidedBy",
    "evidenceSha256",
)  # fmt: skip


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().find_remediation(event["remediationId"])
    if remediation is None:
        remediation = records().start(salvaged_record(event, now))  # it failed before its record was started
    approval = records().approval(remediation.get("approvalId", ""))
    if approval is not None and "outcome" not in remediation:
        remediation, approval = note_asked_in_digest(remediation, approval)
        remediation = take_over(remediation, approval, now)
    outcome, reason = final_outcome(event, remediation)

    # The evidence comes first, then the endpoint's release, then what follows from the outcome, then the
    # notification. Each part is safe to repeat if the next one fails.
    already_closed = "outcome" in remediation
    facts = {"outcome": outcome, "reason": reason, "closedAt": iso(now)}
    days = required_days("BACKOUT_DAYS")
    if outcome is Outcome.ENCRYPTED and days:
        facts["backoutUntil"] = iso(now + days)
    entry = happened(now, f"Ended {outcome}. {reason}".strip())
    remediation = records().close(event["remediationId"], facts, entry)
    if approval is not None:
        approval = close_question(remediation, approval, now)
    remediation_id = remediation["remediationId"]
    records().release(endpoint_of(remediation), holder_of(remediation))
    if "waitingSince" in remediation:  # it may hold an update slot
        updates.release_slot(remediation)
    if not already_closed:
        _count(remediation, now)
    outcome_events.report(outcome_event.closed(remediation))
    if remediation.get("outcome") == Outcome.ENCRYPTED:
        # the old config is retired after the time to back out
        name, seconds = remediation["endpointName"], int(days.total_seconds())
        wait = {"endpointName": name, "remediationId": remediation_id, "waitSeconds": seconds}
        step_functions().start(required("RETIREMENT_WORKFLOW_ARN"), remediation_id, wait)
    report_closed(remediation, approval, now)
    return {name: value for name in _OUTPUT if (value := remediation.get(name))}


def _count(remediation: Remediation, now: datetime) -> None:
    outcome = remediation.get("outcome", Outcome.FAILED)
    logger.info("remediation_closed", outcome=outcome, reason=remediation.get("reason", ""))
    count("RemediationClosed", outcome=outcome)
    if outcome == Outcome.ENCRYPTED:
        measure("TimeToEncrypted", (now - from_iso(remediation["startedAt"])).total_seconds())
