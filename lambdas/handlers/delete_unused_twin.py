"""DeleteUnusedTwin: after a failure, delete the twin that was made for it, if no endpoint needs it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.encryption.progress import CLOCK_SKEW
from lambdas.domain.record import from_iso, happened, iso
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services.configs import latest_user_of, user_of
from lambdas.services.observability import logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().find_remediation(event["remediationId"])
    if remediation is None or not remediation.get("twinRequestedAt"):
        return {}  # none was made
    twin = remediation.get("twinConfigName", "")
    if sagemaker().describe_config(twin) is None:
        return {}
    # its own endpoint first; any other that uses the twin was modified after the twin was made
    since = from_iso(remediation.get("twinRequestedAt", "")) - CLOCK_SKEW
    user = user_of(twin, [remediation["endpointName"]]) or latest_user_of(twin, since)
    if user is None:
        sagemaker().delete_config(twin)
        fact, entry = {"twinDeletedAt": iso(now)}, happened(now, f"Deleted {twin}, which nothing used")
        logger.info("unused_twin_deleted", twin_config=twin)
    else:
        why = f"The endpoint {user} uses {twin}, or may go back to it."
        fact, entry = {"twinKept": why}, happened(now, f"Kept {twin}. {why}")
        logger.info("twin_kept", twin_config=twin, endpoint_name=user)
    records().note(remediation["remediationId"], fact, entry)
    return {}
