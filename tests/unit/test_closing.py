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


_ERROR = _caught("Throttled", "Slow down.")


@pytest.mark.parametrize(
    ("facts", "event", "expected"),
    [
        # seen to end
        ({"updateOutcome": "ENCRYPTED", "decision": "APPROVED"}, _ERROR, (Outcome.ENCRYPTED, "")),
        ({"updateOutcome": "ROLLED_BACK", "updateReason": "alarm"}, {}, (Outcome.ROLLED_BACK, "alarm")),
        # found by CheckEncryption
        ({"checkOutcome": "EXEMPT", "checkReason": "for a while"}, {}, (Outcome.EXEMPT, "for a while")),
        ({"checkOutcome": "DENIED", "checkReason": "by U1"}, {}, (Outcome.DENIED, "by U1")),
        # decided
        ({"decision": "DENIED"}, _ERROR, (Outcome.DENIED, "")),
        ({"decision": "EXPIRED"}, {}, (Outcome.EXPIRED, "")),
        ({"decision": "SUPERSEDED"}, {"stopped": "ABORTED"}, (Outcome.SUPERSEDED, "")),
        # raised by a step
        ({"decision": "APPROVED"}, _ERROR, (Outcome.FAILED, "Slow down.")),
        ({"askError": _caught("EndpointChanged", "x")["error"]}, {}, (Outcome.SUPERSEDED, "x")),
        # ended from outside
        (
            {"decision": "APPROVED"},
            {"stopped": "It ended as ABORTED."},
            (Outcome.FAILED, "It ended as ABORTED."),
        ),
        ({"approvalMode": "observe"}, {}, (Outcome.OBSERVED, "")),
        ({"approvalMode": "observe"}, _ERROR, (Outcome.FAILED, "Slow down.")),
    ],
)
def test_the_outcome_is_what_the_steps_recorded_or_raised(
    facts: dict[str, Any], event: dict[str, Any], expected: tuple[Outcome, str]
) -> None:
    assert final_outcome(event, samples.remediation(**facts)) == expected


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_outcome_in_the_input_counts_for_nothing(outcome: Outcome) -> None:
    forged = {"outcome": str(outcome), "decision": str(outcome), "reason": "trust me"}
    for decision in ({}, {"decision": "APPROVED"}):
        found, reason = final_outcome(forged, samples.remediation(**decision))
        assert (found, "trust me" in reason) == (Outcome.FAILED, False)


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


def test_an_update_that_was_seen_to_end_is_the_outcome_whatever_happened_to_the_workflow() -> None:
    seen = samples.remediation(updateOutcome="ENCRYPTED", updateReason="")
    assert final_outcome(_caught("ServiceUnavailable", "DynamoDB is down."), seen) == (Outcome.ENCRYPTED, "")


def test_a_stack_trace_never_reaches_a_reason() -> None:
    assert "handler.py" not in final_outcome(_caught("ValueError", "bad"), samples.remediation())[1]


def test_every_error_name_is_unique_and_has_an_outcome() -> None:
    words = [cls.__name__ for cls in RemediationError.__subclasses__()]
    assert len(words) == len(set(words))
    assert all(outcome_of(cls.__name__) is cls.outcome for cls in RemediationError.__subclasses__())
    assert outcome_of("EncryptionUnsupported") is EncryptionUnsupported.outcome


@pytest.mark.parametrize("requested", [False, True])
def test_what_a_removal_stopped_is_called_off_in_its_words(requested: bool) -> None:
    removed = {"Error": "SealpointRemoved", "Cause": "Sealpoint is being removed by arn:ada."}
    run = samples.remediation(**({"updateRequestedAt": "2026-11-23T10:00:00Z"} if requested else {}))
    outcome, reason = final_outcome({"error": removed, "stopped": "The execution ended as ABORTED."}, run)
    assert outcome is Outcome.CALLED_OFF
    assert reason.startswith("Sealpoint is being removed by arn:ada.")
    assert ("SageMaker completes it or rolls it back" in reason) is requested
