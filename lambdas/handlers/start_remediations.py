"""StartRemediations: start the ordinary workflow for what a sweep found, no faster than Slack allows.

Few findings on a route get a card each; many are asked about in a digest, very many in several. At last,
retirements are started that no schedule started.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from lambdas.gateways.settings import required
from lambdas.services import remediations, retirements
from lambdas.services.observability import step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    # carry an earlier error through, to be reported at the end
    error = {"error": event["error"]} if event.get("error") else {}
    place = remediations.Place(**event["place"]) if event.get("place") else remediations.Place("")
    above, now = int(required("DIGEST_ABOVE")), datetime.now(UTC)
    if more := remediations.start_next(str(event["sweepId"]), place, above, now):
        next_place, pause = more
        return {"waitSeconds": pause, "place": asdict(next_place), **error}
    retirements.start_overdue(now)
    return error
