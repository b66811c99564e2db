"""The one way to a decision, from Slack or the command line: judged, recorded, told to the workflow."""

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
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.environment import rules
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import count, logger, measure

# Some four calls of AWS each: twenty of them have to fit Slack's three seconds.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a request; `tell` is for the person, empty where the card says it."""

    ruling: Ruling
    tell: str
    approval: Approval | None
    remediation: Remediation | None
    is_approver: bool


def decide(
    approval: Approval | None,
    request: DecisionRequest,
    now: datetime,
    *,
    is_approver: Callable[[Route], bool],
) -> Decided:
    """Judge a request, and carry it out. Safe to repeat: each part is done once.

    Parameters
    ----------
    is_approver
        Whether the person may decide on a route, as the way of deciding knows.
    """
    remediation = records().find_remediation(approval["remediationId"]) if approval else None
    decided = _on_record(approval, remediation, request, now, is_approver)
    _tell_workflow(decided, request)
    return decided


def _on_record(
    approval: Approval | None,
    remediation: Remediation | None,
    request: DecisionRequest,
    now: datetime,
    is_approver: Callable[[Route], bool],
) -> Decided:
    """Judge a request, and put what follows from it on record. May run in several threads."""
    allowed = is_approver(rules().deciding((remediation or {}).get("route", ""), approval))
    ruling = judge(approval, request, rules(), remediation, is_approver=allowed, now=now)
    logger.info(
        "decision_judged",
        # named here, as what is appended to the logger is every thread's
        remediation_id=approval["remediationId"] if approval else "",
        answer=ruling.kind,
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
        return Decided(ruling, ruling.explanation, approval, remediation, allowed)
    if ruling.kind is RulingKind.DECIDE:
        approval = _recorded(approval, request, remediation, now)
    mine = approval.get("decidedBy") == request.by or any(
        vote["by"] == request.by for vote in approval.get("approvals", [])
    )
    if ruling.kind is RulingKind.DECIDE and mine and approval["status"] == ApprovalStatus.PENDING:
        records().note(remediation["remediationId"], {}, vote_entry(approval, request, now))
        _let_digest_know(remediation, {"approvals": people_in(approval.get("approvals", []))})
    if _is_settled_as(request, ruling, approval):
        _note_decision(approval, now)
        if ruling.kind is RulingKind.DECIDE and mine:
            count("ApprovalDecided", decision=request.decision)
            measure("TimeToDecision", (now - from_iso(approval["createdAt"])).total_seconds())
    tell = ruling.explanation
    if ruling.kind is RulingKind.DECIDE and not mine:
        tell = settled(approval)  # decided by someone else in the same moment
    return Decided(ruling, tell, approval, remediation, allowed)


def _is_settled_as(request: DecisionRequest, ruling: Ruling, approval: Approval) -> bool:
    """Whether the question stands answered as requested, by this decision or an earlier one."""
    return ruling.kind in (RulingKind.DECIDE, RulingKind.REPEAT) and approval["status"] == request.decision


def _tell_workflow(decided: Decided, request: DecisionRequest) -> None:
    """Let the execution go on that waits for the decision. May run in several threads."""
    approval, remediation = decided.approval, decided.remediation
    if approval is None or remediation is None:
        return
    if _is_settled_as(request, decided.ruling, approval):
        # an earlier answer may have been lost: whoever decides again, the workflow is told again
        step_functions().resume(approval["taskToken"], request.decision)
        _let_digest_know(
            remediation, {"decision": request.decision, "decidedBy": approval.get("decidedBy", "")}
        )


def decide_each(
    wanted: Sequence[tuple[Approval | None, Remediation | None, DecisionRequest]],
    now: datetime,
    *,
    is_approver: Callable[[Route], bool],
) -> list[Decided | RemediationError]:
    """Decide on several questions at once, each on its own.

    All decisions are on record before the first workflow is told: who decides has three seconds, and a retry
    tells those that weren't reached.

    Returns
    -------
    list
        In the order of the requests, what became of each, or why it could not be recorded now.
    """
    for gateway in (records, digests, step_functions):
        gateway()  # one for all threads, instead of one made by each

    def record(one: tuple[Approval | None, Remediation | None, DecisionRequest]) -> Decided | Exception:
        approval, remediation, request = one
        try:
            return _on_record(approval, remediation, request, now, is_approver)
        except Exception as error:  # noqa: BLE001  # raised below: the others' workflows are told first
            return error

    def tell(decided: Decided | Exception, request: DecisionRequest) -> Decided | Exception:
        try:
            if isinstance(decided, Decided):
                _tell_workflow(decided, request)
        except RemediationError as error:
            return error
        return decided

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        on_record = list(pool.map(record, wanted))
        told = list(pool.map(tell, on_record, [request for _, _, request in wanted]))
    results: list[Decided | RemediationError] = []
    for result in told:
        if not isinstance(result, (Decided, RemediationError)):
            raise result
        results.append(result)
    return results


def _recorded(
    approval: Approval, request: DecisionRequest, remediation: Remediation, now: datetime
) -> Approval:
    """The approval after this decision, or as another's left it, who was a moment earlier."""
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


def _note_decision(approval: Approval, now: datetime) -> None:
    """Copy it into the evidence, if nobody has yet."""
    facts, entry = decision_facts(approval), decision_entry(approval, now)
    records().note_decision(approval["remediationId"], facts, entry)


def _let_digest_know(remediation: Remediation, facts: Mapping[str, Any]) -> None:
    """The decision stands without it: the remediation's last step notes how it ended."""
    try:
        digests().follow(remediation, facts)
    except RemediationError as error:
        logger.warning("digest_not_told", error_word=type(error).__name__, error_message=str(error))
