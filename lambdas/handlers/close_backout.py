"""CloseBackout: record how the way back ended, let the endpoint go, and bring the card up to date."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.closing import ending
from lambdas.domain.encryption.assessment import EXEMPT_REASON_TAG, EXEMPT_UNTIL_TAG
from lambdas.domain.encryption.progress import uses
from lambdas.domain.record import Remediation, happened, iso, salvaged_record
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services.notifications import tell_ending
from lambdas.services.observability import count, logger, step

_OUTPUT = ("outcome", "endpointName", "remediationId", "backsOut", "reason", "restoredConfigName")


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    record = records().find_remediation(event["remediationId"])
    if record is None:
        record = records().start(salvaged_record(event, now))  # it failed before its record began
    already_closed = "outcome" in record
    outcome, reason = ending(event, record)
    facts = {"outcome": outcome, "reason": reason, "closedAt": iso(now)}
    entry = happened(now, f"Ended {outcome}. {reason}".strip())
    record = records().close(record["remediationId"], facts, entry)
    records().release(record["endpointName"], record["remediationId"])
    if not already_closed:
        _count(record)
    _withdraw_exemption(record, now)
    _tell(str(record.get("backsOut") or event.get("backsOut") or ""), record, now)
    return {name: value for name in _OUTPUT if (value := record.get(name))}


def _tell(remediation_id: str, record: Remediation, now: datetime) -> None:
    """On the card of the remediation that was to be undone, where people asked for it."""
    original = records().find_remediation(remediation_id)
    if original is None or original.get("backoutId", record["remediationId"]) != record["remediationId"]:
        return
    outcome, reason = record.get("outcome", ""), record.get("reason", "")
    facts = {
        "backoutId": record["remediationId"],
        "backoutRequestedBy": record.get("requestedBy", original.get("backoutRequestedBy", "")),
        "backoutOutcome": outcome,
        "backoutReason": reason,
        "exemptUntil": record.get("exemptUntil", ""),
    }
    if original.get("backoutOutcome") != outcome:
        entry = happened(now, f"Backout {record['remediationId']} ended {outcome}. {reason}".strip())
        original = records().note(remediation_id, facts, entry)
    approval = records().approval(original.get("approvalId", ""))
    if ts := tell_ending(original, approval, or_post="noticeTs" not in record):
        records().note(record["remediationId"], {"noticeTs": ts})


def _withdraw_exemption(record: Remediation, now: datetime) -> None:
    """An endpoint that stayed on its twin needs no exemption: its tags are put back as they were."""
    if not record.get("exemptUntil") or record.get("outcome") == Outcome.BACKED_OUT:
        return
    endpoint = sagemaker().describe_endpoint(record["endpointName"])
    if endpoint is None or uses(endpoint, record.get("restoredConfigName", "")):
        return
    before = record.get("exemptionBefore", {})
    added = [tag for tag in (EXEMPT_UNTIL_TAG, EXEMPT_REASON_TAG) if tag not in before]
    if added:
        sagemaker().delete_tags(endpoint["EndpointArn"], added)
    if before:
        sagemaker().add_tags(endpoint["EndpointArn"], before)
    records().note(record["remediationId"], {}, happened(now, "Put the endpoint's exemption tags back"))


def _count(record: Remediation) -> None:
    outcome = record.get("outcome", Outcome.FAILED)
    logger.info("backout_closed", outcome=outcome, reason=record.get("reason", ""))
    count("BackoutClosed", outcome=outcome)
