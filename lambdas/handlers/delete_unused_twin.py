"""DeleteUnusedTwin: after a failure, delete the twin that was made for it, if no endpoint needs it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.encryption.progress import uses
from lambdas.domain.record import Remediation, from_iso, happened, iso
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services.observability import logger, step

# Far more than the two clocks are apart: it costs descriptions, and too little would cost a config in use.
_CLOCK_SKEW = timedelta(minutes=2)


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().find_remediation(event["remediationId"])
    if remediation is None or not remediation.get("twinRequestedAt"):
        return {}  # none was made, or it was there before
    twin = remediation.get("twinConfigName", "")
    if sagemaker().describe_config(twin) is None:
        return {}
    user = _user_of(twin, remediation)
    if user is None:
        sagemaker().delete_config(twin)
        fact, entry = {"twinDeletedAt": iso(now)}, happened(now, f"Deleted {twin}, which nothing used")
        logger.info("unused_twin_deleted", twin_config=twin)
    else:
        why = f"The endpoint {user} uses {twin}, or may come to."
        fact, entry = {"twinKept": why}, happened(now, f"Kept {twin}. {why}")
        logger.info("twin_kept", twin_config=twin, endpoint_name=user)
    records().note(remediation["remediationId"], fact, entry)
    return {}


def _user_of(twin: str, remediation: Remediation) -> str | None:
    """An endpoint that uses the twin. One that does was modified after the twin was made."""
    since = from_iso(remediation.get("twinRequestedAt", "")) - _CLOCK_SKEW
    # its own first, and once: each is a call, and a pause before it
    candidates = dict.fromkeys([remediation["endpointName"], *sagemaker().endpoints_modified_since(since)])
    described = sagemaker().describe_all(candidates)
    return next((name for name, endpoint in described if uses(endpoint, twin)), None)
