"""Endpoints of one name in two accounts, or two regions, have nothing in common on record.

What a second account would lose in silence, a finding and its execution, is in tests/handlers/test_sweep.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.record import Denial, Remediation
from lambdas.gateways.records.records import Records
from lambdas.gateways.records.table import Table
from lambdas.gateways.records.update_slots import UpdateSlots
from tests.handlers.conftest import TABLE, Bench
from tests.unit import samples

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HERE = EndpointId("111122223333", "eu-west-1", "fraud")


@pytest.fixture(params=["444455556666/eu-west-1/fraud", "111122223333/us-east-1/fraud"])
def there(request: pytest.FixtureRequest) -> EndpointId:
    return EndpointId.parse(request.param)


def of(endpoint: EndpointId, remediation_id: str) -> Remediation:
    return samples.remediation(endpointId=str(endpoint), remediationId=remediation_id)


def test_a_denial_holds_for_one_of_them(bench: Bench, there: EndpointId) -> None:
    denial: Denial = {
        "endpointId": str(HERE), "planHash": "p", "by": "U1", "at": "", "reason": "", "until": "",
    }  # fmt: skip
    bench.records.keep_denial(denial)
    assert bench.records.denial(HERE) == denial
    assert bench.records.denial(there) is None


def test_the_history_of_one_is_not_the_others(bench: Bench, there: EndpointId) -> None:
    for endpoint, remediation_id in ((HERE, "r-1"), (there, "r-2")):
        bench.records.start(of(endpoint, remediation_id))
    newest = bench.records.newest(HERE)
    assert newest is not None
    assert newest.get("remediationId") == "r-1"
    assert [one.get("remediationId") for one in bench.records.history(there)] == ["r-2"]
    assert bench.records.latest().keys() == {HERE, there}


def test_one_accounts_event_swallows_no_other_accounts(bench: Bench) -> None:
    assert bench.records.first_for_event("111122223333", "e-1", "r-1", NOW) == "r-1"
    assert bench.records.first_for_event("444455556666", "e-1", "r-2", NOW) == "r-2"
    assert bench.records.first_for_event("111122223333", "e-1", "r-3", NOW) == "r-1"


def test_configs_of_one_name_are_locked_each_on_its_own(bench: Bench, there: EndpointId) -> None:
    records: Records = bench.records
    with (
        records.config_locked(of(HERE, "r-1"), "config", NOW),
        records.config_locked(of(there, "r-2"), "config", NOW),
    ):
        pass


def test_update_slots_are_one_accounts_and_regions(bench: Bench, there: EndpointId) -> None:
    del bench  # which has the table
    for endpoint in (HERE, there):
        slots = UpdateSlots(Table(TABLE), endpoint.spoke)
        assert slots.acquire(str(endpoint), NOW, at_once=1, lease=timedelta(hours=1))


def test_an_endpoint_is_the_same_whatever_the_case_of_its_name(bench: Bench) -> None:
    lower, upper = HERE, HERE.named("FRAUD")
    bench.records.keep_denial(
        {"endpointId": str(lower), "planHash": "p", "by": "U1", "at": "", "reason": "", "until": ""}
    )
    assert bench.records.denial(upper) is not None
