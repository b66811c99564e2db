"""Decisions from the command line, `ops approve|deny`, through the same core as Slack's clicks.

API Gateway has verified the signature and IAM's permission before this runs, and says who it was.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambdas.domain.approval.decision import (
    ASK_AGAIN_DAYS,
    DECISIONS,
    ONE_IS_ON_RECORD,
    REASON_LIMIT,
    DecisionRequest,
    RulingKind,
)
from lambdas.domain.errors import RemediationError
from lambdas.domain.messages.interactions import MalformedRequest, body_text
from lambdas.domain.vocabulary import ApprovalStatus
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
        return _answer(400, "MALFORMED", str(error))
    except RemediationError as error:
        logger.error("decision_not_handled", error_word=type(error).__name__, error_message=str(error))
        count_error(error)
        return _answer(503, "UNAVAILABLE", "It could not be recorded now. Try again.")


def _handle(event: dict[str, Any], now: datetime) -> dict[str, Any]:
    principal = _principal(event)
    remediation_id, request = _request(body_text(event), principal)
    remediation = records().find_remediation(remediation_id)
    approval = records().approval(remediation.get("approvalId", "")) if remediation else None
    if approval is None:
        return _answer(404, "UNKNOWN", f"No question of a remediation {remediation_id} is on record.")
    logger.append_keys(remediation_id=remediation_id)
    # IAM said already that the principal may decide: the route is theirs to call
    decided = decide(approval, request, now, is_approver=lambda _: True)
    notifications.show(remediation_id)
    status = decided.approval["status"] if decided.approval else approval["status"]
    said = decided.tell or _said(request, status)
    return _answer(_STATUS[decided.ruling.kind], decided.ruling.kind, said, status)


def _said(request: DecisionRequest, status: str) -> str:
    if status == ApprovalStatus.PENDING:
        return ONE_IS_ON_RECORD
    return (
        "Approved." if request.decision is ApprovalStatus.APPROVED else "Denied: the endpoint stays as it is."
    )


def _principal(event: dict[str, Any]) -> str:
    authorizer: Any = (event.get("requestContext") or {}).get("authorizer") or {}
    arn = (authorizer.get("iam") or {}).get("userArn")
    if not isinstance(arn, str) or not arn.startswith("arn:"):
        raise MalformedRequest("The request names no IAM principal.")
    return arn


def _request(body: str, principal: str) -> tuple[str, DecisionRequest]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise MalformedRequest("The body is no JSON object.")
    texts = {name: given.get(name, "") for name in ("remediationId", "decision", "reason", "askAgain")}
    if any(not isinstance(text, str) for text in texts.values()):
        raise MalformedRequest("remediationId, decision, reason and askAgain are texts.")
    if texts["decision"] not in DECISIONS:
        raise MalformedRequest(f"decision is one of {', '.join(DECISIONS)}.")
    if texts["askAgain"] and texts["askAgain"] not in ASK_AGAIN_DAYS:
        raise MalformedRequest(f"askAgain is one of {', '.join(ASK_AGAIN_DAYS)}.")
    if len(texts["reason"]) > REASON_LIMIT:
        raise MalformedRequest(f"A reason has at most {REASON_LIMIT} characters.")
    return texts["remediationId"], DecisionRequest(
        DECISIONS[texts["decision"]],
        principal,
        reason=texts["reason"].strip(),
        ask_again=texts["askAgain"],
        break_glass=given.get("breakGlass") is True,
    )


def _answer(status: int, answer: str, message: str, approval: str = "") -> dict[str, Any]:
    body = {"answer": answer, "message": message, "approval": approval}
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
