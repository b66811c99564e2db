"""CloseSweep: see whether people were asked, add up what a sweep assessed, let the next one begin, and report
what could not be assessed or asked about.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lambdas.domain.closing import error_in_words
from lambdas.domain.record import from_iso, iso
from lambdas.domain.sweep.coverage import add_up, seconds_until_asked
from lambdas.domain.vocabulary import Verdict
from lambdas.gateways.records.digests import digests
from lambdas.gateways.settings import rules
from lambdas.services import sweep_questions, sweep_report
from lambdas.services.observability import step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, sweep_id = datetime.now(UTC), str(event["sweepId"])
    result = add_up(digests().batches(sweep_id), str(event.get("stopped") or error_in_words(event)))
    routes = {*result.coverage.found} | {route.name for route in rules().routes}
    questions = sweep_questions.of_sweep(sweep_id, routes)
    since = from_iso(event["since"]) if event.get("since") else now
    wait = seconds_until_asked(since, now)
    if questions.pending and wait and "stopped" not in event:  # an execution that has ended can't wait
        given = {"error": event["error"]} if event.get("error") else {}
        return {"waitSeconds": wait, "since": iso(since), **given}
    if questions.pending:
        questions.unasked["Its question was not posted in time."] += questions.pending
    result = replace(result, unasked=questions.unasked)
    digests().end_sweep(sweep_id)
    sweep_report.report(sweep_id, result, now)
    coverage = result.coverage
    return {
        "sweepId": sweep_id,
        "complete": result.is_complete,
        "listed": result.listed,
        "assessed": coverage.assessed,
        "unencrypted": coverage.verdicts[Verdict.UNENCRYPTED],
        "unknown": coverage.verdicts[Verdict.UNKNOWN],
        "found": coverage.found.total(),
        "covered": coverage.covered,
        "unasked": result.unasked.total(),
        "reason": result.reason,
    }
