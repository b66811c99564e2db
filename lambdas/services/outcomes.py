"""What follows from a remediation's outcome: its metrics, and the retirement of the old config."""

from __future__ import annotations

from datetime import datetime, timedelta

from lambdas.domain.record import Remediation, from_iso
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.settings import required
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import count, logger, measure


def count_closed(remediation: Remediation, now: datetime) -> None:
    outcome = remediation.get("outcome", Outcome.FAILED)
    logger.info("remediation_closed", outcome=outcome, reason=remediation.get("reason", ""))
    count("RemediationClosed", outcome=outcome)
    if outcome == Outcome.ENCRYPTED:
        measure("TimeToEncrypted", (now - from_iso(remediation["startedAt"])).total_seconds())


def start_retirement(remediation: Remediation, wait: timedelta) -> None:
    """Start what retires the old config after the time to back out. It is started only once."""
    remediation_id = remediation["remediationId"]
    machine_input = {
        "endpointName": remediation["endpointName"],
        "remediationId": remediation_id,
        "waitSeconds": int(wait.total_seconds()),
    }
    step_functions().start(required("RETIREMENT_WORKFLOW_ARN"), remediation_id, machine_input)
