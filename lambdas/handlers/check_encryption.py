"""CheckEncryption: read the key on the endpoint's config, keep a copy of it, claim the endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import still_denied
from lambdas.domain.approval.routes import Mode
from lambdas.domain.encryption import assessment
from lambdas.domain.encryption.plan import DecisionFacts, surface_entries
from lambdas.domain.encryption.progress import LONGEST_QUEUE, config_in_charge, is_settling, wait_seconds
from lambdas.domain.encryption.provenance import managed_by
from lambdas.domain.errors import DeadlinePassed, InvalidInput
from lambdas.domain.record import Claim, Remediation, from_iso, happened, iso, start_record
from lambdas.domain.vocabulary import ApprovalStatus, Outcome, Verdict
from lambdas.gateways.environment import required, required_seconds, rules
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import count, logger, step
from lambdas.services.planning import assessor, planned, required_surfaces

# Beyond the deadlines, what the workflow may still need: a busy endpoint, retries, closing.
_LEASE_MARGIN = timedelta(hours=6)


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().start(start_record(event, now))
    name, remediation_id = remediation["endpointName"], remediation["remediationId"]
    if "outcome" in remediation:
        raise InvalidInput(f"Remediation {remediation_id} has ended already: start a new one.")

    event_id = remediation["trigger"]["eventId"]
    if event_id and (first := records().first_for_event(event_id, remediation_id, now)) != remediation_id:
        return _ended(
            Verdict.UNENCRYPTED, Outcome.SUPERSEDED, f"This event already started remediation {first}."
        )

    endpoint = sagemaker().describe_endpoint(name)
    if endpoint is None or endpoint["EndpointStatus"] == "Deleting":
        return _ended(Verdict.GONE, Outcome.GONE, "The endpoint no longer exists.")
    if name != endpoint["EndpointName"]:
        # names are unique whatever their case, and only one spelling finds the claim and the denial
        remediation = records().note(remediation_id, {"endpointName": str(endpoint["EndpointName"])})
    if is_settling(endpoint):
        return _wait(remediation, endpoint, int(event.get("attempt", 0)), now)
    return _judge(remediation, endpoint, now)


def _judge(remediation: Remediation, endpoint: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What the config says; if someone has to be asked, it is on record and the endpoint is claimed."""
    name, remediation_id = remediation["endpointName"], remediation["remediationId"]
    config = sagemaker().require_config(config_in_charge(endpoint))
    source = str(config["EndpointConfigName"])

    assessed = assessor().assess(config)
    if assessment.verdict(assessed, required_surfaces()) is Verdict.ENCRYPTED:
        _let_go_elsewhere(name, remediation_id, source, now)
        entries = surface_entries(assessed, (), required("KMS_KEY_ARN"))
        found = {"verdict": Verdict.ENCRYPTED, "sourceConfigName": source, "surfaceKeys": entries}
        records().note(remediation_id, found, happened(now, f"Found {source} encrypted"))
        reason = f"Its config {source} names a KMS key wherever one is required."
        return _ended(Verdict.ENCRYPTED, Outcome.ALREADY_ENCRYPTED, reason)

    endpoint_tags = sagemaker().list_tags(endpoint["EndpointArn"])
    exemption = assessment.exemption(endpoint_tags, now)
    if exemption.in_force:
        return _ended(Verdict.EXEMPT, Outcome.EXEMPT, exemption.note)

    tags = sagemaker().list_tags(config["EndpointConfigArn"])
    records().keep_snapshot(remediation_id, {"config": config, "endpoint": endpoint, "tags": tags}, now)
    facts = planned(endpoint, config, assessed, notes=[exemption.note])
    decided = _how_it_is_decided(remediation, endpoint_tags, tags)
    # run again after a lost answer, it has found the same
    again = remediation.get("sourceConfigName") == source
    entry = None if again else happened(now, f"Found {source} unencrypted, and kept a copy of it")
    remediation = records().note(remediation_id, {**facts, **decided}, entry)
    if remediation["trigger"]["kind"] != "manual":  # who starts it by hand wants to be asked
        denied = still_denied(records().denial(name), facts["planHash"], now)
        if denied:
            return _ended(Verdict.UNENCRYPTED, Outcome.DENIED, denied)
    holder = _claim(remediation, now)
    if holder != remediation_id:
        return _ended(
            Verdict.UNENCRYPTED, Outcome.SUPERSEDED, f"Remediation {holder} already covers this change."
        )
    logger.info("unencrypted_endpoint_found", endpoint_name=name, source_config=source)
    count("UnencryptedEndpointFound")
    return {"verdict": Verdict.UNENCRYPTED}


def _wait(
    remediation: Remediation, endpoint: Mapping[str, Any], attempt: int, now: datetime
) -> dict[str, Any]:
    """Look again when the change under way has ended.

    Raises
    ------
    DeadlinePassed
    """
    since = remediation.get("settlingSince")
    if since is None:
        entry = happened(now, f"The endpoint is {endpoint['EndpointStatus']}: waiting for what it ends on")
        records().note(remediation["remediationId"], {"settlingSince": iso(now)}, entry)
    elif now - from_iso(since) >= timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS")):
        raise DeadlinePassed(
            f"The endpoint was still {endpoint['EndpointStatus']} at the deadline, so it can't be told what "
            "will serve. Nothing was asked or changed."
        )
    return {"waitSeconds": wait_seconds(attempt), "attempt": attempt + 1}


def _how_it_is_decided(
    remediation: Remediation, endpoint_tags: Mapping[str, str], config_tags: Mapping[str, str]
) -> DecisionFacts:
    trigger = remediation["trigger"]
    route = rules().choose(trigger["accountId"], trigger["region"], endpoint_tags)
    needed = rules().approvals_needed(endpoint_tags)
    # an endpoint that needs two approvers is never one about which nobody is asked
    must_ask = route.mode is Mode.AUTOMATIC and needed > 1
    facts: DecisionFacts = {
        "route": route.name,
        "approvalMode": Mode.REQUIRED if must_ask else route.mode,
        "approvalsNeeded": needed,
    }
    if managed := managed_by(config_tags, endpoint_tags):
        facts["managedBy"] = managed
    return facts


def _ended(verdict: Verdict, outcome: Outcome, reason: str) -> dict[str, Any]:
    return {"verdict": verdict, "outcome": outcome, "reason": reason}


def _claim(remediation: Remediation, now: datetime) -> str:
    """Hold the endpoint, and return who holds it: a remediation with another plan, or ended, gives way."""
    me, plan = remediation["remediationId"], remediation.get("planHash", "")
    # a question that Slack keeps waiting gets its whole time from when it is posted
    lease = 2 * rules().named(remediation.get("route", "")).deadline
    lease += 2 * timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS"))  # settling, then updating
    lease += LONGEST_QUEUE
    wanted: Claim = {
        "endpointName": remediation["endpointName"],
        "remediationId": me,
        "planHash": plan,
        "leaseUntil": iso(now + lease + _LEASE_MARGIN),
    }
    holder = records().claim(wanted, now)
    if holder["remediationId"] != me and not _covers(holder, plan):
        # claimed first, ended then: nobody can be asked in between, and another try knows whom to end
        wanted["supersedes"] = holder["remediationId"]
        holder = records().claim(wanted, now, instead_of=holder["remediationId"])
    if holder["remediationId"] == me and "supersedes" in holder:
        _supersede(holder["supersedes"], now, me)
    return holder["remediationId"]


def _covers(claim: Claim, plan: str) -> bool:
    """Whether another remediation is at work on the very same plan."""
    other = records().find_remediation(claim["remediationId"])
    return claim["planHash"] == plan and other is not None and "outcome" not in other


def _let_go_elsewhere(endpoint_name: str, me: str, source: str, now: datetime) -> None:
    """An endpoint that someone encrypted by hand needs no answer to the question still open about it."""
    holder = records().holder(endpoint_name)
    if holder is None or holder["remediationId"] == me:
        return
    other = records().find_remediation(holder["remediationId"])
    if other and source not in (other.get("sourceConfigName"), other.get("twinConfigName")):
        records().release(endpoint_name, holder["remediationId"])
        _supersede(holder["remediationId"], now, "")


def _supersede(remediation_id: str, now: datetime, me: str) -> None:
    """End the open question of a remediation that lost its claim, and wake the workflow that waits for it."""
    other = records().find_remediation(remediation_id)
    if me and other and other.get("supersededBy") != me:
        records().note(remediation_id, {"supersededBy": me})
        records().note(me, {"supersedes": remediation_id})
    approval_id = other.get("approvalId") if other else None
    if not approval_id:
        return  # not asked yet, and without the claim it can't ask any more
    approval = records().settle(approval_id, ApprovalStatus.SUPERSEDED, {"decidedAt": iso(now)})
    if approval and approval["status"] == ApprovalStatus.SUPERSEDED:
        step_functions().resume(approval["taskToken"], ApprovalStatus.SUPERSEDED)
        logger.info("approval_superseded", superseded_remediation_id=remediation_id)
