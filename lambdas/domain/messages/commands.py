"""A decision from the command line, `sealpoint approve`, `deny` or `backout`, taken apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambdas.domain.approval.decision import (
    ASK_AGAIN_DAYS,
    DECISIONS,
    ONE_IS_ON_RECORD,
    REASON_LIMIT,
    DecisionRequest,
)
from lambdas.domain.messages.interactions import MalformedRequest
from lambdas.domain.plain_text import cleaned_all
from lambdas.domain.vocabulary import ApprovalStatus


def principal_of(event: Mapping[str, Any]) -> str:
    """The ARN of the IAM principal whom API Gateway has authenticated."""
    authorizer: Any = (event.get("requestContext") or {}).get("authorizer") or {}
    arn = (authorizer.get("iam") or {}).get("userArn")
    if not isinstance(arn, str) or not arn.startswith("arn:"):
        raise MalformedRequest("The request names no IAM principal.")
    return arn


def parse_decision(body: str, principal: str) -> tuple[str, DecisionRequest]:
    """The remediation's id, and what is decided about it.

    Raises
    ------
    MalformedRequest
    """
    given = _json_object(body)
    texts = {name: given.get(name, "") for name in ("remediationId", "decision", "reason", "askAgain")}
    if any(not isinstance(text, str) for text in texts.values()):
        raise MalformedRequest("remediationId, decision, reason and askAgain must be strings.")
    if texts["decision"] not in DECISIONS:
        raise MalformedRequest(f"decision must be one of {', '.join(DECISIONS)}.")
    if texts["askAgain"] and texts["askAgain"] not in ASK_AGAIN_DAYS:
        raise MalformedRequest(f"askAgain must be one of {', '.join(ASK_AGAIN_DAYS)}.")
    if len(texts["reason"]) > REASON_LIMIT:
        raise MalformedRequest(f"A reason has at most {REASON_LIMIT} characters.")
    return texts["remediationId"], DecisionRequest(
        DECISIONS[texts["decision"]],
        principal,
        reason=texts["reason"].strip(),
        ask_again=texts["askAgain"],
        break_glass=given.get("breakGlass") is True,
    )


def parse_backout(body: str) -> tuple[str, str]:
    """The id of the remediation to back out of, and the reason; empty if none is given.

    Raises
    ------
    MalformedRequest
    """
    given = _json_object(body)
    remediation_id, reason = given.get("remediationId", ""), given.get("reason", "")
    if not isinstance(remediation_id, str) or not isinstance(reason, str):
        raise MalformedRequest("remediationId and reason must be strings.")
    if len(reason) > REASON_LIMIT:
        raise MalformedRequest(f"A reason has at most {REASON_LIMIT} characters.")
    return remediation_id, reason.strip()


def _json_object(body: str) -> dict[str, Any]:
    try:
        given = cleaned_all(json.loads(body))
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise MalformedRequest("The body is not a JSON object.")
    return given


def in_words(request: DecisionRequest, status: str) -> str:
    """What the command line prints for a decision that was recorded."""
    if status == ApprovalStatus.PENDING:
        return ONE_IS_ON_RECORD
    if request.decision is ApprovalStatus.APPROVED:
        return "Approved."
    return "Denied: the endpoint stays as it is."
