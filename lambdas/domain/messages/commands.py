"""A decision from the command line, `sealpoint approve` or `deny`, taken apart."""

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
    try:
        given = cleaned_all(json.loads(body))
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise MalformedRequest("The body is not a JSON object.")
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


def in_words(request: DecisionRequest, status: str) -> str:
    """What the command line prints for a decision that was recorded."""
    if status == ApprovalStatus.PENDING:
        return ONE_IS_ON_RECORD
    if request.decision is ApprovalStatus.APPROVED:
        return "Approved."
    return "Denied: the endpoint stays as it is."
