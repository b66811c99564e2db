"""CloseSweep: add up what a sweep assessed, let the next one begin, and report what could not be assessed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.closing import error_in_words
from lambdas.domain.messages import sweep_notice
from lambdas.domain.sweep.coverage import add_up
from lambdas.domain.vocabulary import Verdict
from lambdas.gateways.records.digests import digests
from lambdas.gateways.settings import required, rules
from lambdas.gateways.slack import patient_slack
from lambdas.services.observability import count, gauge, logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, sweep_id = datetime.now(UTC), str(event["sweepId"])
    result = add_up(digests().batches(sweep_id), str(event.get("stopped") or error_in_words(event)))
    digests().end_sweep(sweep_id)
    coverage, complete = result.coverage, result.is_complete
    verdicts = dict(coverage.verdicts)
    logger.info("sweep_closed", complete=complete, assessed=coverage.assessed, verdicts=verdicts)
    if complete:
        gauge("EndpointsListed", result.listed)
        gauge("EndpointsUnencrypted", coverage.verdicts[Verdict.UNENCRYPTED])
        count("SweepComplete")
    else:
        count("SweepIncomplete")
        if not digests().is_reported(sweep_id):
            # at-least-once: recorded after posting
            message = sweep_notice.incomplete(result, region=required("AWS_REGION"), sweep_id=sweep_id)
            patient_slack().post(rules().default.channel, message)
            digests().note_reported(sweep_id, now)
    return {
        "sweepId": sweep_id,
        "complete": complete,
        "listed": result.listed,
        "assessed": coverage.assessed,
        "unencrypted": coverage.verdicts[Verdict.UNENCRYPTED],
        "found": coverage.found.total(),
        "covered": coverage.covered,
        "reason": result.error,
    }
