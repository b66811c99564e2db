"""CheckEncryption: read the key on the endpoint's config, keep a copy of the config, claim the endpoint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.encryption.progress import is_settling
from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.errors import InvalidInput
from lambdas.domain.record import Remediation, endpoint_of, start_record
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
    remediation_id, endpoint_id = remediation["remediationId"], endpoint_of(remediation)
    if "outcome" in remediation:
        raise InvalidInput(f"Remediation {remediation_id} has already ended. Start a new one.")

    event_id = remediation["trigger"]["eventId"]
    if event_id:
        first = records().first_for_event(endpoint_id.account, event_id, remediation_id, now)
        if first != remediation_id:
            reason = f"This event already started remediation {first}."
            return _ended(remediation_id, encryption_check.Conclusion(None, Outcome.SUPERSEDED, reason))

    endpoint = sagemaker().describe_endpoint(endpoint_id.name)
    if endpoint is None or endpoint["EndpointStatus"] == "Deleting":
        gone = encryption_check.Conclusion(Verdict.GONE, Outcome.GONE, "The endpoint no longer exists.")
        return _ended(remediation_id, gone)
    described = EndpointId.described(endpoint)
    if described != endpoint_id:
        # names are unique regardless of case, and only the described spelling finds the history
        named = {"endpointId": str(described), "endpointName": described.name}
        remediation = records().note(remediation_id, named)
    if is_settling(endpoint):
        attempt, status = int(event.get("attempt", 0)), str(endpoint["EndpointStatus"])
        wait = encryption_check.seconds_to_settle(remediation, status, attempt, now)
        return {"waitSeconds": wait, "attempt": attempt + 1}
    found = encryption_check.check(remediation, endpoint, now)
    if found.wait_seconds:
        return {"waitSeconds": found.wait_seconds, "attempt": int(event.get("attempt", 0))}
    return _ended(remediation_id, found) if found.outcome else {"ask": True}


def _ended(remediation_id: str, found: encryption_check.Conclusion) -> dict[str, Any]:
    """Nobody has to be asked: the last step reads why from the record."""
    facts = {"checkOutcome": found.outcome, "checkReason": found.reason}
    verdict = {"verdict": found.verdict} if found.verdict else {}
    records().note(remediation_id, {**facts, **verdict})
    return {}
