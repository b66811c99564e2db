"""How a remediation ended, from what the state machine hands to its last step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambdas.domain.approval.decision import people_in
from lambdas.domain.approval.routes import Mode
from lambdas.domain.errors import is_ours, outcome_of
from lambdas.domain.record import Approval, Finding, Remediation, Run
from lambdas.domain.vocabulary import ApprovalStatus, Outcome

_REASON_LIMIT = 2000
_LEFT_AS_IT_IS = (ApprovalStatus.DENIED, ApprovalStatus.EXPIRED, ApprovalStatus.SUPERSEDED)
_UNWATCHED = "An update had been requested: SageMaker completes it or rolls it back, and nobody watches it."
# The timeline's line about an observed update. The last line repeats its outcome and its reason.
UPDATE_ENDED = "The update ended"


def final_outcome(event: Mapping[str, Any], run: Run) -> tuple[Outcome, str]:
    """The outcome and its reason in words: from what the steps wrote or raised, and from nothing else.

    If the update was observed to finish, its result wins over any later failure; so does a decision to leave
    the endpoint as it is.

    Parameters
    ----------
    event
        ``error``, as Step Functions catches what a step raised: ``{"Error": word, "Cause": text}``, where the
        cause is a Lambda function's error as JSON; or ``stopped``, in words, if the execution was ended from
        outside.
    """
    if observed := run.get("updateOutcome"):
        return Outcome(observed), run.get("updateReason", "")
    if found := run.get("checkOutcome"):
        return Outcome(found), run.get("checkReason", "")
    if (decision := run.get("decision")) in _LEFT_AS_IT_IS:
        return Outcome(decision), ""
    if error := event.get("error") or run.get("askError"):
        outcome, reason = outcome_of(str(error.get("Error", ""))), error_in_words({"error": error})
        unwatched = outcome is Outcome.CALLED_OFF and "updateRequestedAt" in run
        return outcome, f"{reason} {_UNWATCHED}" if unwatched else reason
    if stopped := event.get("stopped"):
        return Outcome.FAILED, str(stopped)[:_REASON_LIMIT]
    if run.get("approvalMode") == Mode.OBSERVE:
        return Outcome.OBSERVED, ""
    return Outcome.FAILED, "The workflow ended without an outcome on record."


def with_progress(finding: Finding, remediation: Remediation | None, approval: Approval | None) -> Finding:
    """A digest's finding, with what became of it by its remediation and the approval."""
    shown: Finding = {**finding}
    if approval is not None:
        shown["approvalId"] = approval["approvalId"]
        if approval["status"] in (ApprovalStatus.APPROVED, ApprovalStatus.DENIED):
            shown["decision"], shown["decidedBy"] = approval["status"], approval.get("decidedBy", "")
        elif votes := approval.get("approvals"):
            shown["approvals"] = people_in(votes)
    if remediation is not None and "outcome" in remediation:
        shown["outcome"], shown["reason"] = remediation["outcome"], remediation.get("reason", "")
    return shown


def error_in_words(event: Mapping[str, Any]) -> str:
    """The error that a step of the workflow failed with, in words; empty if none did."""
    error = event.get("error")
    if not error:
        return ""
    return _cause(str(error.get("Error", "")), str(error.get("Cause", "")))[:_REASON_LIMIT]


def _cause(word: str, cause: str) -> str:
    """What went wrong, without the stack trace that a Lambda function's error carries."""
    try:
        details = json.loads(cause)
    except ValueError:
        said = cause if is_ours(word) else f"{word}: {cause}"
        return said if cause else word
    if not isinstance(details, dict) or "errorMessage" not in details:
        return word
    message = str(details["errorMessage"])
    return message if is_ours(word) else f"{word}: {message}"
