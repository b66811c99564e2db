"""Decisions on a card in Slack: a click on a button, and the modal that asks for a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lambdas.domain.approval.decision import DECISIONS, DecisionRequest, RulingKind
from lambdas.domain.approval.routes import Route
from lambdas.domain.errors import RemediationError
from lambdas.domain.messages import modals
from lambdas.domain.messages.interactions import Click, Submission
from lambdas.domain.record import Approval
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.slack import Slack
from lambdas.services.decisions import decide, is_approver
from lambdas.services.notifications import announce_break_glass, show_after_click
from lambdas.services.observability import logger

_SUBMITTED = {modals.DENY: ApprovalStatus.DENIED, modals.BREAK_GLASS: ApprovalStatus.APPROVED}


def click(clicked: Click, approval: Approval | None, now: datetime, slack: Slack) -> None:
    """Decide by a click, open the modal that asks for a reason, or explain why neither."""

    def may_decide(route: Route) -> bool:
        in_channel = approval is not None and clicked.channel_id == approval.get("channel", route.channel)
        return is_approver(route, clicked.user_id, slack, in_channel=in_channel)

    request = DecisionRequest(DECISIONS[clicked.action_id], clicked.user_id)
    result = decide(approval, request, now, is_approver=may_decide)
    if result.ruling.kind is RulingKind.ASK_REASON and result.approval and result.remediation:
        modal = modals.deny if request.decision is ApprovalStatus.DENIED else modals.break_glass
        view = modal(clicked.approval_id, result.remediation["endpointName"])
        slack.open_modal(clicked.trigger_id, view)
        return
    if result.reply:
        slack.post_ephemeral(clicked.channel_id, clicked.user_id, result.reply)
    if result.approval and result.is_approver:
        show_after_click(result.approval, slack, clicked_ts=clicked.message_ts)


def submit(
    submission: Submission, approval: Approval | None, now: datetime, slack: Slack
) -> dict[str, Any] | None:
    """Decide by a submitted modal.

    Returns
    -------
    dict | None
        What the modal shows instead of closing, if anything.
    """
    request = DecisionRequest(
        _SUBMITTED[submission.callback_id],
        submission.user_id,
        reason=submission.values.get(modals.REASON_BLOCK, "").strip(),
        ask_again=submission.values.get(modals.ASK_AGAIN_BLOCK, ""),
        break_glass=submission.callback_id == modals.BREAK_GLASS,
    )

    def may_decide(route: Route) -> bool:
        # the modal was opened for a click in the channel
        return is_approver(route, submission.user_id, slack, in_channel=approval is not None)

    result = decide(approval, request, now, is_approver=may_decide)
    if result.ruling.kind is RulingKind.ASK_REASON:
        return {"response_action": "errors", "errors": {modals.REASON_BLOCK: result.reply}}
    if result.approval and result.is_approver:
        show_after_click(result.approval, slack)
    if result.remediation and result.approval:
        try:
            announce_break_glass(slack, result.remediation, result.approval)
        except RemediationError as error:  # the workflow's steps announce it later
            logger.warning("break_glass_not_announced", error_name=type(error).__name__)
    if result.reply:
        return {"response_action": "update", "view": modals.explanation(result.reply)}
    return None
