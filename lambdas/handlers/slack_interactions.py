"""Slack interactions: verify clicks and modals, judge and record them, wake the workflow.

Slack waits three seconds for the response and doesn't repeat a click, so a person must be able to. Each part
is safe to run again, and Slack shows a response other than 200 as a failed click.
https://docs.slack.dev/interactivity/handling-user-interaction/
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambdas.domain.errors import RemediationError
from lambdas.domain.messages.interactions import MalformedRequest, body_text, header, parse
from lambdas.gateways.slack import Slack, bot_token, is_from_slack, signing_secret
from lambdas.services import interactions
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
        interaction = parse(body)
        slack = Slack(bot_token(), timeout=_SLACK_TIMEOUT_SECONDS)
        return _response(200, interactions.carry_out(interaction, now, slack))
    except MalformedRequest as error:
        logger.warning("malformed_request", error_message=str(error))
        return _response(400, str(error))
    except RemediationError as error:
        # Slack shows the person that the click failed; clicking again is safe
        logger.error("click_not_handled", error_name=type(error).__name__, error_message=str(error))
        count_error(error)
        return _response(503, "Try again.")


def _response(status: int, body: str | dict[str, Any]) -> dict[str, Any]:
    """A text, or what a modal is to do as JSON."""
    kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
    text = body if isinstance(body, str) else json.dumps(body)
    return {"statusCode": status, "headers": {"content-type": kind}, "body": text}
