"""PollEndpoint: is the endpoint in service on its new config, still on its way, or back where it was?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.encryption.plan import paths_to_change
from lambdas.domain.encryption.progress import (
    Ended,
    Wait,
    judge_update,
    live_capture_problem,
    move_of,
    progress_words,
)
from lambdas.domain.encryption.twin import keys_missing
from lambdas.domain.record import Remediation, from_iso, happened, required_fact
from lambdas.domain.vocabulary import Outcome, Surface
from lambdas.gateways.environment import required, required_list, required_seconds
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.services import notifications
from lambdas.services.observability import logger, step

_CAPTURE_KEY = ("DataCaptureConfig", "KmsKeyId")


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    record = records().remediation(event["remediationId"])
    attempt = int(event.get("attempt", 0))
    endpoint = sagemaker().describe_endpoint(record["endpointName"])
    progress = judge_update(
        endpoint,
        move_of(record),
        attempt=attempt,
        requested_at=from_iso(required_fact(record, "updateRequestedAt")),
        reason_before=record.get("failureReasonBefore", ""),
        now=now,
        deadline=timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS")),
    )
    if isinstance(progress, Wait):
        _show_progress(record, endpoint, now)
        logger.info("endpoint_updating", wait_seconds=progress.seconds, attempt=attempt)
        return {"waitSeconds": progress.seconds, "attempt": attempt + 1}
    facts: dict[str, Any] = {}
    if progress.outcome is Outcome.ENCRYPTED and endpoint:
        progress, facts = _verified(record, endpoint)
    outcome, reason = progress.outcome, progress.reason
    # on record at once: should the workflow fail to close, this is what happened
    facts |= {"updateOutcome": outcome, "updateReason": reason}
    entry = happened(now, f"The update ended: {outcome}. {reason}".strip())
    records().note(record["remediationId"], facts, entry)
    logger.info("endpoint_update_ended", outcome=outcome, reason=reason)
    return {"outcome": outcome, "reason": reason}


def _show_progress(record: Remediation, endpoint: Mapping[str, Any] | None, now: datetime) -> None:
    """On record, and on the card, when it has changed; on that of the remediation that is backed out of."""
    seen = progress_words(endpoint)
    if seen == record.get("progressSeen"):
        return
    entry = happened(now, f"The update goes on: {seen}")
    record = records().note(record["remediationId"], {"progressSeen": seen}, entry)
    if original := record.get("backsOut"):
        records().note(original, {"backoutProgress": seen})
    notifications.show(original or record["remediationId"])


def _verified(record: Remediation, endpoint: Mapping[str, Any]) -> tuple[Ended, dict[str, Any]]:
    """Whether the key is where the plan put it, on the twin and on the live capture; and what to note."""
    twin, key_arn = required_fact(record, "twinConfigName"), required("KMS_KEY_ARN")
    paths = paths_to_change(record.get("surfaceKeys", []))
    if missing := keys_missing(sagemaker().require_config(twin), key_arn, paths):
        reason = f"The endpoint is on {twin}, but the key is missing there: {', '.join(missing)}."
        return Ended(Outcome.FAILED, reason), {}
    problem = live_capture_problem(endpoint, key_arn) if _CAPTURE_KEY in paths else ""
    if not problem:
        return Ended(Outcome.ENCRYPTED), {}
    if Surface.DATA_CAPTURE in required_list("REQUIRED_SURFACES"):
        return Ended(Outcome.FAILED, problem), {}
    return Ended(Outcome.ENCRYPTED), {"notes": [*record.get("notes", []), problem]}
