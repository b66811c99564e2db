"""CloseSweep: adds up what a sweep has seen, lets the next one begin, and tells what was not looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.digests import digests
from gateways.environment import required, rules
from gateways.slack import patient_slack
from handlers.shared.observability import count, gauge, logger, step
from remediation.closing import error_in_words
from remediation.slack_text import Message
from remediation.sweep import add_up, incomplete
from remediation.vocabulary import Verdict


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, sweep_id = datetime.now(UTC), str(event["sweepId"])
    swept = add_up(digests().batches(sweep_id), str(event.get("reason") or error_in_words(event)))
    digests().end_sweep(sweep_id)
    seen = swept.seen
    logger.info("sweep_closed", whole=swept.is_whole, looked_at=seen.looked_at, verdicts=dict(seen.verdicts))
    if swept.is_whole:
        gauge("EndpointsListed", swept.listed)
        gauge("EndpointsUnencrypted", seen.verdicts[Verdict.UNENCRYPTED])
        count("SweepWhole")
    else:
        count("SweepNotWhole")
        message = incomplete(swept, region=required("AWS_REGION"), sweep_id=sweep_id)
        _tell_once(sweep_id, message, now)
    return {
        "sweepId": sweep_id,
        "whole": swept.is_whole,
        "listed": swept.listed,
        "lookedAt": seen.looked_at,
        "unencrypted": seen.verdicts[Verdict.UNENCRYPTED],
        "found": seen.found.total(),
        "covered": seen.covered,
        "reason": swept.error,
    }


def _tell_once(sweep_id: str, message: Message, now: datetime) -> None:
    """Said twice rather than not at all: it is on record once it was said."""
    if digests().was_told(sweep_id):
        return
    patient_slack().post(rules().default.channel, message)
    digests().note_told(sweep_id, now)
