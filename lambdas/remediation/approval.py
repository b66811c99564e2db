"""Who may decide, and what a click in Slack amounts to. The server decides, on what it stored."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from remediation.errors import NotApproved
from remediation.record import Approval, Remediation, from_iso
from remediation.vocabulary import ApprovalStatus

DECISIONS = {"approve": ApprovalStatus.APPROVED, "deny": ApprovalStatus.DENIED}


class Answer(StrEnum):
    """What a click leads to."""

    DECIDE = "DECIDE"  # record the decision, then answer the workflow
    REPEAT = "REPEAT"  # the same decision is on record: answer the workflow again, it may not have heard
    REFUSE = "REFUSE"  # nothing changes, and the person is told why


@dataclass(frozen=True, slots=True)
class Ruling:
    answer: Answer
    explanation: str = ""


def new_approval_id() -> str:
    """An id that can't be guessed: it travels in the buttons, where the client can see it."""
    return secrets.token_urlsafe(24)


def judge_click(
    approval: Approval | None,
    decision: ApprovalStatus,
    user_id: str,
    *,
    approvers: Collection[str],
    now: datetime,
) -> Ruling:
    """What a click on Approve or Deny amounts to.

    An outsider learns nothing about an approval, not even whether it exists: the allow-list comes first.
    """
    if refusal := refuse_outsider(user_id, approvers):
        return refusal
    if approval is None:
        return Ruling(Answer.REFUSE, "This question is not on record here, so nothing was changed.")
    status = approval["status"]
    if status == decision:
        mine = approval.get("decidedBy") == user_id
        return Ruling(Answer.REPEAT, "Your decision is on record." if mine else settled(approval))
    if status != ApprovalStatus.PENDING:
        return Ruling(Answer.REFUSE, settled(approval))
    if now >= from_iso(approval["deadline"]):
        return Ruling(
            Answer.REFUSE, "The deadline for this decision has passed, so the endpoint stays as it is."
        )
    return Ruling(Answer.DECIDE)


def refuse_outsider(user_id: str, approvers: Collection[str]) -> Ruling | None:
    """The refusal for someone who is no approver, saying whom to ask; None for an approver."""
    if user_id in approvers:
        return None
    allowed = ", ".join(f"<@{approver}>" for approver in sorted(approvers)) or "nobody yet"
    return Ruling(
        Answer.REFUSE, f"Only an approver can decide this, and you are not on the list. Ask {allowed}."
    )


def settled(approval: Approval) -> str:
    """Why a question takes no more answers."""
    by = f" by <@{approval['decidedBy']}>" if "decidedBy" in approval else ""
    return {
        ApprovalStatus.APPROVED: f"This was already approved{by}: your click changed nothing.",
        ApprovalStatus.DENIED: f"This was already denied{by}: your click changed nothing.",
        ApprovalStatus.EXPIRED: "This question is closed: the endpoint stays as it is.",
        ApprovalStatus.SUPERSEDED: "The endpoint changed after this was asked: the question no longer holds.",
    }[ApprovalStatus(approval["status"])]


def require_approved(remediation: Remediation, approval: Approval | None, plan: str) -> None:
    """Raise `NotApproved` unless the record holds a person's approval of this very plan."""
    if approval is None or approval["status"] != ApprovalStatus.APPROVED:
        raise NotApproved("No approval of this change is on record, so nothing was changed.")
    if approval["planHash"] != plan or remediation.get("planHash") != plan:
        raise NotApproved("What was approved is not what would be done now, so nothing was changed.")
