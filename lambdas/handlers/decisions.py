"""Decisions from the command line, `sealpoint approve|deny`, through the same core as Slack's clicks.

Before this runs, API Gateway has verified the signature and IAM's permission, and says who it was.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambdas.domain.approval.decision import RulingKind
from lambdas.domain.errors import RemediationError
from lambdas.domain.messages.commands import in_words, parse_decision, principal_of
from lambdas.domain.messages.interactions import MalformedRequest, body_text
from lambdas.gateways.records.records import records
from lambdas.services import notifications
from lambdas.services.decisions import decide
from lambdas.services.observability import count_error, logger

_STATUS = {RulingKind.DECIDE: 200, RulingKind.REPEAT: 200, RulingKind.REFUSE: 409, RulingKind.ASK_REASON: 422}


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    try:
        return _handle(event, datetime.now(UTC))
    except MalformedRequest as error:
        return _response(400, "MALFORMED", str(error))
    except RemediationError as error:
        logger.error("decision_not_handled", error_word=type(error).__name__, error_message=str(error))
        count_error(error)
        return _response(503, "UNAVAILABLE", "The decision could not be recorded. Try again.")


def _handle(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    remediation_id, request = parse_decision(body_text(event), principal_of(event))
    remediation = records().find_remediation(remediation_id)
    approval = records().approval(remediation.get("approvalId", "")) if remediation else None
    if approval is None:
        return _response(404, "UNKNOWN", f"No question of a remediation {remediation_id} is on record.")
    logger.append_keys(remediation_id=remediation_id)
    # IAM has decided already whether the principal may call this route
    result = decide(approval, request, now, is_approver=lambda _: True)
    notifications.show(remediation_id)
    status = result.approval["status"] if result.approval else approval["status"]
    words = result.reply or in_words(request, status)
    return _response(_STATUS[result.ruling.kind], result.ruling.kind, words, status, approval["endpointName"])


def _response(
    status: int, ruling: str, message: str, approval: str = "", endpoint: str = ""
) -> dict[str, Any]:
    body = {"ruling": ruling, "message": message, "approval": approval, "endpointName": endpoint}
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
