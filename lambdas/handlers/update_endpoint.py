"""UpdateEndpoint: move the endpoint to its twin, if it is still the endpoint that was approved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.records import records
from gateways.sagemaker import sagemaker_tried_once
from handlers.observability import logger, step
from remediation.errors import RemediationError, ServiceUnavailable
from remediation.progress import BeforeUpdate, judge_before_update
from remediation.record import from_iso, iso, required_fact


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    remediation = records().remediation(event["remediationId"])
    name, remediation_id = remediation["endpointName"], remediation["remediationId"]
    source = required_fact(remediation, "sourceConfigName")
    twin = required_fact(remediation, "twinConfigName")
    requested_at = remediation.get("updateRequestedAt")

    records().require_claim(name, remediation_id)
    endpoint = sagemaker_tried_once().describe_endpoint(name)
    before = judge_before_update(endpoint, source, twin, from_iso(requested_at) if requested_at else None)
    if before is BeforeUpdate.ALREADY_UNDER_WAY:
        if not requested_at:
            records().note(remediation_id, {"updateRequestedAt": iso(datetime.now(UTC))})
        return {}
    # on record before the call, so that a try after a lost answer knows one may have been taken
    records().note(remediation_id, {"updateRequestedAt": iso(datetime.now(UTC))})
    try:
        sagemaker_tried_once().update_endpoint(name, twin)
    except ServiceUnavailable:
        raise  # it may have been taken all the same
    except RemediationError:
        # refused for certain: what changes the endpoint from now on isn't this call
        records().note(remediation_id, {"updateRequestedAt": ""})
        raise
    logger.info("endpoint_update_requested", endpoint_name=name, twin_config=twin, source_config=source)
    return {}
