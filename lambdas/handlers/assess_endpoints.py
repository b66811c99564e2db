"""AssessEndpoints: assess a batch of a sweep's endpoints, and record those to be asked about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.gateways.records.digests import digests
from lambdas.services.observability import logger, step
from lambdas.services.survey import assess_batch


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, sweep_id = datetime.now(UTC), str(event["sweepId"])
    names: list[str] = event["batch"]["names"]
    coverage = assess_batch(sweep_id, names, now)
    batch = {"listed": len(names), **coverage.as_item()}
    digests().save_batch(sweep_id, event["batch"]["number"], batch, now)
    logger.info("endpoints_assessed", assessed=coverage.assessed, found=coverage.found.total())
    return {}
