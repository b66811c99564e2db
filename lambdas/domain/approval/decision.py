"""Judges requests to approve or deny, on what the server has stored."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from lambdas.domain.approval.people import is_slack_user, same_principal, session_name
from lambdas.domain.approval.routes import DecideIn, Route, Rules, mentions
from lambdas.domain.errors import NotApproved
from lambdas.domain.record import Approval, Denial, Remediation, TimelineEntry, Vote, from_iso, happened, iso
from lambdas.domain.vocabulary import ApprovalStatus

DECISIONS = {"approve": ApprovalStatus.APPROVED, "deny": ApprovalStatus.DENIED}

# When to ask again about a denied endpoint: the choices of the modal and the command line.
ASK_AGAIN_DAYS: Mapping[str, int | None] = {"7": 7, "30": 30, "90": 90, "when-changed": None}
_TAKEN_OVER: Mapping[str, Literal["decidedBy", "decidedAt", "reason", "askAgain"]] = {
    "decidedBy": "decidedBy",
    "decidedAt": "decidedAt",
    "decisionReason": "reason",
    "askAgain": "askAgain",
}
REASON_LIMIT = 500  # characters
ONE_IS_ON_RECORD = (
    "Your approval is recorded. A second approver must also approve, the same way as you did (Slack or IAM)."
)

# Grace period so that the response to a decision made at the deadline still arrives.
GRACE_PERIOD = timedelta(minutes=5)
# How long before the deadline the last call comes, if there are no reminders.
LAST_CALL = timedelta(hours=1)
# The first wait begins before the question is on record: a reminder may come this much early.
_NEARLY = timedelta(minutes=1)


class RulingKind(StrEnum):
    """What a request to decide leads to."""

    DECIDE = "DECIDE"  # record the decision, then resume the workflow
    REPEAT = "REPEAT"  # the same decision is on record: resume the workflow again, the first call may be lost
    REFUSE = "REFUSE"  # nothing changes, and the person learns why
    ASK_REASON = "ASK_REASON"  # nothing changes until a reason is given


@dataclass(frozen=True, slots=True)
class Ruling:
    kind: RulingKind
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A request to approve or deny.

    Attributes
    ----------
    by
        A Slack user id, or the ARN of an IAM principal as AWS verified it.
    reason
        Required to deny, and for a break-glass approval.
    ask_again
        Of a denial: one of `ASK_AGAIN_DAYS`.
    break_glass
        Whether they confirm that they approve their own change.
    """

    decision: ApprovalStatus
    by: str
    reason: str = ""
    ask_again: str = ""
    break_glass: bool = False


def new_approval_id() -> str:
    """An id that can't be guessed: the buttons carry it, where the client can see it."""
    return secrets.token_urlsafe(24)


def judge(
    approval: Approval | None,
    request: DecisionRequest,
    rules: Rules,
    remediation: Remediation | None,
    *,
    is_approver: bool,
    now: datetime,
) -> Ruling:
    """Judge someone's request to approve or deny.

    Outsiders are refused first: they learn nothing about an approval, not even whether it exists.
    """
    route = rules.route_for((remediation or {}).get("route", ""), approval)
    if not is_approver:
        return refuse_outsider(route)
    if approval is None or remediation is None:
        return Ruling(RulingKind.REFUSE, "This question is not on record here, so nothing was changed.")
    if refusal := _refuse_in_slack(route, approval, request):
        return refusal
    status = approval["status"]
    if status == request.decision:
        mine = approval.get("decidedBy") == request.by
        return Ruling(RulingKind.REPEAT, "Your decision is recorded." if mine else settled(approval))
    if status != ApprovalStatus.PENDING:
        return Ruling(RulingKind.REFUSE, settled(approval))
    if now >= from_iso(approval["deadline"]):
        return Ruling(
            RulingKind.REFUSE, "The deadline for this decision has passed, so the endpoint stays as it is."
        )
    if request.decision is ApprovalStatus.DENIED:
        return _judge_denial(request)
    return _judge_approval(approval, request, rules, remediation)


def refuse_outsider(route: Route) -> Ruling:
    """The refusal for someone who is no approver; it says whom to ask."""
    whom = mentions(route.approvers)
    return Ruling(
        RulingKind.REFUSE, f"Only an approver can decide this, and you are not on the list. Ask {whom}."
    )


def votes_after(approval: Approval, request: DecisionRequest, now: datetime) -> tuple[list[Vote], bool]:
    """The approvals given with this one, and whether they suffice.

    We can only tell two people apart within one channel, so both must use Slack or both IAM.
    """
    votes: list[Vote] = [*approval.get("approvals", []), {"by": request.by, "at": iso(now)}]
    return votes, people_in(votes) >= approval.get("approvalsNeeded", 1)


def people_in(votes: Sequence[Vote]) -> int:
    """How many people have certainly approved: those in Slack or those under IAM, whichever are more."""
    in_slack = sum(is_slack_user(vote["by"]) for vote in votes)
    return max(in_slack, len(votes) - in_slack)


def ask_again_at(choice: str, now: datetime) -> str:
    """When to ask again about a denied endpoint; empty for when its config changes."""
    days = ASK_AGAIN_DAYS.get(choice)
    return "" if days is None else iso(now + timedelta(days=days))


def taken_over(approval: Approval, now: datetime) -> tuple[dict[str, str], list[TimelineEntry]]:
    """What the workflow takes over from a settled approval: facts and timeline entries."""
    facts = {"decision": str(approval["status"])}
    for ours, theirs in _TAKEN_OVER.items():
        if (fact := approval.get(theirs)) is not None:
            facts[ours] = fact
    by, votes = approval.get("decidedBy", ""), approval.get("approvals", [])
    entries = [
        _happened(vote["at"], _vote_in_words(approval, vote, votes[:given]), vote["by"])
        for given, vote in enumerate(votes, 1)
        if vote["by"] != by
    ]
    reason = approval.get("reason")
    why = f": {_quoted(reason)}" if reason else ""
    others = [vote["by"] for vote in votes if vote["by"] != by]
    also = f", after {' and '.join(others)}" if others else ""
    own = approval.get("breakGlassBy") if approval["status"] == ApprovalStatus.APPROVED else None
    break_glass = f"; {own} approved their own change" if own and own != by else ""
    if own and own == by:
        break_glass = " (break-glass)"
    what = f"{approval['status'].capitalize()}{also}{break_glass}{why}"
    return facts, [*entries, _happened(approval.get("decidedAt", iso(now)), what, by)]


def _vote_in_words(approval: Approval, vote: Vote, given: Sequence[Vote]) -> str:
    is_break_glass = approval.get("breakGlassBy") == vote["by"]
    how = f" (break-glass): {_quoted(approval.get('breakGlassReason', ''))}" if is_break_glass else ""
    return f"Approved, {people_in(given)} of {approval.get('approvalsNeeded', 1)}{how}"


def _happened(at: str, what: str, by: str) -> TimelineEntry:
    return happened(from_iso(at), what, by)


def denial_of(remediation: Remediation, approval: Approval) -> Denial:
    """What is kept of a denial, so that nobody is asked the same again immediately."""
    return {
        "endpointId": remediation["endpointId"],
        "planHash": remediation.get("foundPlanHash", approval["planHash"]),
        "by": approval.get("decidedBy", ""),
        "at": approval.get("decidedAt", ""),
        "reason": approval.get("reason", ""),
        "until": approval.get("askAgain", ""),
    }


def still_denied(denial: Denial | None, plan: str, now: datetime) -> str | None:
    """Why nobody is asked: this very plan was denied, and it is too soon to ask again. None if not."""
    if denial is None or denial["planHash"] != plan:
        return None
    until = denial["until"]
    if until and now >= from_iso(until):
        return None
    when = f"until {until}" if until else "until its config changes"
    return f"Denied by {denial['by']} at {denial['at']}, {when}: {denial['reason']}"


def next_reminder(approval: Approval, reminder: timedelta) -> datetime | None:
    """When people are to be reminded next; None if they aren't any more.

    Without reminders there is still a last call, for the alarm.
    """
    deadline, reminded = from_iso(approval["deadline"]), approval.get("remindedAt")
    if reminder:
        due = from_iso(reminded or approval["createdAt"]) + reminder
    elif reminded or deadline - LAST_CALL <= from_iso(approval["createdAt"]):
        return None
    else:
        due = deadline - LAST_CALL
    return due if due + _NEARLY < deadline else None


def seconds_to_reminder(approval: Approval, reminder: timedelta, now: datetime) -> int:
    """How long the workflow waits for a decision before it reminds people or expires the question."""
    until = next_reminder(approval, reminder) or from_iso(approval["deadline"]) + GRACE_PERIOD
    return max(1, int((until - now).total_seconds()))


def first_wait(deadline: timedelta, reminder: timedelta) -> int:
    """The same for a question that is about to be asked."""
    wait = reminder or deadline - LAST_CALL
    if not timedelta() < wait < deadline:
        wait = deadline + GRACE_PERIOD
    return max(1, int(wait.total_seconds()))


def is_over(approval: Approval, now: datetime) -> bool:
    """Whether the time to decide is over, and nobody has."""
    return approval["status"] == ApprovalStatus.PENDING and now >= from_iso(approval["deadline"])


def reminder_is_due(approval: Approval, reminder: timedelta, now: datetime) -> bool:
    """Whether people are to be reminded now of a question that is still open."""
    due = next_reminder(approval, reminder)
    return approval["status"] == ApprovalStatus.PENDING and due is not None and now >= due - _NEARLY


def is_last_reminder(now: datetime, deadline: datetime, reminder: timedelta) -> bool:
    """Whether this is the last reminder. Without reminders there is still a last call, for the alarm."""
    return now + (reminder or LAST_CALL) + _NEARLY >= deadline


def settled(approval: Approval) -> str:
    """Why a question can no longer be decided."""
    by = f" by {mention(approval['decidedBy'])}" if "decidedBy" in approval else ""
    return {
        ApprovalStatus.PENDING: "Someone else decided at the same moment. See the card, and try again.",
        ApprovalStatus.APPROVED: f"This was already approved{by}, so nothing was changed.",
        ApprovalStatus.DENIED: f"This was already denied{by}, so nothing was changed.",
        ApprovalStatus.EXPIRED: "This question is closed: the endpoint stays as it is.",
        ApprovalStatus.SUPERSEDED: (
            "The endpoint has changed since this request was posted, so it can no longer be approved."
        ),
    }[ApprovalStatus(approval["status"])]


def mention(person: str) -> str:
    """Someone who decided, as Slack shows them; an IAM principal as its ARN."""
    return f"<@{person}>" if is_slack_user(person) else f"`{person}`"


def require_approved(remediation: Remediation, approval: Approval | None, plan: str) -> None:
    """Raise `NotApproved` unless the record holds a person's approval, or a route's, of this very plan."""
    if approval is None or approval["status"] != ApprovalStatus.APPROVED:
        raise NotApproved("No approval of this change is on record, so nothing was changed.")
    if approval["planHash"] != plan or remediation.get("planHash") != plan:
        raise NotApproved("The approved plan is not what would be done now, so nothing was changed.")


def _refuse_in_slack(route: Route, approval: Approval, request: DecisionRequest) -> Ruling | None:
    elsewhere = DecideIn.COMMAND_LINE in (route.decide_in, approval.get("decideIn"))
    if not elsewhere or not is_slack_user(request.by):
        return None
    verb = "approve" if request.decision is ApprovalStatus.APPROVED else "deny"
    return Ruling(
        RulingKind.REFUSE,
        "Endpoints on this route can't be decided in Slack, so nothing was changed. On the command line: "
        f"`sealpoint {verb} {approval['remediationId']}`.",
    )


def _judge_denial(request: DecisionRequest) -> Ruling:
    if not request.reason.strip():
        return Ruling(RulingKind.ASK_REASON, "Give a reason for leaving the endpoint as it is.")
    return Ruling(RulingKind.DECIDE)


def _judge_approval(
    approval: Approval, request: DecisionRequest, rules: Rules, remediation: Remediation
) -> Ruling:
    if rules.forbid_own_approval and is_own_change(approval, request, remediation):
        if not rules.break_glass:
            whom = mentions(rules.route_for(remediation.get("route", ""), approval).approvers)
            return Ruling(
                RulingKind.REFUSE,
                f"{_whose_change(request, remediation)}, and nobody may approve their own change. "
                f"Ask another approver: {whom}.",
            )
        if not request.break_glass or not request.reason.strip():
            return Ruling(
                RulingKind.ASK_REASON,
                f"{_whose_change(request, remediation)}. To approve it anyway, give a reason. All approvers "
                "will be notified.",
            )
    votes = [vote["by"] for vote in approval.get("approvals", [])]
    if request.by in votes:
        return Ruling(RulingKind.REFUSE, ONE_IS_ON_RECORD)
    if any(same_principal(by, request.by) for by in votes):
        return Ruling(
            RulingKind.REFUSE,
            "You have already approved this, or someone using the same role has. Sessions of one role count "
            "as one person, so a second approver must also approve.",
        )
    return Ruling(RulingKind.DECIDE)


def _whose_change(request: DecisionRequest, remediation: Remediation) -> str:
    made_by = remediation["trigger"]["principalArn"]
    asked = remediation["trigger"]["kind"] == "manual"
    if is_slack_user(request.by) or session_name(request.by).casefold() == session_name(made_by).casefold():
        return "You requested this yourself" if asked else "You made this change"
    what = "This was requested" if asked else "This change was made"
    return f"{what} with the role that you are using, by `{session_name(made_by)}`"


def is_own_change(approval: Approval, request: DecisionRequest, remediation: Remediation) -> bool:
    """Whether someone would decide about their own change, by their Slack user, session name or role."""
    if is_slack_user(request.by):
        return request.by == approval.get("changedBy")
    return same_principal(request.by, remediation["trigger"]["principalArn"])


def _quoted(reason: str) -> str:
    """What a person wrote, on one line and in quotes."""
    return f"“{' '.join(reason.split())}”"
