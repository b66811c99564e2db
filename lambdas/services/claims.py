"""Who holds an endpoint: one remediation or backout at a time, and what gives way to a newer change."""

from __future__ import annotations

from datetime import datetime, timedelta

from lambdas.domain import backout
from lambdas.domain.approval import question
from lambdas.domain.claims import is_at_work
from lambdas.domain.encryption.progress import LONGEST_QUEUE
from lambdas.domain.errors import EndpointChanged
from lambdas.domain.record import Claim, Remediation, iso
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import required_seconds, rules
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import logger
from lambdas.services.questions import digest_of

# Lease margin beyond the deadlines, for waiting, retries and closing.
_LEASE_MARGIN = timedelta(hours=6)


def claim(remediation: Remediation, now: datetime) -> str:
    """Claim the endpoint for a remediation; returns the id of the remediation that holds it.

    A finished remediation, or one with a different plan, loses its claim.
    """
    me, plan = remediation["remediationId"], remediation.get("planHash", "")
    # a question that Slack delays still gets its full time from when it is posted
    lease = 2 * rules().named(remediation.get("route", "")).deadline
    lease += 2 * timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS"))  # settling, then updating
    wanted = _claim(remediation, plan, now + lease + LONGEST_QUEUE)
    holder = records().claim(wanted, now)
    other = holder["remediationId"]
    if other != me and _gives_way(holder, plan):
        # claim first, supersede afterwards: nobody can be asked in between, and a retry knows whom it was
        wanted["supersedes"] = other
        holder = records().claim(wanted, now, instead_of=other)
    if holder["remediationId"] == me and "supersedes" in holder:
        _supersede(holder["supersedes"], now, me)
    return holder["remediationId"]


def _gives_way(holder: Claim, plan: str) -> bool:
    other = records().find_remediation(holder["remediationId"])
    return not is_at_work(holder, other, plan, unseen=is_unseen(other))


def is_unseen(remediation: Remediation | None) -> bool:
    """Whether a remediation has a question that nobody can see yet."""
    if remediation is None or "approvalId" not in remediation:
        return False
    return question.is_unseen(records().approval(remediation["approvalId"]), digest_of(remediation))


def claim_for_backout(record: Remediation, now: datetime) -> None:
    """Claim the endpoint for a backout.

    Raises
    ------
    EndpointChanged
        A remediation holds the endpoint.
    """
    lease = 2 * timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS"))
    holder = records().claim(_claim(record, backout.PLAN, now + lease), now)
    if holder["remediationId"] != record["remediationId"]:
        raise EndpointChanged(
            f"Remediation {holder['remediationId']} is working on the endpoint, so nothing was changed."
        )


def release_others(endpoint_name: str, me: str, source: str, now: datetime) -> None:
    """End the open question about an endpoint that someone has since encrypted by hand."""
    holder = records().holder(endpoint_name)
    if holder is None or holder["remediationId"] == me:
        return
    other = records().find_remediation(holder["remediationId"])
    if other and source not in (other.get("sourceConfigName"), other.get("twinConfigName")):
        records().release(endpoint_name, holder["remediationId"])
        _supersede(holder["remediationId"], now, "")


def _claim(record: Remediation, plan: str, until: datetime) -> Claim:
    return {
        "endpointName": record["endpointName"],
        "remediationId": record["remediationId"],
        "planHash": plan,
        "leaseUntil": iso(until + _LEASE_MARGIN),
    }


def _supersede(remediation_id: str, now: datetime, me: str) -> None:
    """Close the question of a remediation that lost its claim, and resume the workflow that waits for it."""
    other = records().find_remediation(remediation_id)
    if me and other and other.get("supersededBy") != me:
        records().note(remediation_id, {"supersededBy": me})
        records().note(me, {"supersedes": remediation_id})
    approval_id = other.get("approvalId") if other else None
    if not approval_id:
        return  # its question is not posted yet, and can't be without the claim
    approval = records().settle(approval_id, ApprovalStatus.SUPERSEDED, {"decidedAt": iso(now)})
    if approval and approval["status"] == ApprovalStatus.SUPERSEDED:
        step_functions().resume(approval["taskToken"], ApprovalStatus.SUPERSEDED)
        logger.info("approval_superseded", superseded_remediation_id=remediation_id)
