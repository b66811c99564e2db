"""Slack interactions: a click on Approve, Deny or Back out, verified, recorded, then told to the workflow.

Slack waits three seconds for the answer and doesn't repeat a click, so a person must be able to: each part
is safe to run again, and an answer that isn't 200 shows in Slack that the click was lost.
https://docs.slack.dev/interactivity/handling-user-interaction/
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.environment import required, required_list
from gateways.records import records
from gateways.slack import Slack, is_from_slack, slack_secret
from gateways.workflow import workflow
from handlers.observability import logger, metrics, publish_metrics
from remediation import backout, card
from remediation.approval import DECISIONS, Answer, judge_click, settled
from remediation.click import Click, MalformedRequest, body_text, header, parse_click
from remediation.errors import RemediationError
from remediation.record import Approval, happened, iso

# Of the three seconds, what one call to Slack may take: the decision counts, the card can catch up.
_SLACK_TIMEOUT_SECONDS = 1


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    try:
        return _handle(event, datetime.now(UTC))
    finally:
        publish_metrics()


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
        click = parse_click(body)
        if click is not None:
            (_back_out if click.action_id == backout.ACTION_ID else _decide)(click, now)
    except MalformedRequest as error:
        logger.warning("malformed_request", error_message=str(error))
        return _answer(400, str(error))
    except RemediationError as error:
        # Slack shows the person that the click did not go through; clicking again is safe
        logger.error("click_not_handled", error_word=type(error).__name__, error_message=str(error))
        return _answer(503, "Try again.")
    return _answer(200, "")


def _decide(click: Click, now: datetime) -> None:
    decision = DECISIONS[click.action_id]
    approval = records().approval(click.approval_id)
    if approval:
        logger.append_keys(remediation_id=approval["remediationId"])
    approvers = required_list("APPROVERS")
    ruling = judge_click(approval, decision, click.user_id, approvers=approvers, now=now)
    if ruling.answer is Answer.DECIDE:
        facts = {"decidedBy": click.user_id, "decidedAt": iso(now)}
        approval = records().settle(click.approval_id, decision, facts)
    logger.info("click_judged", answer=ruling.answer, decision=decision, user_id=click.user_id)
    if ruling.answer is Answer.REFUSE:
        metrics.add_metric(name="ClickRefused", unit="Count", value=1)
    if approval is None:
        _whisper(click, ruling.explanation)
        return
    if ruling.answer is not Answer.REFUSE and approval["status"] == decision:
        # an earlier click's answer may have been lost: whoever clicks again, the workflow is told again
        workflow().answer(approval["taskToken"], decision)
    if ruling.answer is Answer.DECIDE and approval.get("decidedBy") == click.user_id:
        metrics.add_metric(name=f"Approval{decision.title()}", unit="Count", value=1)
    else:
        _whisper(click, ruling.explanation or settled(approval))  # maybe decided in the same moment
    if click.user_id in approvers:
        _show_current(_with_copy(approval, click))


def _back_out(click: Click, now: datetime) -> None:
    approvers = required_list("APPROVERS")
    approval = records().approval(click.approval_id)
    remediation = records().remediation(approval["remediationId"]) if approval else None
    ruling = backout.judge_request(remediation, click.user_id, approvers=approvers, now=now)
    logger.info("backout_judged", answer=ruling.answer, user_id=click.user_id)
    if approval is None or remediation is None or ruling.answer is Answer.REFUSE:
        metrics.add_metric(name="ClickRefused", unit="Count", value=1)
        _whisper(click, ruling.explanation)
    else:
        if ruling.answer is Answer.DECIDE:
            facts = backout.request_facts(click.user_id, now)
            entry = happened(now, "Backout requested", click.user_id)
            earlier = remediation.get("backoutId", "")
            records().request_backout(remediation["remediationId"], facts, entry, instead_of=earlier)
            remediation = records().remediation(remediation["remediationId"])  # maybe another's, a moment ago
        # an earlier click may have been lost on the way: the same execution is started only once
        name, machine = remediation.get("backoutId", ""), required("BACKOUT_WORKFLOW_ARN")
        workflow().start(machine, name, backout.machine_input(remediation))
        if remediation.get("backoutRequestedBy") != click.user_id or ruling.answer is Answer.REPEAT:
            _whisper(click, backout.judge_state(remediation).explanation)
    if approval and click.user_id in approvers:
        _show_current(_with_copy(approval, click))


def _with_copy(approval: Approval, click: Click) -> Approval:
    """The approval, knowing of the card that was clicked, should it be a second one for the same question."""
    others = approval.get("otherTs", [])
    if "ts" not in approval or click.message_ts in (approval["ts"], *others):
        return approval
    return records().note_approval(approval["approvalId"], {"otherTs": [*others, click.message_ts]})


def _show_current(approval: Approval) -> None:
    """Bring the card up to date, without its buttons, once the question is settled."""
    if "ts" not in approval or "channel" not in approval:
        return
    slack = Slack(slack_secret(), timeout=_SLACK_TIMEOUT_SECONDS)
    try:
        for ts in (approval["ts"], *approval.get("otherTs", ())):
            remediation = records().remediation(approval["remediationId"])
            if "outcome" not in remediation and approval["status"] in DECISIONS.values():
                slack.update(approval["channel"], ts, card.decided(remediation, approval))
                # the workflow may have ended while we wrote: its word is the last
                remediation = records().remediation(approval["remediationId"])
            if "outcome" in remediation:
                slack.update(approval["channel"], ts, card.closed(remediation, approval))
    except RemediationError as error:
        # the decision stands and the workflow has it; its last step rewrites the card
        logger.warning("card_not_updated", error_word=type(error).__name__, error_message=str(error))


def _whisper(click: Click, explanation: str) -> None:
    slack = Slack(slack_secret(), timeout=_SLACK_TIMEOUT_SECONDS)
    slack.whisper(click.channel_id, click.user_id, explanation)


def _answer(status: int, text: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "text/plain; charset=utf-8"}, "body": text}
