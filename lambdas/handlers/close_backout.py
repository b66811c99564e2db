"""CloseBackout: record how the backout ended, release the endpoint, and update the card."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain import backout, outcome_event
from lambdas.domain.closing import final_outcome
from lambdas.domain.record import endpoint_of, happened, holder_of, iso
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import records
from lambdas.services import backouts, outcome_events
from lambdas.services.observability import count, logger, step

_OUTPUT = ("outcome", "endpointName", "backoutId", "backsOut", "reason", "restoredConfigName")


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    record = records().find_backout(event["backoutId"])
    if record is None:  # it failed before its record was started
        record = records().start_backout(backout.salvaged_record(event, now))
    already_closed = "outcome" in record
    outcome, reason = final_outcome(event, record)
    facts = {"outcome": outcome, "reason": reason, "closedAt": iso(now)}
    entry = happened(now, f"Ended {outcome}. {reason}".strip())
    record = records().close_backout(record["backoutId"], facts, entry)
    records().release(endpoint_of(record), holder_of(record))
    if not already_closed:
        recorded = record.get("outcome", Outcome.FAILED)
        logger.info("backout_closed", outcome=recorded, reason=record.get("reason", ""))
        count("BackoutClosed", outcome=recorded)
    outcome_events.report(outcome_event.closed(record))
    backouts.withdraw_exemption(record, now)
    backouts.report(record)
    return {name: value for name in _OUTPUT if (value := record.get(name))}
