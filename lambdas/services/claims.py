"""Who holds an endpoint: one remediation or backout at a time, and what gives way to a newer change."""

from __future__ import annotations

from datetime import datetime, timedelta

from lambdas.domain import backout
from lambdas.domain.approval import question
from lambdas.domain.claims import is_at_work, remediation_of
from lambdas.domain.encryption.progress import LONGEST_QUEUE
from lambdas.domain.errors import EndpointChanged
from lambdas.domain.record import Backout, Claim, Remediation, Run, endpoint_of, holder_of, iso
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import required_seconds, rules
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import logger
from lambdas.services.questions import digest_of

# Lease margin beyond the deadlines, for waiting, retries and closing.
_LEASE_MARGIN = timedelta(hours=6)


def claim(remediation: Remediation, now: datetime) -> str:
    """Claim the endpoint for a remediation; returns what holds it.

    A finished remediation, or one with a different plan, loses its claim.
    """
    me, plan = holder_of(remediation), remediation.get("foundPlanHash", "")
    # a question that Slack delays still gets its full time from when it is posted
    lease = 2 * rules().named(remediation.get("route", "")).deadline
    lease += 2 * timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS"))  # settling, then updating
    wanted = _claim(remediation, plan, now + lease + LONGEST_QUEUE)
    held = records().claim(wanted, now)
    if held["holder"] != me and _gives_way(held, plan):
        # claim first, supersede afterwards: nobody can be asked in between, and a retry knows whom it was
        wanted["supersedes"] = remediation_of(held)
        held = records().claim(wanted, now, instead_of=held["holder"])
    if held["holder"] == me and (superseded := held.get("supersedes")):
        _supersede(superseded, now, remediation["remediationId"])
    return held["holder"]


def _gives_way(held: Claim, plan: str) -> bool:
    other = records().find_remediation(remediation_of(held))
    return not is_at_work(held, other, plan, unseen=is_unseen(other))


def is_unseen(remediation: Remediation | None) -> bool:
    """Whether a remediation has a question that nobody can see yet."""
    if remediation is None or "approvalId" not in remediation:
        return False
    return question.is_unseen(records().approval(remediation["approvalId"]), digest_of(remediation))


def claim_for_backout(record: Backout, now: datetime) -> None:
    """Claim the endpoint for a backout.

    Raises
    ------
    EndpointChanged
        A remediation holds the endpoint.
    """
    lease = 2 * timedelta(seconds=required_seconds("UPDATE_DEADLINE_SECONDS"))
    held = records().claim(_claim(record, backout.PLAN, now + lease), now)
    if held["holder"] != holder_of(record):
        raise EndpointChanged(
            f"{in_words(held['holder'])} is working on the endpoint, so nothing was changed."
        )


def in_words(holder: str) -> str:
    """What holds an endpoint, as the start of a sentence."""
    return holder.replace("#", " ").capitalize()


def release_others(remediation: Remediation, source: str, now: datetime) -> None:
    """End the open question about an endpoint that someone has since encrypted by hand."""
    endpoint = endpoint_of(remediation)
    held = records().holder(endpoint)
    other = records().find_remediation(remediation_of(held)) if held else None
    if held is None or other is None or held["holder"] == holder_of(remediation):
        return
    if source not in (other.get("sourceConfigName"), other.get("twinConfigName")):
        records().release(endpoint, held["holder"])
        _supersede(other["remediationId"], now, "")


def _claim(run: Run, plan: str, until: datetime) -> Claim:
    return {
        "endpointId": run["endpointId"],
        "holder": holder_of(run),
        "planHash": plan,
        "leaseUntil": iso(until + _LEASE_MARGIN),
    }


def _supersede(remediation_id: str, now: datetime, me: str) -> None:
    """Close the question of a remediation that lost its claim, and wake the workflow that waits for it."""
    other = records().find_remediation(remediation_id)
    if me and other and other.get("supersededBy") != me:
        records().note(remediation_id, {"supersededBy": me})
        records().note(me, {"supersedes": remediation_id})
    approval_id = other.get("approvalId") if other else None
    if not approval_id:
        return  # its question is not posted yet, and can't be without the claim
    approval = records().settle(approval_id, ApprovalStatus.SUPERSEDED, {"decidedAt": iso(now)})
    if approval and approval["status"] == ApprovalStatus.SUPERSEDED:
        step_functions().wake(records().token(approval_id))
        logger.info("approval_superseded", superseded_remediation_id=remediation_id)
