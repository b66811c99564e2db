from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.domain import backout
from lambdas.domain.approval.decision import Ruling, RulingKind
from lambdas.domain.approval.routes import DecideIn
from lambdas.domain.errors import EndpointChanged, EndpointGone, InvalidInput
from lambdas.domain.record import Approval, Backout, Remediation
from tests.unit import samples

_NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
_DONE: dict[str, Any] = {
    "outcome": "ENCRYPTED", "twinConfigName": samples.TWIN, "backoutUntil": "2026-12-07T11:00:00Z",
}  # fmt: skip
_ASKED = samples.approval()


_REQUESTED = samples.approval(backout=samples.backout_request("U2"))
_IAM = "arn:aws:sts::123456789012:assumed-role/Oncall/ada@example.com"


def _judged(
    record: Remediation | None,
    approval: Approval = _ASKED,
    latest: Backout | None = None,
    *,
    by: str = "U1",
    where: DecideIn = DecideIn.SLACK,
) -> Ruling:
    route = samples.route(decide_in=where)
    return backout.judge_request(record, approval, latest, route, by, is_approver=by != "U9", now=_NOW)


@pytest.mark.parametrize(
    ("facts", "asked", "user", "kind", "says"),
    [
        ({}, (_ASKED, None), "U1", RulingKind.DECIDE, ""),
        ({}, (_ASKED, None), "U9", RulingKind.REFUSE, "not on the list"),
        ({"outcome": "DENIED"}, (_ASKED, None), "U1", RulingKind.REFUSE, "nothing to back out"),
        ({"backoutUntil": "2026-12-01T12:00:00Z"}, (_ASKED, None), "U1", RulingKind.REFUSE, "is over"),
        ({}, (_REQUESTED, None), "U1", RulingKind.REPEAT, "<@U2>"),
        ({}, (_REQUESTED, samples.backout()), "U1", RulingKind.REPEAT, "<@U2>"),
        ({}, (_REQUESTED, samples.backout(outcome="BACKED_OUT")), "U1", RulingKind.REFUSE, "already"),
        ({}, (_REQUESTED, samples.backout(outcome="ROLLED_BACK")), "U1", RulingKind.DECIDE, ""),
    ],
)
def test_what_a_click_on_back_out_amounts_to(
    facts: dict[str, Any], asked: tuple[Approval, Backout | None], user: str, kind: RulingKind, says: str
) -> None:
    ruling = _judged(samples.remediation(**{**_DONE, **facts}), *asked, by=user)
    assert ruling.kind is kind
    assert says in ruling.explanation


def test_the_command_line_may_back_out_when_slack_no_longer_can() -> None:
    over = samples.remediation(**{**_DONE, "backoutUntil": "2026-12-01T12:00:00Z"})
    assert _judged(over, by=_IAM).kind is RulingKind.DECIDE
    assert _judged(over, by=_IAM, where=DecideIn.COMMAND_LINE).kind is RulingKind.DECIDE
    assert _judged(over, by="U1").kind is RulingKind.REFUSE


def test_an_outsider_does_not_learn_whether_there_is_a_record() -> None:
    assert _judged(samples.remediation(**_DONE), by="U9") == _judged(None, by="U9")


def test_a_route_outside_slack_takes_no_click() -> None:
    """Neither as the route is now, nor as it was when people were asked."""
    for approval, where in (
        (_ASKED, DecideIn.COMMAND_LINE),
        (samples.approval(decideIn="command-line"), DecideIn.SLACK),
    ):
        ruling = _judged(samples.remediation(**_DONE), approval, where=where)
        assert ruling.kind is RulingKind.REFUSE
        assert "sealpoint backout fraud" in ruling.explanation


def test_every_request_is_another_backout() -> None:
    one, other = (backout.new_request("U1", "", _NOW) for _ in range(2))
    assert one["backoutId"] != other["backoutId"]


_EVENT = {
    "backoutId": samples.backout_request()["backoutId"], "executionArn": "arn:x", "endpointName": "fraud",
    "backsOut": "r-1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "original", "approval"),
    [
        ({}, None, _REQUESTED),
        ({"endpointName": "other"}, samples.remediation(**_DONE), _REQUESTED),
        ({}, samples.remediation(outcome="DENIED"), _REQUESTED),
        ({}, samples.remediation(**_DONE), None),
        ({}, samples.remediation(**_DONE), _ASKED),
        ({"backoutId": "another"}, samples.remediation(**_DONE), _REQUESTED),
    ],
)
def test_a_backout_that_nobody_requested_or_of_nothing_is_refused_in_words(
    changes: dict[str, Any], original: Remediation | None, approval: Approval | None
) -> None:
    with pytest.raises(InvalidInput):
        backout.start_record({**_EVENT, **changes}, original, approval, _NOW)


def test_a_backout_is_what_was_requested_whatever_started_it() -> None:
    approval = samples.approval(backout=samples.backout_request("U2", reason="too slow"))
    event = {**_EVENT, "requestedBy": "U9", "reason": "forged"}
    record = backout.start_record(event, samples.remediation(**_DONE), approval, _NOW)
    assert (record.get("requestedBy"), record.get("requestedReason")) == ("U2", "too slow")
    assert record["endpointId"] == "123456789012/us-east-1/fraud"


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
    record = samples.backout(twinConfigName=samples.TWIN)
    with pytest.raises(error):
        backout.require_on_twin(endpoint, record)


@pytest.mark.parametrize("live", [samples.TWIN, samples.SOURCE])
def test_an_endpoint_on_its_twin_or_back_already_may_be_returned(live: str) -> None:
    record = samples.backout(twinConfigName=samples.TWIN)
    backout.require_on_twin(samples.endpoint(config_name=live), record)
