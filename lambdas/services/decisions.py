"""The one way to a decision, from Slack or the command line: judge it, record it, wake the workflow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from lambdas.domain.approval.decision import (
    DecisionRequest,
    Ruling,
    RulingKind,
    ask_again_at,
    denial_of,
    is_own_change,
    judge,
    settled,
    taken_over,
    votes_after,
)
from lambdas.domain.approval.routes import Route
from lambdas.domain.errors import RemediationError
from lambdas.domain.record import Approval, Remediation, Vote, from_iso, iso
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import rules
from lambdas.gateways.slack import Slack
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import count, logger, measure

# Some four calls of AWS each: twenty of them have to fit Slack's three seconds.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What became of a request; `reply` is for the person, empty if the card says it."""

    ruling: Ruling
    reply: str
    approval: Approval | None
    remediation: Remediation | None
    is_approver: bool


def decide(
    approval: Approval | None,
    request: DecisionRequest,
    now: datetime,
    *,
    is_approver: Callable[[Route], bool],
) -> DecisionResult:
    """Judge a request and carry it out. Safe to repeat: each part is done once.

    Parameters
    ----------
    is_approver
        Whether the person may decide on a route. Slack and IAM have different rules for that.
    """
    remediation = records().find_remediation(approval["remediationId"]) if approval else None
    result = _record(approval, remediation, request, now, is_approver)
    _wake(result, request)
    return result


def _record(
    approval: Approval | None,
    remediation: Remediation | None,
    request: DecisionRequest,
    now: datetime,
    is_approver: Callable[[Route], bool],
) -> DecisionResult:
    """Judge a request and record what follows from it. May run in several threads."""
    allowed = is_approver(rules().route_for((remediation or {}).get("route", ""), approval))
    ruling = judge(approval, request, rules(), remediation, is_approver=allowed, now=now)
    logger.info(
        "decision_judged",
        # named here, because keys appended to the logger are shared by all threads
        remediation_id=approval["remediationId"] if approval else "",
        ruling=ruling.kind,
        decision=request.decision,
        by=request.by,
    )
    if ruling.kind is RulingKind.REFUSE:
        count("DecisionRefused")
        if approval:
            attempt: Vote = {
                "by": request.by,
                "at": iso(now),
                "what": f"{request.decision}: {ruling.explanation}",
            }
            records().note_attempt(approval["approvalId"], attempt)
    if approval is None or remediation is None:
        return DecisionResult(ruling, ruling.explanation, approval, remediation, allowed)
    if ruling.kind is RulingKind.DECIDE:
        approval = _record_decision(approval, request, remediation, now)
    mine = approval.get("decidedBy") == request.by or any(
        vote["by"] == request.by for vote in approval.get("approvals", [])
    )
    if ruling.kind is RulingKind.DECIDE and mine and approval["status"] == request.decision:
        count("ApprovalDecided", decision=request.decision)
        measure("TimeToDecision", (now - from_iso(approval["createdAt"])).total_seconds())
    reply = ruling.explanation
    if ruling.kind is RulingKind.DECIDE and not mine:
        reply = settled(approval)  # someone else decided at the same moment
    return DecisionResult(ruling, reply, approval, remediation, allowed)


def _wake(result: DecisionResult, request: DecisionRequest) -> None:
    """Wake the execution that waits for the decision. May run in several threads."""
    approval = result.approval
    if approval is None or result.ruling.kind not in (RulingKind.DECIDE, RulingKind.REPEAT):
        return
    if approval["status"] == request.decision:  # by this decision, or by an earlier one whose call was lost
        step_functions().wake(records().token(approval["approvalId"]))


def decide_each(
    wanted: Sequence[tuple[Approval | None, Remediation | None, DecisionRequest]],
    now: datetime,
    *,
    is_approver: Callable[[Route], bool],
) -> list[DecisionResult | RemediationError]:
    """Decide several questions at once, each independently.

    All decisions are recorded before the first workflow is woken. The person has three seconds (Slack's
    timeout), and a retry wakes the workflows that were missed.

    Returns
    -------
    list
        What became of each request, in their order, or why it could not be recorded now.
    """
    for gateway in (records, step_functions):
        gateway()  # one for all threads, instead of one made by each

    def record(
        one: tuple[Approval | None, Remediation | None, DecisionRequest],
    ) -> DecisionResult | Exception:
        approval, remediation, request = one
        try:
            return _record(approval, remediation, request, now, is_approver)
        except Exception as error:  # noqa: BLE001  # raised below, once the other workflows are woken
            return error

    def wake(result: DecisionResult | Exception, request: DecisionRequest) -> DecisionResult | Exception:
        try:
            if isinstance(result, DecisionResult):
                _wake(result, request)
        except RemediationError as error:
            return error
        return result

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        recorded = list(pool.map(record, wanted))
        woken = list(pool.map(wake, recorded, [request for _, _, request in wanted]))
    results: list[DecisionResult | RemediationError] = []
    for result in woken:
        if not isinstance(result, (DecisionResult, RemediationError)):
            raise result
        results.append(result)
    return results


def _record_decision(
    approval: Approval, request: DecisionRequest, remediation: Remediation, now: datetime
) -> Approval:
    """The approval after this decision, or as someone else left it a moment earlier."""
    facts: dict[str, object] = {"decidedBy": request.by, "decidedAt": iso(now)}
    if request.reason:
        facts["reason"] = request.reason
    if request.decision is ApprovalStatus.DENIED:
        facts["askAgain"] = ask_again_at(request.ask_again, now)
        return records().settle(approval["approvalId"], request.decision, facts) or approval
    if request.break_glass and is_own_change(approval, request, remediation):
        facts |= {"breakGlassBy": request.by, "breakGlassReason": request.reason}
    if approval.get("approvalsNeeded", 1) == 1:
        return records().settle(approval["approvalId"], request.decision, facts) or approval
    votes, enough = votes_after(approval, request, now)
    status = request.decision if enough else ApprovalStatus.PENDING
    if not enough:
        facts = {name: fact for name, fact in facts.items() if name.startswith("breakGlass")}
    return records().vote(approval["approvalId"], votes, status, facts) or approval


def take_over(remediation: Remediation, approval: Approval | None, now: datetime) -> Remediation:
    """Take the decision over into the remediation's record, once there is one.

    That time ran out is no decision if nobody was asked.
    """
    if approval is None or approval["status"] == ApprovalStatus.PENDING or "decision" in remediation:
        return remediation
    if approval["status"] == ApprovalStatus.EXPIRED and "askedAt" not in remediation:
        return remediation
    facts, entries = taken_over(approval, now)
    return records().take_over(remediation["remediationId"], facts, entries)


def close_question(remediation: Remediation, approval: Approval, now: datetime) -> Approval:
    """Close a remediation's question to further clicks. A denial is kept with the endpoint."""
    if approval["status"] == ApprovalStatus.PENDING:
        facts = {"decidedAt": iso(now)}
        approval = records().settle(approval["approvalId"], ApprovalStatus.EXPIRED, facts) or approval
    if approval["status"] == ApprovalStatus.DENIED:
        records().keep_denial(denial_of(remediation, approval))
    return approval


def is_approver(route: Route, user: str, slack: Slack, *, in_channel: bool) -> bool:
    """Whether someone may decide in Slack, by the settings and Slack's user groups."""
    if user in route.users or (route.anyone and in_channel):
        return True
    return bool(route.groups) and slack.is_in_any_group(user, route.groups)
