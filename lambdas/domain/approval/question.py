"""The question that a remediation asks, as it is first put on record."""

from __future__ import annotations

from datetime import datetime

from lambdas.domain.approval.routes import Mode, Route
from lambdas.domain.record import Approval, Remediation, iso, required_fact
from lambdas.domain.vocabulary import ApprovalStatus


def new_question(remediation: Remediation, route: Route, now: datetime, *, runbook_url: str) -> Approval:
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
        "runbookUrl": runbook_url,
    }
    if "digestId" in remediation:
        approval["digestId"] = remediation["digestId"]
    if remediation.get("approvalMode") == Mode.AUTOMATIC:
        approval["status"] = ApprovalStatus.APPROVED
        approval["decidedBy"], approval["decidedAt"] = f"route/{route.name}", iso(now)
    return approval


def asked_in_words(remediation: Remediation, route: Route, deadline: str) -> str:
    """The line of the timeline that says who was asked."""
    if remediation.get("approvalMode") == Mode.AUTOMATIC:
        return f"Its route {remediation.get('route', '')} asks nobody"
    if route.mode is Mode.AUTOMATIC:
        return (
            f"Its tags require two approvers, so they are asked although the route {route.name} asks nobody"
        )
    return f"Asked in Slack, to be decided by {deadline}"
