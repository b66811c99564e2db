"""The one way to a decision, from Slack or the command line: judge it, record it, resume the workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambdas.domain.approval.decision import (
    DecisionRequest,
    Ruling,
    RulingKind,
    ask_again_at,
    decision_entry,
    decision_facts,
    denial_of,
    is_own_change,
    judge,
    people_in,
    settled,
    vote_entry,
    votes_after,
)
from lambdas.domain.approval.routes import Route
from lambdas.domain.errors import RemediationError
from lambdas.domain.record import Approval, Remediation, Vote, from_iso, iso
from lambdas.domain.vocabulary import ApprovalStatus, Outcome
from lambdas.gateways.records.digests import digests
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
    _resume(result, request)
    return result


def _record(
    approval: Approval | None,
    remediation: Remediation | None,
    request: DecisionRequest,
    now: datetime,
    is_approver: Callable[[Route], bool],
) -> DecisionResult:
    """Judge a request and record what follows from it. May run in several threads."""
    allowed = is_approver(rules().deciding((remediation or {}).get("route", ""), approval))
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
    if ruling.kind is RulingKind.DECIDE and mine and approval["status"] == ApprovalStatus.PENDING:
        records().note(remediation["remediationId"], {}, vote_entry(approval, request, now))
        _update_digest(remediation, {"approvals": people_in(approval.get("approvals", []))})
    if _is_settled_as(request, ruling, approval):
        note_decision(approval, now)
        if ruling.kind is RulingKind.DECIDE and mine:
            count("ApprovalDecided", decision=request.decision)
            measure("TimeToDecision", (now - from_iso(approval["createdAt"])).total_seconds())
    reply = ruling.explanation
    if ruling.kind is RulingKind.DECIDE and not mine:
        reply = settled(approval)  # someone else decided at the same moment
    return DecisionResult(ruling, reply, approval, remediation, allowed)


def _is_settled_as(request: DecisionRequest, ruling: Ruling, approval: Approval) -> bool:
    """Whether the question is decided as requested, by this decision or an earlier one."""
    return ruling.kind in (RulingKind.DECIDE, RulingKind.REPEAT) and approval["status"] == request.decision


def _resume(result: DecisionResult, request: DecisionRequest) -> None:
    """Resume the execution that waits for the decision. May run in several threads."""
    approval, remediation = result.approval, result.remediation
    if approval is None or remediation is None:
        return
    if _is_settled_as(request, result.ruling, approval):
        # an earlier callback may have been lost, so resume the workflow again
        step_functions().resume(approval["taskToken"], request.decision)
        _update_digest(
            remediation, {"decision": request.decision, "decidedBy": approval.get("decidedBy", "")}
        )


def decide_each(
    wanted: Sequence[tuple[Approval | None, Remediation | None, DecisionRequest]],
    now: datetime,
    *,
    is_approver: Callable[[Route], bool],
) -> list[DecisionResult | RemediationError]:
    """Decide several questions at once, each independently.

    All decisions are recorded before the first workflow is resumed. The person has three seconds (Slack's
    timeout), and a retry resumes the workflows that were missed.

    Returns
    -------
    list
        What became of each request, in their order, or why it could not be recorded now.
    """
    for gateway in (records, digests, step_functions):
        gateway()  # one for all threads, instead of one made by each

    def record(
        one: tuple[Approval | None, Remediation | None, DecisionRequest],
    ) -> DecisionResult | Exception:
        approval, remediation, request = one
        try:
            return _record(approval, remediation, request, now, is_approver)
        except Exception as error:  # noqa: BLE001  # raised below, once the other workflows are resumed
            return error

    def resume(result: DecisionResult | Exception, request: DecisionRequest) -> DecisionResult | Exception:
        try:
            if isinstance(result, DecisionResult):
                _resume(result, request)
        except RemediationError as error:
            return error
        return result

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        recorded = list(pool.map(record, wanted))
        resumed = list(pool.map(resume, recorded, [request for _, _, request in wanted]))
    results: list[DecisionResult | RemediationError] = []
    for result in resumed:
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


def note_decision(approval: Approval, now: datetime) -> None:
    """Copy a decision into the remediation's record, once."""
    facts, entry = decision_facts(approval), decision_entry(approval, now)
    records().note_decision(approval["remediationId"], facts, entry)


def _update_digest(remediation: Remediation, facts: Mapping[str, Any]) -> None:
    """Copy progress to the digest. Best effort: the remediation's last step records it again."""
    try:
        digests().follow(remediation, facts)
    except RemediationError as error:
        logger.warning("digest_not_updated", error_word=type(error).__name__, error_message=str(error))


def close_question(remediation: Remediation, outcome: Outcome, now: datetime) -> Approval | None:
    """Close a remediation's question to further clicks; its decision is copied into the record."""
    closed = ApprovalStatus.CALLED_OFF if outcome is Outcome.CALLED_OFF else ApprovalStatus.EXPIRED
    approval_id = remediation.get("approvalId")
    if not approval_id:
        return None
    approval = records().settle(approval_id, closed, {"decidedAt": iso(now)})
    if approval and (approval["status"] != ApprovalStatus.EXPIRED or "askedAt" in remediation):
        note_decision(approval, now)
        if approval["status"] == ApprovalStatus.DENIED:
            records().keep_denial(denial_of(remediation, approval))
    return approval


def is_approver(route: Route, user: str, slack: Slack, *, in_channel: bool) -> bool:
    """Whether someone may decide in Slack, by the settings and Slack's user groups."""
    if user in route.users or (route.anyone and in_channel):
        return True
    return bool(route.groups) and slack.is_in_any_group(user, route.groups)
