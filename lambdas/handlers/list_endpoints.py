"""ListEndpoints: begin a sweep, and list its endpoints some pages at a time, as batches to be assessed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.gateways.rate_limit import RateLimiters
from lambdas.gateways.records.digests import digests
from lambdas.gateways.sagemaker import sagemaker_tried_once
from lambdas.gateways.settings import required_share
from lambdas.services.observability import logger, step

# A thousand names fit well into the 256 KB of a state's output, and ten calls into a function's time-out.
_PAGES = 10


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, sweep_id = datetime.now(UTC), str(event["sweepId"])
    holder = digests().begin_sweep(sweep_id, now)
    if holder != sweep_id:
        logger.info("another_sweep_is_under_way", other_sweep_id=holder)
        return {"underWay": holder}
    token, listed_before = str(event.get("nextToken") or ""), int(event.get("batchesListed") or 0)
    limiter, batches = RateLimiters(required_share("QUOTA_SHARE"))["ListEndpoints"], list[dict[str, Any]]()
    for _ in range(_PAGES):
        at = token
        names, token = limiter.call(lambda: sagemaker_tried_once().endpoints_page(at))  # noqa: B023  # called now
        if names:
            number = f"{listed_before + len(batches):06d}"
            digests().save_batch(sweep_id, number, {"listed": len(names)}, now)
            batches.append({"number": number, "names": names})
        if not token:
            break
    listed = sum(len(batch["names"]) for batch in batches)
    logger.info("endpoints_listed", endpoints=listed, batches=len(batches), more=bool(token))
    more = {"nextToken": token} if token else {}
    return {"batches": batches, "batchesListed": listed_before + len(batches), **more}
