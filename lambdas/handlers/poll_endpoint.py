"""PollEndpoint: is the endpoint in service on its twin, still on its way, or back where it was?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.environment import required, required_seconds
from gateways.records import records
from gateways.sagemaker import sagemaker
from handlers.observability import logger, step
from remediation.progress import Wait, judge_update
from remediation.record import from_iso, required_fact
from remediation.twin import keys_in_place
from remediation.vocabulary import Outcome, Surface


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    remediation = records().remediation(event["remediationId"])
    attempt = int(event.get("attempt", 0))
    twin = required_fact(remediation, "twinConfigName")
    progress = judge_update(
        sagemaker().describe_endpoint(remediation["endpointName"]),
        required_fact(remediation, "sourceConfigName"),
        twin,
        attempt=attempt,
        requested_at=from_iso(required_fact(remediation, "updateRequestedAt")),
        now=datetime.now(UTC),
        deadline=timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS")),
    )
    if isinstance(progress, Wait):
        logger.info("endpoint_updating", wait_seconds=progress.seconds, attempt=attempt)
        return {"waitSeconds": progress.seconds, "attempt": attempt + 1}
    outcome, reason = progress.outcome, progress.reason
    if outcome is Outcome.ENCRYPTED:
        surfaces = [Surface(surface) for surface in remediation.get("surfaces", [])]
        if not keys_in_place(sagemaker().require_config(twin), required("KMS_KEY_ARN"), surfaces):
            outcome, reason = Outcome.FAILED, f"The endpoint is on {twin}, but a key is missing there."
    # on record at once: should the workflow fail to close, this is what happened
    records().note(remediation["remediationId"], {"updateOutcome": outcome, "updateReason": reason})
    logger.info("endpoint_update_ended", outcome=outcome, reason=reason)
    return {"outcome": outcome, "reason": reason}
