from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.encryption.progress import (
    BeforeUpdate,
    Move,
    UpdateResult,
    Wait,
    config_in_charge,
    deployed_at,
    is_settling,
    judge_before_update,
    judge_readiness,
    judge_update,
    live_capture_problem,
    move_of,
    progress_words,
    seconds_to_poll,
    uses,
)
from lambdas.domain.errors import (
    DeadlinePassed,
    EndpointBusy,
    EndpointChanged,
    EndpointGone,
    EndpointNotServing,
    RemediationError,
)
from lambdas.domain.record import iso
from lambdas.domain.vocabulary import Outcome
from tests.unit import samples
from tests.unit.samples import SOURCE, TWIN, endpoint

MOVE = Move(SOURCE, TWIN, Outcome.ENCRYPTED, samples.IDENTITY)
_REQUESTED = datetime(2026, 11, 23, 10, tzinfo=UTC)
_LATER = _REQUESTED + timedelta(minutes=10)
_AFTER = _REQUESTED.timestamp() + 30
_BEFORE = _REQUESTED.timestamp() - 3600


def _judge(body: dict[str, Any] | None, now: datetime = _LATER, before: str = "") -> Wait | UpdateResult:
    return judge_update(
        body,
        replace(MOVE, requested_at=iso(_REQUESTED), reason_before=before),
        attempt=0,
        now=now,
        deadline=timedelta(hours=4),
    )


def _before_update(body: dict[str, Any] | None, *, requested: bool = False, before: str = "") -> BeforeUpdate:
    requested_at = iso(_REQUESTED) if requested else ""
    return judge_before_update(body, replace(MOVE, requested_at=requested_at, reason_before=before))


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
def test_passing_statuses_are_waited_out(status: str) -> None:
    assert isinstance(judge_readiness(endpoint(status), [SOURCE], 0, overdue=False), Wait)
    assert isinstance(_judge(endpoint(status)), Wait)
    with pytest.raises(EndpointBusy):
        _before_update(endpoint(status))
    with pytest.raises(DeadlinePassed):
        judge_readiness(endpoint(status), [SOURCE], 0, overdue=True)


@pytest.mark.parametrize("status", ["Failed", "OutOfService", "UpdateRollbackFailed", "SomethingNew"])
def test_an_endpoint_that_does_not_serve_is_left_alone(status: str) -> None:
    body = endpoint(status, FailureReason="no capacity")
    with pytest.raises(EndpointNotServing, match="no capacity"):
        judge_readiness(body, [SOURCE], 0, overdue=False)
    with pytest.raises(EndpointNotServing):
        _before_update(body)
    ended = _judge(body)
    assert isinstance(ended, UpdateResult)
    assert ended.outcome is Outcome.FAILED
    assert "no capacity" in ended.reason


@pytest.mark.parametrize("body", [None, endpoint("Deleting")])
def test_an_endpoint_that_is_gone_is_gone(body: dict[str, Any] | None) -> None:
    with pytest.raises(EndpointGone):
        judge_readiness(body, [SOURCE], 0, overdue=False)
    with pytest.raises(EndpointGone):
        _before_update(body)
    assert _judge(body) == UpdateResult(Outcome.GONE, "The endpoint was deleted while it was being updated.")


def test_in_service_on_another_config_is_no_longer_what_was_approved() -> None:
    with pytest.raises(EndpointChanged, match="other-config"):
        judge_readiness(endpoint(config_name="other-config"), [SOURCE], 0, overdue=False)
    with pytest.raises(EndpointChanged):
        _before_update(endpoint(config_name="other-config"))
    ended = _judge(endpoint(config_name="other-config"))
    assert isinstance(ended, UpdateResult)
    assert ended.outcome is Outcome.SUPERSEDED


def test_ready_when_in_service_on_what_was_approved() -> None:
    assert judge_readiness(endpoint(), [SOURCE], 3, overdue=True) is None
    assert _before_update(endpoint()) is BeforeUpdate.REQUEST


@pytest.mark.parametrize(
    "body",
    [
        endpoint(config_name=TWIN),
        endpoint("Updating", PendingDeploymentSummary={"EndpointConfigName": TWIN}),
    ],
)
def test_an_update_that_was_taken_is_not_requested_twice(body: dict[str, Any]) -> None:
    assert _before_update(body, requested=True) is BeforeUpdate.ALREADY_UNDER_WAY


@pytest.mark.parametrize("before", ["", "an earlier alarm"])
def test_an_update_that_was_taken_and_rolled_back_is_not_tried_again(before: str) -> None:
    rolled_back = endpoint(LastModifiedTime=_AFTER, FailureReason="alarm")
    judged = _before_update(rolled_back, requested=True, before=before)
    assert judged is BeforeUpdate.ALREADY_UNDER_WAY


@pytest.mark.parametrize("modified", [_BEFORE, _AFTER])
@pytest.mark.parametrize("reason", [{}, {"FailureReason": "an earlier alarm"}])
def test_an_update_that_never_arrived_is_requested_again(modified: float, reason: dict[str, str]) -> None:
    """Scaling and patching move LastModifiedTime, too, and an old FailureReason stays."""
    untouched = endpoint(LastModifiedTime=modified, **reason)
    before = reason.get("FailureReason", "")
    assert _before_update(untouched, requested=True, before=before) is BeforeUpdate.REQUEST


def test_success_is_in_service_on_the_twin_and_nothing_else() -> None:
    assert _judge(endpoint(config_name=TWIN)) == UpdateResult(Outcome.ENCRYPTED)


@pytest.mark.parametrize(
    ("reason", "says"), [({"FailureReason": "alarm"}, "AWS says: alarm"), ({}, "AWS gives no reason")]
)
def test_in_service_on_the_old_config_is_a_rollback_even_a_silent_one(
    reason: dict[str, str], says: str
) -> None:
    ended = _judge(endpoint(LastModifiedTime=_AFTER, **reason))
    assert isinstance(ended, UpdateResult)
    assert ended.outcome is Outcome.ROLLED_BACK
    assert says in ended.reason


def test_a_failure_reason_of_an_earlier_update_is_not_reported_as_this_ones() -> None:
    for status, outcome in (("InService", Outcome.ROLLED_BACK), ("UpdateRollbackFailed", Outcome.FAILED)):
        ended = _judge(endpoint(status, FailureReason="last month's alarm"), before="last month's alarm")
        assert isinstance(ended, UpdateResult)
        assert ended.outcome is outcome
        assert "AWS gives no new reason" in ended.reason
        assert "from before this update: last month's alarm" in ended.reason
    with pytest.raises(EndpointNotServing, match="perhaps an earlier one: last month's alarm"):
        judge_readiness(
            endpoint("OutOfService", FailureReason="last month's alarm"), [SOURCE], 0, overdue=False
        )


@pytest.mark.parametrize("modified", [_BEFORE, _REQUESTED.timestamp() + 2])
def test_an_update_that_does_not_show_yet_is_no_rollback(modified: float) -> None:
    """Whatever was modified meanwhile: scaling that ended just before the call is stamped after it, too."""
    untouched = endpoint(LastModifiedTime=modified)
    assert isinstance(_judge(untouched, _REQUESTED + timedelta(seconds=15)), Wait)
    assert isinstance(_judge(untouched, _REQUESTED + timedelta(seconds=61)), UpdateResult)


@pytest.mark.parametrize(
    ("status", "settling"),
    [
        ("Updating", True),
        ("SystemUpdating", True),
        ("RollingBack", True),
        ("InService", False),
        ("Creating", False),  # it has nothing to roll back to
        ("Failed", False),
    ],
)
def test_what_a_change_ends_on_is_not_reported_before_it_has_ended(status: str, settling: bool) -> None:
    """DescribeEndpoint may show the old config alone for as long as an update lasts."""
    assert is_settling(endpoint(status)) is settling


def test_scaling_and_rollbacks_do_not_move_the_time_of_deployment() -> None:
    images = [{"ResolutionTime": _BEFORE}]
    variants = [{"VariantName": "a"}, {"VariantName": "b", "DeployedImages": images}]
    scaled = endpoint(LastModifiedTime=_AFTER, ProductionVariants=variants)
    assert deployed_at(scaled, samples.config()).timestamp() == _BEFORE


def test_where_no_image_tells_endpoint_and_config_tell_since_when_they_are_there() -> None:
    """Inference components: variants have no DeployedImages."""
    body = endpoint(LastModifiedTime=_AFTER, CreationTime=_BEFORE)
    assert deployed_at(body, samples.config(CreationTime=_BEFORE - 5)).timestamp() == _BEFORE
    assert deployed_at(body, samples.config(CreationTime=_BEFORE + 5)).timestamp() == _BEFORE + 5


def test_an_update_without_end_fails_loudly() -> None:
    ended = _judge(endpoint("Updating"), _REQUESTED + timedelta(hours=4))
    assert isinstance(ended, UpdateResult)
    assert ended.outcome is Outcome.FAILED
    assert "still Updating" in ended.reason


def test_a_mix_of_both_configs_warns_against_deleting_either() -> None:
    ended = _judge(endpoint("UpdateRollbackFailed"))
    assert isinstance(ended, UpdateResult)
    assert "delete neither" in ended.reason


@given(
    st.sampled_from(
        ["InService", "Updating", "RollingBack", "Failed", "OutOfService", "UpdateRollbackFailed", "?"]
    ),
    st.sampled_from([SOURCE, TWIN, "other"]),
    st.floats(_BEFORE, _AFTER + 7200),
    st.integers(0, 30_000),
)
def test_encrypted_is_claimed_only_in_service_on_the_twin(
    status: str, config_name: str, modified: float, elapsed: int
) -> None:
    judged = _judge(
        endpoint(status, config_name, LastModifiedTime=modified), _REQUESTED + timedelta(seconds=elapsed)
    )
    claimed = isinstance(judged, UpdateResult) and judged.outcome is Outcome.ENCRYPTED
    assert claimed is (status == "InService" and config_name == TWIN)


@given(
    st.sampled_from(["InService", "Updating", "Creating", "Failed", "Deleting", "?"]),
    st.sampled_from([SOURCE, TWIN, "other"]),
    st.booleans(),
)
def test_an_update_is_requested_only_in_service_on_the_source(
    status: str, config_name: str, requested: bool
) -> None:
    try:
        before = _before_update(endpoint(status, config_name), requested=requested)
    except RemediationError:
        return
    if before is BeforeUpdate.REQUEST:
        assert (status, config_name) == ("InService", SOURCE)


@given(st.integers(0, 10_000))
def test_waits_grow_to_a_cap(attempt: int) -> None:
    assert 15 <= seconds_to_poll(attempt) <= seconds_to_poll(attempt + 1) <= 240


def looks_within(seconds: float) -> int:
    """How many waits are over within `seconds`."""
    ends = itertools.accumulate(seconds_to_poll(attempt) for attempt in itertools.count())
    return sum(1 for _ in itertools.takewhile(lambda end: end <= seconds, ends))


@given(st.integers(15, 4 * 3600))
def test_polls_are_logarithmic_until_the_longest_wait(seconds: int) -> None:
    # n waits that double last 15 × (2**n - 1) seconds; the fifth is the longest, and so are all after it
    until_the_longest = min(seconds, 465)
    assert (
        looks_within(seconds) <= math.log2(until_the_longest / 15 + 1) + (seconds - until_the_longest) / 240
    )


def test_the_config_on_its_way_in_counts_as_the_one_in_charge() -> None:
    assert config_in_charge(endpoint()) == SOURCE
    assert config_in_charge(endpoint("Updating", PendingDeploymentSummary={"EndpointConfigName": "b"})) == "b"


def test_a_backout_goes_the_other_way() -> None:
    remediation = samples.remediation(twinConfigName=TWIN, targetIdentity=samples.IDENTITY)
    assert move_of(remediation) == MOVE
    backout = samples.backout(
        twinConfigName=TWIN, restoredConfigName="fraud-config-was-1", targetIdentity=samples.IDENTITY
    )
    assert move_of(backout) == Move(TWIN, "fraud-config-was-1", Outcome.BACKED_OUT, samples.IDENTITY)


@pytest.mark.parametrize(
    ("capture", "says"),
    [
        (None, ""),
        ({"EnableCapture": False, "KmsKeyId": ""}, ""),
        ({"EnableCapture": True, "KmsKeyId": samples.KEY_ARN}, ""),
        ({"EnableCapture": True, "KmsKeyId": ""}, "no KMS key"),
        ({"EnableCapture": True, "KmsKeyId": "alias/theirs"}, "alias/theirs"),
    ],
)
def test_a_live_capture_without_our_key_is_reported(capture: dict[str, Any] | None, says: str) -> None:
    body = endpoint(DataCaptureConfig=capture)
    problem = live_capture_problem(body, samples.KEY_ARN)
    assert bool(problem) == bool(says)
    assert says in (problem or "")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "the endpoint no longer exists"),
        (endpoint("Updating"), "the endpoint is Updating"),
        (
            endpoint(
                "Updating",
                PendingDeploymentSummary={
                    "EndpointConfigName": TWIN,
                    "ProductionVariants": [
                        {
                            "VariantName": "a",
                            "CurrentInstanceCount": 3,
                            "DesiredInstanceCount": 7,
                            "VariantStatus": [{"Status": "Creating"}, {"Status": "Baking"}],
                        },
                        {"VariantName": "b"},
                    ],
                },
            ),
            "a: Baking, 3 of 7 instances",
        ),
    ],
)
def test_an_updates_progress_shows_in_its_variants(body: Any, words: str) -> None:
    assert progress_words(body) == words


@pytest.mark.parametrize(
    ("status", "config", "used"),
    [
        ("InService", "theirs", False),
        ("InService", "mine", True),
        ("RollingBack", "theirs", True),  # to which config, it doesn't say
        ("UpdateRollbackFailed", "theirs", True),  # a mix of two
        ("Failed", "theirs", False),  # one failed endpoint must not keep every other's old config
        ("Failed", "mine", True),
        ("Deleting", "mine", False),
    ],
)
def test_an_endpoint_uses_the_config_that_it_is_on_or_may_go_back_to(
    status: str, config: str, used: bool
) -> None:
    assert uses({"EndpointStatus": status, "EndpointConfigName": config}, "mine") is used


def test_a_config_in_another_case_counts_as_used() -> None:
    """Whether AWS tells configs apart by case isn't known, and a config in use must never be deleted."""
    assert uses({"EndpointStatus": "InService", "EndpointConfigName": "Mine"}, "mine")
