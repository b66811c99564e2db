"""Slack interactions: verify clicks and modals, judge and record them, resume the workflow.

Slack waits three seconds for the response and doesn't repeat a click, so a person must be able to. Each part
is safe to run again, and Slack shows a response other than 200 as a failed click.
https://docs.slack.dev/interactivity/handling-user-interaction/
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambdas.domain import backout
from lambdas.domain.errors import RemediationError
from lambdas.domain.messages.interactions import (
    Click,
    Interaction,
    MalformedRequest,
    PageSubmission,
    PageTurn,
    Review,
    Submission,
    body_text,
    header,
    parse,
)
from lambdas.domain.record import Approval
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import Slack, bot_token, is_from_slack, signing_secret
from lambdas.services import backouts, card_decisions, digest_review
from lambdas.services.observability import count, count_error, logger

# Of the three seconds, what one call to Slack may take. The decision counts; the card can be updated later.
_SLACK_TIMEOUT_SECONDS = 1


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    try:
        body = body_text(event)
        genuine = is_from_slack(
            signing_secret(),
            body=body,
            timestamp=header(event, "x-slack-request-timestamp"),
            signature=header(event, "x-slack-signature"),
            now=now.timestamp(),
        )
        if not genuine:
            logger.warning("request_not_from_slack")
            count("ForgedRequest")
            return _response(401, "The request is not signed by Slack.")
        return _carry_out(parse(body), now, Slack(bot_token(), timeout=_SLACK_TIMEOUT_SECONDS))
    except MalformedRequest as error:
        logger.warning("malformed_request", error_message=str(error))
        return _response(400, str(error))
    except RemediationError as error:
        # Slack shows the person that the click failed; clicking again is safe
        logger.error("click_not_handled", error_word=type(error).__name__, error_message=str(error))
        count_error(error)
        return _response(503, "Try again.")


def _carry_out(interaction: Interaction | None, now: datetime, slack: Slack) -> dict[str, Any]:
    match interaction:
        case Click(action_id=backout.ACTION_ID) as click:
            backouts.request(click, _approval(click.approval_id), now, slack)
        case Click() as click:
            card_decisions.click(click, _approval(click.approval_id), now, slack)
        case Submission() as submission:
            shown = card_decisions.submit(submission, _approval(submission.approval_id), now, slack)
            return _response(200, shown or "")
        case Review() as review:
            digest_review.open_list(review, slack)
        case PageTurn() as turn:
            digest_review.turn_page(turn, slack)
        case PageSubmission() as submitted:
            return _response(200, digest_review.submit(submitted, now, slack))
        case None:  # a click that decides nothing
            pass
    return _response(200, "")


def _approval(approval_id: str) -> Approval | None:
    approval = records().approval(approval_id)
    if approval:
        logger.append_keys(remediation_id=approval["remediationId"])
    return approval


def _response(status: int, body: str | dict[str, Any]) -> dict[str, Any]:
    """A text, or what a modal is to do as JSON."""
    kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
    text = body if isinstance(body, str) else json.dumps(body)
    return {"statusCode": status, "headers": {"content-type": kind}, "body": text}
