"""What follows from a remediation's outcome: its metrics."""

from __future__ import annotations

from datetime import datetime

from lambdas.domain.record import Remediation, from_iso
from lambdas.domain.vocabulary import Outcome
from lambdas.services.observability import count, logger, measure


def count_closed(remediation: Remediation, now: datetime) -> None:
    outcome = remediation.get("outcome", Outcome.FAILED)
    logger.info("remediation_closed", outcome=outcome, reason=remediation.get("reason", ""))
    count("RemediationClosed", outcome=outcome)
    if outcome == Outcome.ENCRYPTED:
        measure("TimeToEncrypted", (now - from_iso(remediation["startedAt"])).total_seconds())
