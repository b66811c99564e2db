"""CheckEncryption: read the key on the endpoint's config, keep a copy of the config, claim the endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.encryption.progress import is_settling
from lambdas.domain.errors import InvalidInput
from lambdas.domain.record import Remediation, start_record
from lambdas.domain.vocabulary import Outcome, Verdict
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.settings import rules
from lambdas.services import encryption_check
from lambdas.services.observability import step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    record: Remediation = {**start_record(event, now), "runbookPages": rules().runbook_pages}
    remediation = records().start(record)
    name, remediation_id = remediation["endpointName"], remediation["remediationId"]
    if "outcome" in remediation:
        raise InvalidInput(f"Remediation {remediation_id} has already ended. Start a new one.")

    event_id = remediation["trigger"]["eventId"]
    if event_id and (first := records().first_for_event(event_id, remediation_id, now)) != remediation_id:
        reason = f"This event already started remediation {first}."
        return _ended(Verdict.UNENCRYPTED, Outcome.SUPERSEDED, reason)

    endpoint = sagemaker().describe_endpoint(name)
    if endpoint is None or endpoint["EndpointStatus"] == "Deleting":
        return _ended(Verdict.GONE, Outcome.GONE, "The endpoint no longer exists.")
    if name != endpoint["EndpointName"]:
        # names are unique regardless of case, and only the described spelling finds the claim and the denial
        remediation = records().note(remediation_id, {"endpointName": str(endpoint["EndpointName"])})
    if is_settling(endpoint):
        attempt, status = int(event.get("attempt", 0)), str(endpoint["EndpointStatus"])
        wait = encryption_check.seconds_to_settle(remediation, status, attempt, now)
        return {"waitSeconds": wait, "attempt": attempt + 1}
    found = encryption_check.check(remediation, endpoint, now)
    if found.outcome:
        return _ended(found.verdict, found.outcome, found.reason)
    return {"verdict": found.verdict}


def _ended(verdict: Verdict, outcome: Outcome, reason: str) -> dict[str, Any]:
    return {"verdict": verdict, "outcome": outcome, "reason": reason}
