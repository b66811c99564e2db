"""Decisions from the command line, `sealpoint approve|deny|backout`, through the core of Slack's clicks.

Before this runs, API Gateway has verified the signature and IAM's permission, and says who it was.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambdas.domain.approval.decision import RulingKind
from lambdas.domain.errors import RemediationError
from lambdas.domain.messages.commands import in_words, parse_backout, parse_decision, principal_of
from lambdas.domain.messages.interactions import MalformedRequest, body_text
from lambdas.domain.record import Approval
from lambdas.gateways.records.records import records
from lambdas.services import backouts, notifications
from lambdas.services.decisions import decide
from lambdas.services.observability import count_error, logger

_BACKOUTS = "POST /backouts"
_STATUS = {RulingKind.DECIDE: 200, RulingKind.REPEAT: 200, RulingKind.REFUSE: 409, RulingKind.ASK_REASON: 422}


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    try:
        return _handle(event, datetime.now(UTC))
    except MalformedRequest as error:
        return _response(400, "MALFORMED", str(error))
    except RemediationError as error:
        logger.error("decision_not_handled", error_name=type(error).__name__, error_message=str(error))
        count_error(error)
        return _response(503, "UNAVAILABLE", "The decision could not be recorded. Try again.")


def _handle(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    body, principal = body_text(event), principal_of(event)
    if event.get("routeKey") == _BACKOUTS:
        remediation_id, reason = parse_backout(body)
        approval = _approval(remediation_id)
        # IAM has decided already whether the principal may call this route
        result = backouts.request(approval, principal, reason, now, is_approver=lambda _: True)
        notifications.show(remediation_id)
        words = result.reply or "The backout is requested."
        return _response(_STATUS[result.ruling.kind], result.ruling.kind, words, backout=result.backout_id)
    remediation_id, request = parse_decision(body, principal)
    decided = decide(_approval(remediation_id), request, now, is_approver=lambda _: True)
    if decided.approval is None:
        return _response(404, "UNKNOWN", f"No question of a remediation {remediation_id} is on record.")
    notifications.show(remediation_id)
    status = decided.approval["status"]
    words = decided.reply or in_words(request, status)
    return _response(
        _STATUS[decided.ruling.kind],
        decided.ruling.kind,
        words,
        approval=status,
        endpointName=decided.approval["endpointName"],
    )


def _approval(remediation_id: str) -> Approval | None:
    remediation = records().find_remediation(remediation_id)
    logger.append_keys(remediation_id=remediation_id)
    return records().approval(remediation.get("approvalId", "")) if remediation else None


def _response(status: int, ruling: str, message: str, **more: str) -> dict[str, Any]:
    body = {"ruling": ruling, "message": message, **more}
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
