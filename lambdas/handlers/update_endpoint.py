"""UpdateEndpoint: move the endpoint to its twin, if it is still the endpoint that was approved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.records import records
from gateways.sagemaker import sagemaker
from handlers.observability import logger, step
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
    before = judge_before_update(
        sagemaker().describe_endpoint(name), source, twin, from_iso(requested_at) if requested_at else None
    )
    if before is BeforeUpdate.ALREADY_UNDER_WAY:
        if not requested_at:
            records().note(remediation_id, {"updateRequestedAt": iso(datetime.now(UTC))})
        return {}
    # on record before the call, so that a try after a lost answer knows one may have been taken
    records().note(remediation_id, {"updateRequestedAt": iso(datetime.now(UTC))})
    sagemaker().update_endpoint(name, twin)
    logger.info("endpoint_update_requested", endpoint_name=name, twin_config=twin, source_config=source)
    return {}
