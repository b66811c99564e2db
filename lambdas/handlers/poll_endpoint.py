"""PollEndpoint: is the endpoint in service on its new config, still being updated, or rolled back?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.closing import UPDATE_ENDED
from lambdas.domain.encryption.progress import Wait, judge_update, move_of
from lambdas.domain.record import happened
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
    endpoint = sagemaker().describe_endpoint(run["endpointName"])
    move = move_of(run)
    judged = judge_update(
        endpoint,
        move,
        attempt=attempt,
        now=now,
        deadline=timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS")),
    )
    if isinstance(judged, Wait):
        updates.show_progress(run, endpoint, now)
        logger.info("endpoint_updating", wait_seconds=judged.seconds, attempt=attempt)
        return {"waitSeconds": judged.seconds, "attempt": attempt + 1}
    facts: dict[str, Any] = {}
    if judged.outcome is move.success and endpoint:
        judged, facts = updates.verify(run, move, endpoint)
    outcome, reason = judged.outcome, judged.reason
    # recorded at once: if the workflow fails to close, this is what happened
    facts |= {"updateOutcome": outcome, "updateReason": reason}
    entry = happened(now, f"{UPDATE_ENDED}: {outcome}. {reason}".strip())
    records().note_run(run, facts, entry)
    logger.info("endpoint_update_ended", outcome=outcome, reason=reason)
    return {"outcome": outcome}
