from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.errors import InvalidInput
from lambdas.domain.record import (
    from_iso,
    happened,
    in_order,
    iso,
    required_fact,
    salvaged_record,
    start_record,
)
from tests.unit import samples

moments = st.integers(946_684_800, 4_102_444_800).map(
    lambda seconds: datetime.fromtimestamp(seconds, timezone(timedelta(hours=5)))
)
_NOW = datetime(2026, 11, 23, 12, 0, 0, 999, tzinfo=UTC)


def _input(**changes: Any) -> dict[str, Any]:
    return {
        "remediationId": "r-1",
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:remediation:r-1",
        "endpointName": "fraud",
        "trigger": {"kind": "manual", "accountId": "1", "region": "us-east-1", "principalArn": None},
        **changes,
    }


def test_a_record_starts_with_every_field_of_the_trigger() -> None:
    record = start_record(_input(), _NOW)
    assert record["startedAt"] == "2026-11-23T12:00:00Z"
    assert record["trigger"] == {
        "kind": "manual", "eventId": "", "eventName": "", "eventTime": "",
        "principalArn": "", "accountId": "123456789012", "region": "us-east-1",
    }, "where it is, is not for the input to say"  # fmt: skip
    assert record["endpointId"] == "123456789012/us-east-1/fraud"


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"endpointName": ""}, "endpointName"),
        ({"endpointName": None}, "endpointName"),
        ({"endpointName": 7}, "endpointName"),
        ({"remediationId": ""}, "remediationId"),
        ({"trigger": None}, "trigger"),
        ({"trigger": "event"}, "trigger"),
        ({"trigger": {"kind": "rumour"}}, "rumour"),
        ({"trigger": {"kind": "event", "eventId": 7}}, "trigger.eventId"),
    ],
)
def test_input_that_is_not_the_documented_one_is_named(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(InvalidInput, match=names):
        start_record(_input(**changes), _NOW)


@given(moments, moments)
def test_moments_keep_their_order_as_text(one: datetime, two: datetime) -> None:
    assert from_iso(iso(one)) == one
    assert (iso(one) < iso(two)) is (one < two)


def test_a_fact_that_is_not_on_record_yet_is_named() -> None:
    assert required_fact(samples.remediation(), "sourceConfigName") == samples.SOURCE
    with pytest.raises(InvalidInput, match="twinConfigName"):
        required_fact(samples.remediation(), "twinConfigName")


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"endpointName": 7, "trigger": "event"},
        {"endpointName": "fraud", "trigger": {"kind": ["x"], "region": "us-east-1"}},
    ],
)
def test_whatever_failed_to_begin_can_still_be_recorded(event: dict[str, Any]) -> None:
    record = salvaged_record({"remediationId": "r-1", **event}, _NOW)
    assert record["endpointName"] in {"fraud", "(unknown)"}
    assert all(isinstance(value, str) for value in record["trigger"].values())


def test_the_timeline_is_in_order_whenever_it_was_entered() -> None:
    early, late = (
        happened(datetime(2026, 11, 23, 10, tzinfo=UTC), "early", "U1"),
        happened(datetime(2026, 11, 23, 11, tzinfo=UTC), "late"),
    )
    assert early == {"at": "2026-11-23T10:00:00Z", "what": "early", "by": "U1"}
    assert in_order([late, early]) == [early, late]
