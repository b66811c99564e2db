"""CloseSweep: adds up what a sweep has seen, lets the next one begin, and tells what was not looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.closing import error_in_words
from lambdas.domain.messages.blocks import Message
from lambdas.domain.sweep.coverage import add_up, incomplete
from lambdas.domain.vocabulary import Verdict
from lambdas.gateways.environment import required, rules
from lambdas.gateways.records.digests import digests
from lambdas.gateways.slack import patient_slack
from lambdas.services.observability import count, gauge, logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, sweep_id = datetime.now(UTC), str(event["sweepId"])
    swept = add_up(digests().batches(sweep_id), str(event.get("reason") or error_in_words(event)))
    digests().end_sweep(sweep_id)
    seen = swept.seen
    logger.info(
        "sweep_closed", whole=swept.is_complete, looked_at=seen.looked_at, verdicts=dict(seen.verdicts)
    )
    if swept.is_complete:
        gauge("EndpointsListed", swept.listed)
        gauge("EndpointsUnencrypted", seen.verdicts[Verdict.UNENCRYPTED])
        count("SweepWhole")
    else:
        count("SweepIncomplete")
        message = incomplete(swept, region=required("AWS_REGION"), sweep_id=sweep_id)
        _tell_once(sweep_id, message, now)
    return {
        "sweepId": sweep_id,
        "whole": swept.is_complete,
        "listed": swept.listed,
        "lookedAt": seen.looked_at,
        "unencrypted": seen.verdicts[Verdict.UNENCRYPTED],
        "found": seen.found.total(),
        "covered": seen.covered,
        "reason": swept.error,
    }


def _tell_once(sweep_id: str, message: Message, now: datetime) -> None:
    """Said twice rather than not at all: it is on record once it was said."""
    if digests().is_reported(sweep_id):
        return
    patient_slack().post(rules().default.channel, message)
    digests().note_reported(sweep_id, now)
