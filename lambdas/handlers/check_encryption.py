"""CheckEncryption: read the key on the endpoint's config, keep a copy of it, claim the endpoint."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.environment import required, required_list, required_seconds
from gateways.records import Records, records
from gateways.sagemaker import UPDATE_OPTIONS, sagemaker
from gateways.workflow import workflow
from handlers.observability import logger, metrics, step
from remediation import assessment
from remediation.plan import Facts, facts_of
from remediation.progress import config_in_charge
from remediation.record import Claim, Remediation, iso, start_record
from remediation.vocabulary import ApprovalStatus, Outcome, Surface, Verdict

# Beyond the approval's deadline, what the workflow may still need: waiting, updating, closing.
_LEASE_MARGIN = timedelta(hours=12)


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().start(start_record(event, now))
    name, remediation_id = remediation["endpointName"], remediation["remediationId"]

    event_id = remediation["trigger"]["eventId"]
    if event_id and (first := records().first_for_event(event_id, remediation_id, now)) != remediation_id:
        return _ended(
            Verdict.UNENCRYPTED, Outcome.SUPERSEDED, f"This event already started remediation {first}."
        )

    endpoint = sagemaker().describe_endpoint(name)
    if endpoint is None or endpoint["EndpointStatus"] == "Deleting":
        return _ended(Verdict.GONE, Outcome.GONE, "The endpoint no longer exists.")
    config = sagemaker().require_config(config_in_charge(endpoint))
    source = str(config["EndpointConfigName"])

    if assessment.verdict(config) is Verdict.ENCRYPTED:
        _supersede_if_elsewhere(name, remediation_id, source, now)
        records().note(remediation_id, {"verdict": Verdict.ENCRYPTED, "sourceConfigName": source})
        return _ended(Verdict.ENCRYPTED, Outcome.ALREADY_ENCRYPTED, f"Its config {source} names a KMS key.")

    exemption = assessment.exemption(sagemaker().list_tags(endpoint["EndpointArn"]), now)
    if exemption.in_force:
        return _ended(Verdict.EXEMPT, Outcome.EXEMPT, exemption.note)

    records().keep_snapshot(remediation_id, {"config": config, "endpoint": endpoint})
    facts: Facts = facts_of(
        endpoint,
        config,
        key_arn=required("KMS_KEY_ARN"),
        surfaces=tuple(Surface(surface) for surface in required_list("ENCRYPTION_SURFACES")),
        update_options=UPDATE_OPTIONS,
        notes=[exemption.note] if exemption.note else [],
    )
    remediation = records().note(remediation_id, facts)
    holder = _claim(remediation, source, now)
    if holder != remediation_id:
        return _ended(
            Verdict.UNENCRYPTED, Outcome.SUPERSEDED, f"Remediation {holder} already covers this change."
        )
    logger.info("unencrypted_endpoint_found", endpoint_name=name, source_config=source)
    metrics.add_metric(name="UnencryptedEndpointFound", unit="Count", value=1)
    return {"verdict": Verdict.UNENCRYPTED}


def _ended(verdict: Verdict, outcome: Outcome, reason: str) -> dict[str, Any]:
    return {"verdict": verdict, "outcome": outcome, "reason": reason}


def _claim(remediation: Remediation, source: str, now: datetime) -> str:
    """Hold the endpoint, and return who holds it: an older question about another config gives way."""
    me = remediation["remediationId"]
    lease = now + timedelta(seconds=required_seconds("APPROVAL_DEADLINE_SECONDS")) + _LEASE_MARGIN
    wanted: Claim = {
        "endpointName": remediation["endpointName"],
        "remediationId": me,
        "sourceConfigName": source,
        "leaseUntil": iso(lease),
    }
    holder = records().claim(wanted, now)
    if holder["remediationId"] == me or holder["sourceConfigName"] == source:
        return holder["remediationId"]
    _supersede(records(), holder["remediationId"], now)
    return records().claim(wanted, now, instead_of=holder["remediationId"])["remediationId"]


def _supersede_if_elsewhere(endpoint_name: str, me: str, source: str, now: datetime) -> None:
    """An endpoint that someone encrypted by hand needs no answer to the question still open about it."""
    holder = records().holder(endpoint_name)
    if holder is None or holder["remediationId"] == me:
        return
    other = records().find_remediation(holder["remediationId"])
    if other and source not in (other.get("sourceConfigName"), other.get("twinConfigName")):
        _supersede(records(), holder["remediationId"], now)


def _supersede(table: Records, remediation_id: str, now: datetime) -> None:
    """End the open question of another remediation, and wake the workflow that waits for it."""
    other = table.find_remediation(remediation_id)
    approval_id = other.get("approvalId") if other else None
    if not approval_id:
        return  # not asked yet: losing the claim keeps it from asking
    approval = table.settle(approval_id, ApprovalStatus.SUPERSEDED, {"decidedAt": iso(now)})
    if approval and approval["status"] == ApprovalStatus.SUPERSEDED:
        workflow().answer(approval["taskToken"], ApprovalStatus.SUPERSEDED)
        logger.info("approval_superseded", superseded_remediation_id=remediation_id)
