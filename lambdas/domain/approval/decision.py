"""Who may decide, and what a decision amounts to. The server decides, on what it stored."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from lambdas.domain.approval.people import is_slack_user, same_principal, session_name
from lambdas.domain.approval.routes import DecideIn, Mode, Route, Rules, mentions
from lambdas.domain.errors import NotApproved
from lambdas.domain.record import Approval, Denial, Remediation, TimelineEntry, Vote, from_iso, happened, iso
from lambdas.domain.vocabulary import ApprovalStatus

DECISIONS = {"approve": ApprovalStatus.APPROVED, "deny": ApprovalStatus.DENIED}

# When a denied endpoint is asked about again, as the modal's and the command line's choices.
ASK_AGAIN_DAYS: Mapping[str, int | None] = {"7": 7, "30": 30, "90": 90, "when-changed": None}
_DECISION_FACTS: Mapping[str, Literal["decidedBy", "decidedAt", "reason", "askAgain"]] = {
    "decidedBy": "decidedBy",
    "decidedAt": "decidedAt",
    "decisionReason": "reason",
    "askAgain": "askAgain",
}
REASON_LIMIT = 500  # characters
ONE_IS_ON_RECORD = (
    "Your approval is on record; another approver's is needed, too: both in Slack, or both under IAM."
)

# The server takes no decision after the deadline; this lets the answer to the last one still arrive.
ANSWER_GRACE = timedelta(minutes=5)
# Before the deadline of a question about which nobody is reminded.
LAST_CALL = timedelta(hours=1)


class RulingKind(StrEnum):
    """What a decision that someone wants to take leads to."""

    DECIDE = "DECIDE"  # record the decision, then answer the workflow
    REPEAT = "REPEAT"  # the same decision is on record: answer the workflow again, it may not have heard
    REFUSE = "REFUSE"  # nothing changes, and the person is told why
    ASK_REASON = "ASK_REASON"  # nothing changes before a reason is given


@dataclass(frozen=True, slots=True)
class Ruling:
    kind: RulingKind
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A decision that someone wants to take.

    Attributes
    ----------
    by
        A Slack user id, or the ARN of an IAM principal as AWS verified it.
    reason
        Required to deny, and to break the glass.
    ask_again
        A denial's: one of `ASK_AGAIN_DAYS`.
    break_glass
        Whether they know that they approve their own change.
    """

    decision: ApprovalStatus
    by: str
    reason: str = ""
    ask_again: str = ""
    break_glass: bool = False


def new_approval_id() -> str:
    """An id that can't be guessed: it travels in the buttons, where the client can see it."""
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
    """What someone's request to approve or deny amounts to.

    An outsider learns nothing about an approval, not even whether it exists: that comes first.
    """
    route = rules.deciding((remediation or {}).get("route", ""), approval)
    if not is_approver:
        return refuse_outsider(route)
    if approval is None or remediation is None:
        return Ruling(RulingKind.REFUSE, "This question is not on record here, so nothing was changed.")
    if refusal := _refuse_in_slack(route, approval, request):
        return refusal
    status = approval["status"]
    if status == request.decision:
        mine = approval.get("decidedBy") == request.by
        return Ruling(RulingKind.REPEAT, "Your decision is on record." if mine else settled(approval))
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
    """The refusal for someone who is no approver, saying whom to ask."""
    whom = mentions(route.approvers)
    return Ruling(
        RulingKind.REFUSE, f"Only an approver can decide this, and you are not on the list. Ask {whom}."
    )


def votes_after(approval: Approval, request: DecisionRequest, now: datetime) -> tuple[list[Vote], bool]:
    """The approvals given with this one, and whether they suffice.

    Two approvers are two people only as far as one way of deciding can tell them apart: both decide in Slack,
    or both under IAM.
    """
    votes: list[Vote] = [*approval.get("approvals", []), {"by": request.by, "at": iso(now)}]
    return votes, people_in(votes) >= approval.get("approvalsNeeded", 1)


def people_in(votes: Sequence[Vote]) -> int:
    """How many people have surely approved: those of one way of deciding, whichever has more."""
    in_slack = sum(is_slack_user(vote["by"]) for vote in votes)
    return max(in_slack, len(votes) - in_slack)


def vote_entry(approval: Approval, request: DecisionRequest, now: datetime) -> TimelineEntry:
    """The line of the timeline for an approval that doesn't suffice yet."""
    given, needed = people_in(approval.get("approvals", [])), approval.get("approvalsNeeded", 1)
    is_broken = approval.get("breakGlassBy") == request.by
    broke = f", breaking the glass: {_quoted(request.reason)}" if is_broken else ""
    return happened(now, f"Approved, {given} of {needed}{broke}", request.by)


def ask_again_at(choice: str, now: datetime) -> str:
    """The moment from which a denied endpoint is asked about again; empty: when its config changes."""
    days = ASK_AGAIN_DAYS.get(choice)
    return "" if days is None else iso(now + timedelta(days=days))


def decision_facts(approval: Approval) -> dict[str, str]:
    """What the evidence takes over from an approval that is decided."""
    facts = {"decision": str(approval["status"])}
    for ours, theirs in _DECISION_FACTS.items():
        if (fact := approval.get(theirs)) is not None:
            facts[ours] = fact
    return facts


def decision_entry(approval: Approval, now: datetime) -> TimelineEntry:
    """The line of the timeline that says who decided what, and why."""
    reason, by = approval.get("reason"), approval.get("decidedBy", "")
    why = f": {_quoted(reason)}" if reason else ""
    others = [vote["by"] for vote in approval.get("approvals", []) if vote["by"] != by]
    also = f", after {' and '.join(others)}" if others else ""
    broke_by = approval.get("breakGlassBy") if approval["status"] == ApprovalStatus.APPROVED else None
    broke = f"; {broke_by} approved their own change" if broke_by and broke_by != by else ""
    if broke_by and broke_by == by:
        broke = ", breaking the glass"
    entry = happened(now, f"Decided: {approval['status']}{also}{broke}{why}", by)
    entry["at"] = approval.get("decidedAt", entry["at"])
    return entry


def denial_of(remediation: Remediation, approval: Approval) -> Denial:
    """What a denial leaves behind, so that nobody is asked the same at once."""
    return {
        "endpointName": remediation["endpointName"],
        "planHash": remediation.get("foundPlanHash", approval["planHash"]),
        "by": approval.get("decidedBy", ""),
        "at": approval.get("decidedAt", ""),
        "reason": approval.get("reason", ""),
        "until": approval.get("askAgain", ""),
    }


def still_denied(denial: Denial | None, plan: str, now: datetime) -> str:
    """Why nobody is asked: the very plan was denied, and it is too soon to ask again; empty: ask."""
    if denial is None or denial["planHash"] != plan:
        return ""
    until = denial["until"]
    if until and now >= from_iso(until):
        return ""
    when = f"until {until}" if until else "until its config changes"
    return f"Denied by {denial['by']} at {denial['at']}, {when}: {denial['reason']}"


def wait_seconds(now: datetime, deadline: datetime, reminder: timedelta) -> int:
    """How long the workflow waits for an answer before it reminds, or finds the deadline past."""
    remaining = deadline - now
    wait = reminder or remaining - LAST_CALL
    if not timedelta() < wait < remaining:
        wait = remaining + ANSWER_GRACE
    return max(1, int(wait.total_seconds()))


def is_last_reminder(now: datetime, deadline: datetime, reminder: timedelta) -> bool:
    """Without reminders there is still a last call: an alarm tells of a question that is about to expire."""
    return now + (reminder or LAST_CALL) >= deadline


def settled(approval: Approval) -> str:
    """Why a question takes no more answers."""
    by = f" by {mention(approval['decidedBy'])}" if "decidedBy" in approval else ""
    return {
        ApprovalStatus.PENDING: "Someone else decided in the same moment. Look at the card, and try again.",
        ApprovalStatus.APPROVED: f"This was already approved{by}: nothing was changed.",
        ApprovalStatus.DENIED: f"This was already denied{by}: nothing was changed.",
        ApprovalStatus.EXPIRED: "This question is closed: the endpoint stays as it is.",
        ApprovalStatus.SUPERSEDED: "The endpoint changed after this was asked: the question no longer holds.",
    }[ApprovalStatus(approval["status"])]


def mention(person: str) -> str:
    """Someone who decided, as Slack shows them; an IAM principal by the name of its session."""
    return f"<@{person}>" if is_slack_user(person) else f"`{person}`"


def require_approved(remediation: Remediation, approval: Approval | None, plan: str) -> None:
    """Raise `NotApproved` unless the record holds a person's approval, or a route's, of this very plan."""
    if approval is None or approval["status"] != ApprovalStatus.APPROVED:
        raise NotApproved("No approval of this change is on record, so nothing was changed.")
    if approval["planHash"] != plan or remediation.get("planHash") != plan:
        raise NotApproved("What was approved is not what would be done now, so nothing was changed.")


def status_at_first(mode: str) -> ApprovalStatus:
    """The state in which a question is put on record: an automatic route asks nobody."""
    return ApprovalStatus.APPROVED if mode == Mode.AUTOMATIC else ApprovalStatus.PENDING


def _refuse_in_slack(route: Route, approval: Approval, request: DecisionRequest) -> Ruling | None:
    elsewhere = DecideIn.COMMAND_LINE in (route.decide_in, approval.get("decideIn"))
    if not elsewhere or not is_slack_user(request.by):
        return None
    verb = "approve" if request.decision is ApprovalStatus.APPROVED else "deny"
    return Ruling(
        RulingKind.REFUSE,
        "This endpoint's route takes no decision in Slack, so nothing was changed. On the command line: "
        f"`python -m ops {verb} {approval['remediationId']}`.",
    )


def _judge_denial(request: DecisionRequest) -> Ruling:
    if not request.reason.strip():
        return Ruling(RulingKind.ASK_REASON, "To leave the endpoint as it is, give a reason.")
    return Ruling(RulingKind.DECIDE)


def _judge_approval(
    approval: Approval, request: DecisionRequest, rules: Rules, remediation: Remediation
) -> Ruling:
    if rules.forbid_own_approval and is_own_change(approval, request, remediation):
        if not rules.break_glass:
            whom = mentions(rules.deciding(remediation.get("route", ""), approval).approvers)
            return Ruling(
                RulingKind.REFUSE,
                f"{_whose_change(request, remediation)}, and nobody approves their own. "
                f"Ask another of {whom}.",
            )
        if not request.break_glass or not request.reason.strip():
            return Ruling(
                RulingKind.ASK_REASON,
                f"{_whose_change(request, remediation)}. To approve it all the same, give a reason: all "
                "approvers are told.",
            )
    votes = [vote["by"] for vote in approval.get("approvals", [])]
    if request.by in votes:
        return Ruling(RulingKind.REFUSE, ONE_IS_ON_RECORD)
    if any(same_principal(by, request.by) for by in votes):
        return Ruling(
            RulingKind.REFUSE,
            "An approval is on record under your name, or under the role that you have assumed, whose "
            "sessions count as one person. Another approver's is needed, too.",
        )
    return Ruling(RulingKind.DECIDE)


def _whose_change(request: DecisionRequest, remediation: Remediation) -> str:
    made_by = remediation["trigger"]["principalArn"]
    asked = remediation["trigger"]["kind"] == "manual"
    if is_slack_user(request.by) or session_name(request.by).casefold() == session_name(made_by).casefold():
        return "You asked for this yourself" if asked else "You made this change"
    what = "This was asked for" if asked else "This change was made"
    return f"{what} under the role that you have assumed, by `{session_name(made_by)}`"


def is_own_change(approval: Approval, request: DecisionRequest, remediation: Remediation) -> bool:
    """Whether someone would decide about a change of their own, by their Slack user, session name or role."""
    if is_slack_user(request.by):
        return request.by == approval.get("changedBy")
    return same_principal(request.by, remediation["trigger"]["principalArn"])


def _quoted(reason: str) -> str:
    """What a person wrote, on one line and told apart from our own words."""
    return f"“{' '.join(reason.split())}”"
