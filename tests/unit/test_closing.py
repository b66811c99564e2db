from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.domain.closing import final_outcome
from lambdas.domain.errors import EncryptionUnsupported, RemediationError, outcome_of
from lambdas.domain.vocabulary import Outcome
from tests.unit import samples


def _caught(word: str, message: str) -> dict[str, Any]:
    cause = json.dumps(
        {"errorType": word, "errorMessage": message, "stackTrace": ["File handler.py, line 1"]}
    )
    return {"error": {"Error": word, "Cause": cause}}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_named_outcome_is_taken(outcome: Outcome) -> None:
    assert final_outcome({"outcome": str(outcome), "reason": "because"}, samples.remediation()) == (
        outcome,
        "because",
    )


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (_caught("EndpointGone", "It is gone."), (Outcome.GONE, "It is gone.")),
        (_caught("EndpointChanged", "Changed."), (Outcome.SUPERSEDED, "Changed.")),
        (_caught("EncryptionUnsupported", "AWS says: no"), (Outcome.UNSUPPORTED, "AWS says: no")),
        (_caught("Throttled", "Slow down."), (Outcome.FAILED, "Slow down.")),
        (_caught("KeyError", "'x'"), (Outcome.FAILED, "KeyError: 'x'")),
        ({"error": {"Error": "States.Timeout", "Cause": ""}}, (Outcome.FAILED, "States.Timeout")),
        (
            {"error": {"Error": "Sandbox.Timedout", "Cause": "RequestId: 1"}},
            (Outcome.FAILED, "Sandbox.Timedout: RequestId: 1"),
        ),
        ({"error": {"Error": "X", "Cause": "[1]"}}, (Outcome.FAILED, "X")),
    ],
)
def test_a_caught_error_becomes_an_outcome_in_its_own_words(
    event: dict[str, Any], expected: tuple[Outcome, str]
) -> None:
    assert final_outcome(event, samples.remediation()) == expected


@pytest.mark.parametrize("event", [{}, {"outcome": "NONSENSE"}, {"outcome": None}])
def test_no_outcome_is_a_failure(event: dict[str, Any]) -> None:
    assert final_outcome(event, samples.remediation())[0] is Outcome.FAILED


def test_an_update_that_was_seen_to_end_is_the_outcome_whatever_befell_the_workflow() -> None:
    seen = samples.remediation(updateOutcome="ENCRYPTED", updateReason="")
    assert final_outcome(_caught("ServiceUnavailable", "DynamoDB is down."), seen) == (Outcome.ENCRYPTED, "")


def test_a_stack_trace_never_reaches_a_reason() -> None:
    assert "handler.py" not in final_outcome(_caught("ValueError", "bad"), samples.remediation())[1]


def test_every_error_word_is_unique_and_has_an_outcome() -> None:
    words = [cls.__name__ for cls in RemediationError.__subclasses__()]
    assert len(words) == len(set(words))
    assert all(outcome_of(cls.__name__) is cls.outcome for cls in RemediationError.__subclasses__())
    assert outcome_of("EncryptionUnsupported") is EncryptionUnsupported.outcome
