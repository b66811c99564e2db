"""AwaitInService: a new endpoint is still Creating when its event arrives; only InService can be updated.

Then it waits for its turn: endpoints are updated a few at a time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.encryption.progress import (
    LONGEST_QUEUE,
    acceptable_starts,
    judge_readiness,
    queue_seconds,
)
from lambdas.domain.errors import DeadlinePassed
from lambdas.domain.record import Remediation, from_iso, happened, iso, required_fact
from lambdas.gateways.environment import required, required_seconds
from lambdas.gateways.records.records import records
from lambdas.gateways.records.update_slots import update_slots
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services import notifications
from lambdas.services.observability import logger, step

# An update that is still under way after this lost its execution: the next one doesn't wait for it.
_LEASE_MARGIN = timedelta(hours=1)


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    attempt = int(event.get("attempt", 0))
    if "waitingSince" not in remediation:
        entry = happened(now, "Waiting until the endpoint can be updated")
        remediation = records().note(remediation["remediationId"], {"waitingSince": iso(now)}, entry)
    at_once = int(required("CONCURRENT_UPDATES"))
    if "queuedSince" in remediation and update_slots().others(remediation["remediationId"]) >= at_once:
        # a thousand may wait: none of them asks SageMaker before there is room
        _still_queued(remediation, now)
        return {"waitSeconds": queue_seconds(attempt), "attempt": attempt + 1}
    deadline = timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS"))
    overdue = now - from_iso(required_fact(remediation, "waitingSince")) >= deadline
    endpoint = sagemaker().describe_endpoint(remediation["endpointName"])
    wait = judge_readiness(endpoint, acceptable_starts(remediation), attempt, overdue=overdue)
    if wait is not None:
        _show(remediation, f"the endpoint is {endpoint['EndpointStatus']}" if endpoint else "")
        logger.info("endpoint_not_in_service_yet", wait_seconds=wait.seconds)
        return {"waitSeconds": wait.seconds, "attempt": attempt + 1}
    lease = deadline + _LEASE_MARGIN  # a backout waits for nobody
    if "backsOut" in remediation or update_slots().acquire(
        remediation["remediationId"], now, at_once=at_once, lease=lease
    ):
        return {"ready": True}
    _still_queued(remediation, now)
    return {"waitSeconds": queue_seconds(attempt), "attempt": attempt + 1}


def _still_queued(remediation: Remediation, now: datetime) -> None:
    """Put on record that its turn has not come.

    Raises
    ------
    DeadlinePassed
        Others were updated for two weeks.
    """
    remediation_id = remediation["remediationId"]
    queued_since = remediation.get("queuedSince") or iso(now)
    if now - from_iso(queued_since) >= LONGEST_QUEUE:
        raise DeadlinePassed(
            f"Its turn to be updated did not come in {LONGEST_QUEUE.days} days, so nothing was changed: only "
            f"{required('CONCURRENT_UPDATES')} endpoints are updated at once."
        )
    # the endpoint was ready now: what it is given to settle begins again
    records().note(remediation_id, {"queuedSince": queued_since, "waitingSince": iso(now)})
    others = update_slots().others(remediation_id)
    _show(remediation, f"its turn comes after others, {others} of which are being updated")
    logger.info("turn_not_come_yet", others=others)


def _show(remediation: Remediation, seen: str) -> None:
    if seen != remediation.get("progressSeen"):
        records().note(remediation["remediationId"], {"progressSeen": seen})
        if "backsOut" not in remediation:
            notifications.show(remediation["remediationId"])
