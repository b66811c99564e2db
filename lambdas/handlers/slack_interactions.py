"""Slack interactions: a click on Approve or Deny, verified, recorded, and then told to the workflow.

Slack waits three seconds for the answer and doesn't repeat a click, so a person must be able to: each part
is safe to run again, and an answer that isn't 200 shows in Slack that the click was lost.
https://docs.slack.dev/interactivity/handling-user-interaction/
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.environment import required_list
from gateways.records import records
from gateways.slack import Slack, is_from_slack, slack_secret
from gateways.workflow import workflow
from handlers.observability import logger, metrics, publish_metrics
from remediation import card
from remediation.approval import DECISIONS, Answer, judge_click, settled
from remediation.click import Click, MalformedRequest, body_text, header, parse_click
from remediation.errors import RemediationError
from remediation.record import Approval, iso

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
            _decide(click, now)
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
    ruling = judge_click(approval, decision, click.user_id, approvers=required_list("APPROVERS"), now=now)
    if ruling.answer is Answer.DECIDE:
        facts = {"decidedBy": click.user_id, "decidedAt": iso(now)}
        approval = records().settle(click.approval_id, decision, facts)
    logger.info("click_judged", answer=ruling.answer, decision=decision, user_id=click.user_id)
    if ruling.answer is Answer.REFUSE or approval is None:
        _refuse(click, ruling.explanation)
    elif approval["status"] != decision or approval.get("decidedBy") != click.user_id:
        _refuse(click, settled(approval))  # someone else decided in the same moment
    else:
        _carry_out(approval, first=ruling.answer is Answer.DECIDE)


def _carry_out(approval: Approval, *, first: bool) -> None:
    waiting = workflow().answer(approval["taskToken"], approval["status"])
    if first:
        metrics.add_metric(name=f"Approval{approval['status'].title()}", unit="Count", value=1)
    if not waiting or "ts" not in approval or "channel" not in approval:
        return
    remediation = records().remediation(approval["remediationId"])
    try:
        message = card.decided(remediation, approval)
        Slack(slack_secret(), timeout=_SLACK_TIMEOUT_SECONDS).update(
            approval["channel"], approval["ts"], message
        )
    except RemediationError as error:
        # the decision stands and the workflow has it; its last step rewrites the card
        logger.warning("card_not_updated", error_word=type(error).__name__, error_message=str(error))


def _refuse(click: Click, explanation: str) -> None:
    metrics.add_metric(name="ClickRefused", unit="Count", value=1)
    Slack(slack_secret(), timeout=_SLACK_TIMEOUT_SECONDS).whisper(
        click.channel_id, click.user_id, explanation
    )


def _answer(status: int, text: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "text/plain; charset=utf-8"}, "body": text}
