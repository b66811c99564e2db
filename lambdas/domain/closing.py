"""How a remediation ended, from what the state machine hands to its last step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambdas.domain.errors import is_ours, outcome_of
from lambdas.domain.record import Remediation
from lambdas.domain.vocabulary import Outcome

_REASON_LIMIT = 2000
# The timeline's line about an observed update. The last line repeats its outcome and its reason.
UPDATE_ENDED = "The update ended"


def final_outcome(event: Mapping[str, Any], remediation: Remediation) -> tuple[Outcome, str]:
    """The outcome and its reason in words.

    If the update was observed to finish, its result wins over any later workflow failure.

    Parameters
    ----------
    event
        ``outcome`` (and maybe ``reason``) if a step named one; else ``error``, as Step Functions catches it:
        ``{"Error": word, "Cause": text}``, where the cause is a Lambda function's error as JSON.
    """
    if observed := remediation.get("updateOutcome"):
        return Outcome(observed), remediation.get("updateReason", "")
    if error := event.get("error"):
        return outcome_of(str(error.get("Error", ""))), error_in_words(event)
    outcome = str(event.get("outcome", ""))
    if outcome not in Outcome.__members__:
        return (
            Outcome.FAILED,
            f"The workflow ended with {outcome or 'no outcome'}, which is not a known outcome.",
        )
    return Outcome(outcome), str(event.get("reason") or "")[:_REASON_LIMIT]


def for_digest(remediation: Remediation) -> dict[str, str]:
    """What a digest shows of a remediation that has ended."""
    facts = {"outcome": remediation.get("outcome", ""), "reason": remediation.get("reason", "")}
    if "decision" in remediation:
        facts |= {"decision": remediation["decision"], "decidedBy": remediation.get("decidedBy", "")}
    return facts


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
        return f"{word}: {cause}" if cause else word
    if not isinstance(details, dict) or "errorMessage" not in details:
        return word
    message = str(details["errorMessage"])
    return message if is_ours(word) else f"{word}: {message}"
