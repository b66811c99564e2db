"""Slack interactions: clicks and modals, verified, judged, recorded, then told to the workflow.

Slack waits three seconds for the answer and doesn't repeat a click, so a person must be able to: each part
is safe to run again, and an answer that isn't 200 shows in Slack that the click was lost.
https://docs.slack.dev/interactivity/handling-user-interaction/
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambdas.domain import backout
from lambdas.domain.approval.decision import DECISIONS, DecisionRequest, RulingKind
from lambdas.domain.approval.routes import Route
from lambdas.domain.errors import RemediationError
from lambdas.domain.messages import card, modals
from lambdas.domain.messages.blocks import Message
from lambdas.domain.messages.interactions import (
    Click,
    Interaction,
    MalformedRequest,
    PageSubmission,
    PageTurn,
    Ping,
    Review,
    Submission,
    body_text,
    header,
    parse,
)
from lambdas.domain.record import Approval, happened, iso
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.environment import required, rules
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import Slack, is_from_slack, slack_secret
from lambdas.gateways.step_functions import step_functions
from lambdas.services import digest_review
from lambdas.services.approvers import is_approver
from lambdas.services.decisions import Decided, decide
from lambdas.services.notifications import announce_break_glass
from lambdas.services.observability import count, count_error, logger

# Of the three seconds, what one call to Slack may take: the decision counts, the card can catch up.
_SLACK_TIMEOUT_SECONDS = 1
_SUBMITTED = {modals.DENY: ApprovalStatus.DENIED, modals.BREAK_GLASS: ApprovalStatus.APPROVED}


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return _handle(event, datetime.now(UTC))


def _handle(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    try:
        body = body_text(event)
        genuine = is_from_slack(
            slack_secret(),
            body=body,
            timestamp=header(event, "x-slack-request-timestamp"),
            signature=header(event, "x-slack-signature"),
            now=now.timestamp(),
        )
        if not genuine:
            logger.warning("request_not_from_slack")
            return _answer(401, "The request is not signed by Slack.")
        return _carry_out(parse(body), now)
    except MalformedRequest as error:
        logger.warning("malformed_request", error_message=str(error))
        return _answer(400, str(error))
    except RemediationError as error:
        # Slack shows the person that the click did not go through; clicking again is safe
        logger.error("click_not_handled", error_word=type(error).__name__, error_message=str(error))
        count_error(error)
        return _answer(503, "Try again.")


def _carry_out(interaction: Interaction | None, now: datetime) -> dict[str, Any]:
    match interaction:
        case Click(action_id=backout.ACTION_ID) as click:
            _back_out(click, now)
        case Click() as click:
            _decide(click, now)
        case Submission() as submission:
            return _submit(submission, now)
        case Review() as review:
            digest_review.open_list(review, _slack())
        case PageTurn() as turn:
            digest_review.turn_page(turn, _slack())
        case PageSubmission() as submitted:
            return _in_modal(digest_review.submit(submitted, now, _slack()))
        case Ping():
            return _answer(200, "pong")
        case None:  # a click that decides nothing
            pass
    return _answer(200, "")


def _decide(click: Click, now: datetime) -> None:
    approval = _approval(click.approval_id)
    slack = _slack()

    def may_decide(route: Route) -> bool:
        in_channel = approval is not None and click.channel_id == approval.get("channel", route.channel)
        return is_approver(route, click.user_id, slack, in_channel=in_channel)

    request = DecisionRequest(DECISIONS[click.action_id], click.user_id)
    decided = decide(approval, request, now, is_approver=may_decide)
    if decided.ruling.kind is RulingKind.ASK_REASON and decided.approval and decided.remediation:
        denies = request.decision is ApprovalStatus.DENIED
        view = (modals.deny if denies else modals.break_glass)(
            click.approval_id, decided.remediation["endpointName"]
        )
        slack.open_modal(click.trigger_id, view)
        return
    if decided.tell:
        slack.whisper(click.channel_id, click.user_id, decided.tell)
    _show_current(decided, slack, click)


def _submit(submission: Submission, now: datetime) -> dict[str, Any]:
    """A modal's answer: it closes, or says in its own place what is wrong."""
    approval = _approval(submission.approval_id)
    slack = _slack()
    request = DecisionRequest(
        _SUBMITTED[submission.callback_id],
        submission.user_id,
        reason=submission.values.get(modals.REASON_BLOCK, "").strip(),
        ask_again=submission.values.get(modals.ASK_AGAIN_BLOCK, ""),
        break_glass=submission.callback_id == modals.BREAK_GLASS,
    )
    decided = decide(
        approval,
        request,
        now,
        # the modal was opened for a click in the channel
        is_approver=lambda route: is_approver(
            route, submission.user_id, slack, in_channel=approval is not None
        ),
    )
    if decided.ruling.kind is RulingKind.ASK_REASON:
        return _in_modal({"response_action": "errors", "errors": {modals.REASON_BLOCK: decided.tell}})
    _show_current(decided, slack)
    if decided.remediation and decided.approval:
        try:
            announce_break_glass(slack, decided.remediation, decided.approval)
        except RemediationError as error:  # the workflow's steps announce it then
            logger.warning("glass_not_announced", error_word=type(error).__name__)
    if decided.tell:
        return _in_modal({"response_action": "update", "view": modals.explanation(decided.tell)})
    return _answer(200, "")


def _approval(approval_id: str) -> Approval | None:
    approval = records().approval(approval_id)
    if approval:
        logger.append_keys(remediation_id=approval["remediationId"])
    return approval


def _back_out(click: Click, now: datetime) -> None:
    slack = _slack()
    approval = _approval(click.approval_id)
    remediation = records().remediation(approval["remediationId"]) if approval else None
    if remediation:
        logger.append_keys(remediation_id=remediation["remediationId"])
    route = rules().deciding((remediation or {}).get("route", ""), approval)
    in_channel = approval is not None and click.channel_id == approval.get("channel")
    allowed = is_approver(route, click.user_id, slack, in_channel=in_channel)
    ruling = backout.judge_request(remediation, approval, route, is_approver=allowed, now=now)
    logger.info("backout_judged", answer=ruling.kind, user_id=click.user_id)
    if approval is None or remediation is None or ruling.kind is RulingKind.REFUSE:
        count("DecisionRefused")
        if approval:
            what = f"{backout.ACTION_ID}: {ruling.explanation}"
            records().note_attempt(
                approval["approvalId"], {"by": click.user_id, "at": iso(now), "what": what}
            )
        slack.whisper(click.channel_id, click.user_id, ruling.explanation)
    else:
        if ruling.kind is RulingKind.DECIDE:
            facts = backout.request_facts(click.user_id, now)
            entry = happened(now, "Backout requested", click.user_id)
            earlier = remediation.get("backoutId", "")
            records().request_backout(remediation["remediationId"], facts, entry, instead_of=earlier)
            remediation = records().remediation(remediation["remediationId"])  # maybe another's, a moment ago
        # an earlier click may have been lost on the way: the same execution is started only once
        name, machine = remediation.get("backoutId", ""), required("BACKOUT_WORKFLOW_ARN")
        step_functions().start(machine, name, backout.machine_input(remediation))
        if remediation.get("backoutRequestedBy") != click.user_id or ruling.kind is RulingKind.REPEAT:
            slack.whisper(click.channel_id, click.user_id, backout.judge_state(remediation).explanation)
    _show_current(Decided(ruling, "", approval, remediation, allowed), slack, click)


def _show_current(decided: Decided, slack: Slack, click: Click | None = None) -> None:
    """Bring the card up to what is on record, for someone who may decide."""
    if decided.approval is None or not decided.is_approver:
        return
    if click is not None:
        _note_copy(decided.approval, click)
    try:
        approval, shown = _current(decided.approval)
        slack.rewrite(approval, shown)
        # someone may have decided, or the workflow ended, while we wrote: the record has the last word
        approval, latest = _current(approval)
        if latest != shown:
            slack.rewrite(approval, latest)
    except RemediationError as error:
        # the decision stands and the workflow has it; its last step rewrites the card
        logger.warning("card_not_updated", error_word=type(error).__name__, error_message=str(error))


def _current(known: Approval) -> tuple[Approval, Message]:
    """The question as it is on record now, and its card."""
    approval = records().approval(known["approvalId"]) or known
    return approval, card.message(records().remediation(known["remediationId"]), approval)


def _note_copy(approval: Approval, click: Click) -> None:
    """Know of the card that was clicked, should it be a second one for the same question."""
    others = approval.get("otherTs", [])
    if "ts" in approval and click.message_ts not in (approval["ts"], *others):
        records().note_approval(approval["approvalId"], {"otherTs": [*others, click.message_ts]})


def _slack() -> Slack:
    return Slack(slack_secret(), timeout=_SLACK_TIMEOUT_SECONDS)


def _in_modal(action: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(action)}


def _answer(status: int, text: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "text/plain; charset=utf-8"}, "body": text}
