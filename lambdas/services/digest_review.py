"""The list behind a digest's card: opened, paged through, and decided on, each endpoint on its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lambdas.domain.approval.decision import DecisionRequest, RulingKind, refuse_outsider
from lambdas.domain.approval.routes import Route
from lambdas.domain.errors import ModalChanged, RemediationError
from lambdas.domain.messages import digest_list, modals
from lambdas.domain.messages.digest_list import Choices
from lambdas.domain.messages.interactions import PageSubmission, PageTurn, Review
from lambdas.domain.record import Approval, Digest, Finding, Remediation
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import rules
from lambdas.gateways.slack import Slack
from lambdas.services import digest_cards
from lambdas.services.decisions import DecisionResult, decide_each, is_approver
from lambdas.services.observability import count, count_error, logger

_UNKNOWN = "This list is not on record here."
_NOT_NOW = "The decision could not be recorded. Try again."
_RECORDED_AS = {
    ApprovalStatus.APPROVED: "to be encrypted",
    ApprovalStatus.DENIED: "left as they are",
    ApprovalStatus.PENDING: "approved, waiting for a second approver",
}


def open_list(review: Review, slack: Slack) -> None:
    """Open a modal with the first page that has something to decide."""
    digest = _digest(review.digest_id)
    in_channel = digest is not None and review.channel_id == digest.get("channel")
    refusal = _refusal(_route(digest), review.user_id, slack, in_channel=in_channel)
    if digest is None or refusal:
        slack.post_ephemeral(review.channel_id, review.user_id, refusal or _UNKNOWN)
        return
    findings = _findings(digest)
    first = digest_list.page_to_decide(findings)
    slack.open_modal(review.trigger_id, digest_list.page(digest, findings, first))


def turn_page(turn: PageTurn, slack: Slack) -> None:
    """Show another page in the same modal, unless choices that aren't recorded yet would be lost."""
    digest = _digest(turn.digest_id)
    refusal = _refusal(_route(digest), turn.user_id, slack, in_channel=digest is not None)
    if digest is None or refusal:
        view = modals.explanation(refusal or _UNKNOWN)
    else:
        choices = digest_list.decisions(turn.values)
        number, notice = turn.number, ""
        if choices.chosen:
            number, notice = turn.shown, digest_list.unsaved_choices(choices)
        view = digest_list.page(digest, _findings(digest), number, notice=notice)
    try:
        slack.update_modal(turn.view_id, turn.view_hash, view)
    except ModalChanged as error:  # a second click on the same button, or the modal is closed
        logger.info("page_not_turned", error_message=str(error))


def submit(submitted: PageSubmission, now: datetime, slack: Slack) -> dict[str, Any]:
    """Decide what was chosen on a page, one by one; returns what the modal does next."""
    digest = _digest(submitted.digest_id)
    route = _route(digest)
    refusal = _refusal(route, submitted.user_id, slack, in_channel=digest is not None)
    if digest is None:
        return _replace(modals.explanation(refusal or _UNKNOWN))
    choices = digest_list.decisions(submitted.values)
    if choices.problems and not refusal:
        return {"response_action": "errors", "errors": dict(choices.problems)}
    results = _decide(submitted, choices, route, now, slack, allowed=not refusal)
    if refusal:  # each attempt is on record by now
        return _replace(modals.explanation(refusal))
    digest, findings = digest_cards.read(submitted.digest_id)
    counts, refused = _summary(results, findings, submitted.user_id)
    try:
        digest_cards.rewrite(digest, findings, slack)
    except RemediationError as error:  # the decisions stand, and the digest's workflow updates its card
        logger.warning("card_not_updated", error_name=type(error).__name__, error_message=str(error))
    number = submitted.number if refused else digest_list.page_to_decide(findings, submitted.number)
    notice = digest_list.recorded(counts, refused)
    return _replace(digest_list.page(digest, findings, number, notice=notice))


def _digest(digest_id: str) -> Digest | None:
    logger.append_keys(digest_id=digest_id)
    return digests().find(digest_id)


def _findings(digest: Digest) -> list[Finding]:
    return digest_cards.findings(digest["digestId"])


def _route(digest: Digest | None) -> Route:
    return rules().route_for(digest["route"] if digest else "", digest)


def _refusal(route: Route, user: str, slack: Slack, *, in_channel: bool) -> str | None:
    """Why someone who is no approver may not see the list; None if they may."""
    if is_approver(route, user, slack, in_channel=in_channel):
        return None
    logger.info("list_not_shown", user_id=user)
    count("DecisionRefused")
    return refuse_outsider(route).explanation


def _decide(
    submitted: PageSubmission, choices: Choices, route: Route, now: datetime, slack: Slack, *, allowed: bool
) -> dict[str, DecisionResult | RemediationError]:
    """What became of each choice, by its approval's id."""

    def may_decide(other: Route) -> bool:
        here = other.channel == route.channel  # "anyone in the channel" means that one channel
        return allowed if other == route else is_approver(other, submitted.user_id, slack, in_channel=here)

    approvals = {
        approval_id: approval
        for approval_id, approval in records().approvals(list(choices.chosen)).items()
        if approval.get("digestId") == submitted.digest_id  # any other is treated as unknown
    }
    remediations = records().find_remediations([one["remediationId"] for one in approvals.values()])
    wanted: list[tuple[Approval | None, Remediation | None, DecisionRequest]] = []
    for approval_id, decision in choices.chosen.items():
        request = DecisionRequest(decision, submitted.user_id)
        if decision is ApprovalStatus.DENIED:
            request = DecisionRequest(
                decision, submitted.user_id, reason=choices.reason, ask_again=choices.ask_again
            )
        approval = approvals.get(approval_id)
        remediation = remediations.get(approval["remediationId"]) if approval else None
        wanted.append((approval, remediation, request))
    results = decide_each(wanted, now, is_approver=may_decide)
    return dict(zip(choices.chosen, results, strict=True))


def _summary(
    results: Mapping[str, DecisionResult | RemediationError], findings: Sequence[Finding], user: str
) -> tuple[dict[str, int], dict[str, list[str]]]:
    """How many decisions were recorded, by kind, and the endpoints of the others, by the reason."""
    names = {finding.get("approvalId", ""): finding["endpointName"] for finding in findings}
    counts: Counter[str] = Counter()
    refused: dict[str, list[str]] = {}
    for approval_id, result in results.items():
        name = names.get(approval_id, "?")
        if isinstance(result, RemediationError):
            logger.error(
                "decision_not_recorded",
                endpoint_name=name,
                error_name=type(result).__name__,
                error_message=str(result),
            )
            count_error(result)
            refused.setdefault(_NOT_NOW, []).append(name)
        elif result.approval is not None and _is_recorded(result, user):
            counts[_RECORDED_AS[ApprovalStatus(result.approval["status"])]] += 1
        else:
            refused.setdefault(result.reply, []).append(name)
    return dict(counts), {why: sorted(of) for why, of in refused.items()}


def _is_recorded(result: DecisionResult, user: str) -> bool:
    """Whether the decision is on record as this person's, perhaps from an earlier submission."""
    if result.ruling.kind is RulingKind.DECIDE:
        return not result.reply
    mine = result.approval is not None and result.approval.get("decidedBy") == user
    return result.ruling.kind is RulingKind.REPEAT and mine


def _replace(view: dict[str, Any]) -> dict[str, Any]:
    return {"response_action": "update", "view": view}
