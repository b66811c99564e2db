"""AwaitInService: wait until the endpoint is InService and an update slot is free.

A new endpoint is still Creating when its event arrives, and only one that is InService can be updated. Only a
few endpoints are updated at a time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.encryption.progress import acceptable_starts, judge_readiness
from lambdas.domain.record import from_iso, happened, iso, required_fact
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.settings import required_seconds
from lambdas.services import updates
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    attempt = int(event.get("attempt", 0))
    if "waitingSince" not in remediation:
        entry = happened(now, "Waiting until the endpoint can be updated")
        remediation = records().note(remediation["remediationId"], {"waitingSince": iso(now)}, entry)
    if "queuedSince" in remediation and not updates.has_free_slot(remediation):
        # a thousand may wait: none of them asks SageMaker before a slot is free
        return {"waitSeconds": updates.queue(remediation, attempt, now), "attempt": attempt + 1}
    deadline = timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS"))
    overdue = now - from_iso(required_fact(remediation, "waitingSince")) >= deadline
    endpoint = sagemaker().describe_endpoint(remediation["endpointName"])
    wait = judge_readiness(endpoint, acceptable_starts(remediation), attempt, overdue=overdue)
    if wait is not None:
        status = f"the endpoint is {endpoint['EndpointStatus']}" if endpoint else ""
        updates.show_waiting(remediation, status)
        logger.info("endpoint_not_in_service_yet", wait_seconds=wait.seconds)
        return {"waitSeconds": wait.seconds, "attempt": attempt + 1}
    if updates.acquire_slot(remediation, deadline, now):
        return {"ready": True}
    return {"waitSeconds": updates.queue(remediation, attempt, now), "attempt": attempt + 1}
