"""UpdateEndpoint: move the endpoint to its twin, or back, if it is still the endpoint that was approved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.encryption.progress import BeforeUpdate, failure_reason, judge_before_update, move_of
from lambdas.domain.encryption.update_options import RETAIN_LIVE_SETTINGS, for_the_call
from lambdas.domain.errors import RemediationError, ServiceUnavailable
from lambdas.domain.record import happened, iso
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker_tried_once
from lambdas.services import updates
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    run = records().run_of(event)
    name, move = run["endpointName"], move_of(run)
    records().require_claim(run)
    endpoint = sagemaker_tried_once().describe_endpoint(name)
    before = judge_before_update(endpoint, move)
    now = datetime.now(UTC)
    # recorded before the call, so that a retry after a lost response knows that the update may have started
    facts = {"updateRequestedAt": iso(now)}
    if not move.requested_at and endpoint:
        facts["failureReasonBefore"] = failure_reason(endpoint)
    if before is BeforeUpdate.ALREADY_UNDER_WAY:
        if not move.requested_at:
            records().note_run(run, facts)
        return {}
    records().request_update(run, facts, happened(now, f"UpdateEndpoint from {move.source} to {move.target}"))
    options = for_the_call(run.get("updateOptions") or RETAIN_LIVE_SETTINGS, endpoint or {})
    try:
        updates.request(run, move, options, now)
    except ServiceUnavailable:
        raise  # the update may have started nevertheless
    except RemediationError as error:
        # refused for certain: whatever changes the endpoint from now on isn't this call
        records().note_run(run, {"updateRequestedAt": ""}, happened(now, f"Refused: {error}"))
        raise
    logger.info("endpoint_update_requested", endpoint_name=name, source=move.source, target=move.target)
    return {}
