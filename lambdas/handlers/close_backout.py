"""CloseBackout: record how the backout ended, release the endpoint, and update the card."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain import outcome_event
from lambdas.domain.closing import final_outcome
from lambdas.domain.record import happened, iso, salvaged_record
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import records
from lambdas.services import backouts, outcome_events, stops
from lambdas.services.observability import count, logger, step

_OUTPUT = ("outcome", "endpointName", "remediationId", "backsOut", "reason", "restoredConfigName")


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    record = records().find_remediation(event["remediationId"])
    if record is None:
        record = records().start(salvaged_record(event, now))  # it failed before its record was started
    already_closed = "outcome" in record
    outcome, reason = final_outcome(stops.with_cause(event), record)
    facts = {"outcome": outcome, "reason": reason, "closedAt": iso(now)}
    entry = happened(now, f"Ended {outcome}. {reason}".strip())
    record = records().close(record["remediationId"], facts, entry)
    records().release(record["endpointName"], record["remediationId"])
    if not already_closed:
        recorded = record.get("outcome", Outcome.FAILED)
        logger.info("backout_closed", outcome=recorded, reason=record.get("reason", ""))
        count("BackoutClosed", outcome=recorded)
    outcome_events.report(outcome_event.closed(record))
    backouts.withdraw_exemption(record, now)
    backouts.report(str(record.get("backsOut") or event.get("backsOut") or ""), record, now)
    return {name: value for name in _OUTPUT if (value := record.get(name))}
