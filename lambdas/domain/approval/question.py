"""The question that a remediation asks, as it is first put on record."""

from __future__ import annotations

from datetime import datetime, timedelta

from lambdas.domain.approval.routes import Mode, Route
from lambdas.domain.record import Approval, Digest, Remediation, from_iso, iso, required_fact, utc_words
from lambdas.domain.vocabulary import ApprovalStatus


def new_question(remediation: Remediation, route: Route, now: datetime) -> Approval:
    """The approval of a remediation. An automatic route asks nobody: it is approved from the start."""
    approval: Approval = {
        "approvalId": required_fact(remediation, "approvalId"),
        "remediationId": remediation["remediationId"],
        "endpointId": remediation["endpointId"],
        "endpointName": remediation["endpointName"],
        "planHash": remediation.get("planHash", ""),
        "status": ApprovalStatus.PENDING,
        "createdAt": iso(now),
        "deadline": iso(now + route.deadline),
        "decideIn": route.decide_in,
        "mayDecide": list(route.approvers),
        "approvalsNeeded": remediation.get("approvalsNeeded", 1),
        "changedBy": remediation.get("changedBySlackUser", ""),
    }
    if "digestId" in remediation:
        approval["digestId"] = remediation["digestId"]
    if remediation.get("approvalMode") == Mode.AUTOMATIC:
        approval["status"] = ApprovalStatus.APPROVED
        approval["decidedBy"], approval["decidedAt"] = f"route/{route.name}", iso(now)
    return approval


# How long a digest's card is tried to be posted before its questions are given up.
LONGEST_UNSEEN = timedelta(days=1)
# How often a remediation looks whether its digest's card is posted.
SECONDS_TO_LOOK_AGAIN = 15 * 60


def is_unseen(approval: Approval | None, digest: Digest | None) -> bool:
    """Whether nobody can see an open question: neither its own card nor its digest's is posted."""
    if approval is None:
        return True
    seen = "ts" in approval or "ts" in (digest or {})
    return not seen and approval["status"] == ApprovalStatus.PENDING


def seconds_to_look_again(approval: Approval, digest: Digest | None, now: datetime) -> int | None:
    """How long to wait for a question that nobody can see yet; None if it is given up."""
    given_up = from_iso(approval["createdAt"]) + LONGEST_UNSEEN + timedelta(seconds=2 * SECONDS_TO_LOOK_AGAIN)
    if "closedAt" in (digest or {}) or now >= given_up:
        return None
    return SECONDS_TO_LOOK_AGAIN


def nobody_asked(digest: Digest | None) -> str:
    """Why a remediation ends whose question nobody could see."""
    why = (digest or {}).get("refusal") or "Its card was never posted."
    return f"Nobody could be asked. {why}"


def asked_in_words(remediation: Remediation, route: Route, deadline: str) -> str:
    """The line of the timeline that says who was asked, once the question is posted."""
    if remediation.get("approvalMode") == Mode.AUTOMATIC:
        return f"Its route {remediation.get('route', '')} asks nobody"
    if route.mode is Mode.AUTOMATIC:
        return (
            f"Its tags require two approvers, so they are asked although the route {route.name} asks nobody"
        )
    return f"Asked in Slack, to be decided by {utc_words(deadline)}"
