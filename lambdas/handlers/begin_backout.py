"""BeginBackout: see that the endpoint is still where it was left, and hold it for the way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain import backout
from lambdas.domain.errors import EndpointChanged
from lambdas.domain.record import Claim, iso
from lambdas.gateways.environment import required_seconds
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services.observability import logger, step

# Beyond the deadlines, what the workflow may still need: a busy endpoint, retries, closing.
_LEASE_MARGIN = timedelta(hours=6)


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    original = records().find_remediation(str(event.get("backsOut", "")))
    record = records().start(backout.start_record(event, original, now))
    name, backout_id = record["endpointName"], record["remediationId"]
    backout.require_on_course(sagemaker().describe_endpoint(name), record)

    lease = 2 * timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS")) + _LEASE_MARGIN
    wanted: Claim = {
        "endpointName": name,
        "remediationId": backout_id,
        "planHash": backout.PLAN,
        "leaseUntil": iso(now + lease),
    }
    holder = records().claim(wanted, now)
    if holder["remediationId"] != backout_id:
        raise EndpointChanged(
            f"Remediation {holder['remediationId']} is at work on the endpoint, so nothing was changed."
        )
    logger.info("backout_begun", endpoint_name=name, backs_out=record.get("backsOut"))
    return {"attempt": 0}
