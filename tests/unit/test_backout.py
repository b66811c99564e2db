from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.domain import backout
from lambdas.domain.approval.decision import RulingKind
from lambdas.domain.approval.routes import DecideIn
from lambdas.domain.errors import EndpointChanged, EndpointGone, InvalidInput
from tests.unit import samples

_NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
_DONE: dict[str, Any] = {
    "outcome": "ENCRYPTED", "twinConfigName": samples.TWIN, "backoutUntil": "2026-12-07T11:00:00Z",
}  # fmt: skip
_ASKED = samples.approval()


@pytest.mark.parametrize(
    ("facts", "user", "kind", "says"),
    [
        ({}, "U1", RulingKind.DECIDE, ""),
        ({}, "U9", RulingKind.REFUSE, "not on the list"),
        ({"outcome": "DENIED"}, "U1", RulingKind.REFUSE, "nothing to back out"),
        ({"backoutUntil": "2026-12-01T12:00:00Z"}, "U1", RulingKind.REFUSE, "is over"),
        (
            {"backoutId": "b", "backoutRequestedBy": "U2", "backoutOutcome": ""},
            "U1",
            RulingKind.REPEAT,
            "<@U2>",
        ),
        (
            {"backoutId": "b", "backoutRequestedBy": "U2", "backoutOutcome": "BACKED_OUT"},
            "U1",
            RulingKind.REFUSE,
            "already",
        ),
        (
            {"backoutId": "b", "backoutRequestedBy": "U2", "backoutOutcome": "ROLLED_BACK"},
            "U1",
            RulingKind.DECIDE,
            "",
        ),
    ],
)
def test_what_a_click_on_back_out_amounts_to(
    facts: dict[str, Any], user: str, kind: RulingKind, says: str
) -> None:
    remediation = samples.remediation(**{**_DONE, **facts})
    ruling = backout.judge_request(remediation, _ASKED, samples.route(), is_approver=user == "U1", now=_NOW)
    assert ruling.kind is kind
    assert says in ruling.explanation


def test_an_outsider_does_not_learn_whether_there_is_a_record() -> None:
    known, unknown = (
        backout.judge_request(record, _ASKED, samples.route(), is_approver=False, now=_NOW)
        for record in (samples.remediation(**_DONE), None)
    )
    assert known == unknown


def test_a_route_outside_slack_takes_no_click() -> None:
    """Neither as the route is now, nor as it was when people were asked."""
    for approval, where in (
        (_ASKED, DecideIn.COMMAND_LINE),
        (samples.approval(decideIn="command-line"), DecideIn.SLACK),
    ):
        route = samples.route(decide_in=where)
        record = samples.remediation(**_DONE)
        ruling = backout.judge_request(record, approval, route, is_approver=True, now=_NOW)
        assert ruling.kind is RulingKind.REFUSE
        assert "sealpoint backout fraud" in ruling.explanation


def test_every_try_starts_the_same_execution() -> None:
    facts = backout.request_facts("U1", _NOW)
    remediation = samples.remediation(**_DONE, **facts)
    assert backout.machine_input(remediation) == backout.machine_input(remediation)
    assert facts["backoutId"] != backout.request_facts("U1", _NOW)["backoutId"]


@pytest.mark.parametrize(
    "changes",
    [{"original": None}, {"endpointName": "other"}, {"original": samples.remediation(outcome="DENIED")}],
)
def test_a_backout_of_nothing_is_refused_in_words(changes: dict[str, Any]) -> None:
    event = {"remediationId": "b", "executionArn": "arn:x", "endpointName": "fraud", "backsOut": "r-1"}
    original = changes.pop("original", samples.remediation(**_DONE))
    with pytest.raises(InvalidInput):
        backout.start_record({**event, **changes}, original, _NOW)


@pytest.mark.parametrize(
    ("endpoint", "error"),
    [
        (None, EndpointGone),
        (samples.endpoint("Deleting", samples.TWIN), EndpointGone),
        (samples.endpoint(config_name="a-newer-one"), EndpointChanged),
        (
            samples.endpoint(
                "Updating", samples.TWIN, PendingDeploymentSummary={"EndpointConfigName": "a-newer-one"}
            ),
            EndpointChanged,
        ),
    ],
)
def test_an_endpoint_elsewhere_is_not_returned(endpoint: Any, error: type[Exception]) -> None:
    record = samples.remediation(backsOut="r-1", twinConfigName=samples.TWIN)
    with pytest.raises(error):
        backout.require_on_twin(endpoint, record)


@pytest.mark.parametrize("live", [samples.TWIN, samples.SOURCE])
def test_an_endpoint_on_its_twin_or_back_already_may_be_returned(live: str) -> None:
    record = samples.remediation(backsOut="r-1", twinConfigName=samples.TWIN)
    backout.require_on_twin(samples.endpoint(config_name=live), record)
