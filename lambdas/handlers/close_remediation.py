"""CloseRemediation: record the outcome, release the endpoint, and notify the people who were asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain import outcome_event
from lambdas.domain.closing import final_outcome
from lambdas.domain.record import Remediation, endpoint_of, happened, holder_of, iso, salvaged_record
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import required_days, rules
from lambdas.services import outcome_events, outcomes, updates
from lambdas.services.decisions import close_question, take_over
from lambdas.services.notifications import report_closed
from lambdas.services.observability import step
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
    if remediation is None:  # it failed before its record was started
        record: Remediation = {**salvaged_record(event, now), "runbookPages": rules().runbook_pages}
        remediation = records().start(record)
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
    if (outcome is Outcome.ENCRYPTED or "targetReplaced" in remediation) and days:
        facts["backoutUntil"] = iso(now + days)
    entry = happened(now, f"Ended {outcome}. {reason}".strip())
    remediation = records().close(event["remediationId"], facts, entry)
    if approval is not None:
        approval = close_question(remediation, approval, now)
    records().release(endpoint_of(remediation), holder_of(remediation))
    if "waitingSince" in remediation:  # it may hold an update slot
        updates.release_slot(remediation)
    if not already_closed:
        outcomes.count_closed(remediation, now)
    outcome_events.report(outcome_event.closed(remediation))
    if remediation.get("outcome") == Outcome.ENCRYPTED:
        outcomes.start_retirement(remediation, days)
    report_closed(remediation, approval, now)
    return {name: value for name in _OUTPUT if (value := remediation.get(name))}
