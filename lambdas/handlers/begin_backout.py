"""BeginBackout: check that the endpoint is still on its twin, and claim it for the backout."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain import backout
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services import claims
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    original = records().find_remediation(str(event.get("backsOut", "")))
    approval = records().approval(original.get("approvalId", "")) if original else None
    record = records().start_backout(backout.start_record(event, original, approval, now))
    backout.require_on_twin(sagemaker().describe_endpoint(record["endpointName"]), record)
    claims.claim_for_backout(record, now)
    logger.info("backout_begun", endpoint_name=record["endpointName"], backs_out=record["backsOut"])
    return {"attempt": 0}
