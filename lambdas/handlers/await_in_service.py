"""AwaitInService: a new endpoint is still Creating when its event arrives; only InService can be updated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.environment import required_seconds
from gateways.records import records
from gateways.sagemaker import sagemaker
from handlers.shared import telling
from handlers.shared.observability import logger, step
from remediation.progress import acceptable_starts, judge_readiness
from remediation.record import from_iso, happened, iso, required_fact


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    attempt = int(event.get("attempt", 0))
    if "waitingSince" not in remediation:
        entry = happened(now, "Waiting until the endpoint can be updated")
        remediation = records().note(remediation["remediationId"], {"waitingSince": iso(now)}, entry)
    since = from_iso(required_fact(remediation, "waitingSince"))
    overdue = now - since >= timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS"))
    endpoint = sagemaker().describe_endpoint(remediation["endpointName"])
    wait = judge_readiness(endpoint, acceptable_starts(remediation), attempt, overdue=overdue)
    if wait is None:
        return {"ready": True}
    seen = f"the endpoint is {endpoint['EndpointStatus']}" if endpoint else ""
    if seen != remediation.get("progressSeen"):
        records().note(remediation["remediationId"], {"progressSeen": seen})
        if "backsOut" not in remediation:
            telling.show(remediation["remediationId"])
    logger.info("endpoint_not_in_service_yet", wait_seconds=wait.seconds)
    return {"waitSeconds": wait.seconds, "attempt": attempt + 1}
