"""UpdateEndpoint: move the endpoint to its twin, or back, if it is still the endpoint that was approved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.encryption.progress import BeforeUpdate, failure_reason, judge_before_update, move_of
from lambdas.domain.encryption.update_options import KEEP_EVERYTHING, for_the_call
from lambdas.domain.errors import RemediationError, ServiceUnavailable
from lambdas.domain.record import happened, iso
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker_tried_once
from lambdas.services import updates
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    record = records().remediation(event["remediationId"])
    name, record_id, move = record["endpointName"], record["remediationId"], move_of(record)
    requested_at = record.get("updateRequestedAt")

    records().require_claim(name, record_id)
    endpoint = sagemaker_tried_once().describe_endpoint(name)
    reason_before = record.get("failureReasonBefore", "")
    before = judge_before_update(endpoint, move, requested=bool(requested_at), reason_before=reason_before)
    now = datetime.now(UTC)
    # recorded before the call, so that a retry after a lost response knows that the update may have started
    facts = {"updateRequestedAt": iso(now)}
    if not requested_at and endpoint:
        facts["failureReasonBefore"] = failure_reason(endpoint)
    if before is BeforeUpdate.ALREADY_UNDER_WAY:
        if not requested_at:
            records().note(record_id, facts)
        return {}
    records().note(record_id, facts, happened(now, f"UpdateEndpoint from {move.start} to {move.target}"))
    options = for_the_call(record.get("updateOptions") or KEEP_EVERYTHING, endpoint or {})
    try:
        updates.request(record, move, options, now)
    except ServiceUnavailable:
        raise  # the update may have started nevertheless
    except RemediationError as error:
        # refused for certain: whatever changes the endpoint from now on isn't this call
        records().note(record_id, {"updateRequestedAt": ""}, happened(now, f"Refused: {error}"))
        raise
    logger.info("endpoint_update_requested", endpoint_name=name, start=move.start, target=move.target)
    return {}
