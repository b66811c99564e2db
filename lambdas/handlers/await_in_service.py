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
    run = records().run_of(event)
    attempt = int(event.get("attempt", 0))
    if "waitingSince" not in run:
        entry = happened(now, "Waiting until the endpoint can be updated")
        run = records().note_run(run, {"waitingSince": iso(now)}, entry)
    if "backoutId" not in run and "queuedSince" in run and not updates.has_free_slot(run):
        # a thousand may wait: none of them asks SageMaker before a slot is free
        return {"waitSeconds": updates.queue(run, attempt, now), "attempt": attempt + 1}
    deadline = timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS"))
    overdue = now - from_iso(required_fact(run, "waitingSince")) >= deadline
    endpoint = sagemaker().describe_endpoint(run["endpointName"])
    wait = judge_readiness(endpoint, acceptable_starts(run), attempt, overdue=overdue)
    if wait is not None:
        status = f"the endpoint is {endpoint['EndpointStatus']}" if endpoint else ""
        updates.show_waiting(run, status)
        logger.info("endpoint_not_in_service_yet", wait_seconds=wait.seconds)
        return {"waitSeconds": wait.seconds, "attempt": attempt + 1}
    if "backoutId" in run or updates.acquire_slot(run, deadline, now):  # a backout needs none
        return {"ready": True}
    return {"waitSeconds": updates.queue(run, attempt, now), "attempt": attempt + 1}
