"""A few endpoints hold an update slot at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lambdas.domain.encryption.progress import LONGEST_QUEUE
from lambdas.domain.errors import DeadlinePassed
from lambdas.gateways.records.table import Table
from lambdas.gateways.records.update_slots import UpdateSlots
from lambdas.handlers import await_in_service, check_encryption, create_encrypted_config
from tests.handlers.conftest import TABLE, Bench
from tests.handlers.test_twin_and_update import approve

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def slots(bench: Bench) -> UpdateSlots:
    del bench  # which has the table
    return UpdateSlots(Table(TABLE), "123456789012/us-east-1")


def acquire(slots: UpdateSlots, who: str, now: datetime = NOW, at_once: int = 2) -> bool:
    return slots.acquire(who, now, at_once=at_once, lease=HOUR)


def test_so_many_hold_a_slot_at_once_and_no_more(slots: UpdateSlots) -> None:
    moments = [NOW + timedelta(seconds=seconds) for seconds in (0, 2, 4, 6)]
    assert [acquire(slots, f"r-{index}", now) for index, now in enumerate(moments)] == [
        True,
        True,
        False,
        False,
    ]
    slots.release("r-0")
    assert acquire(slots, "r-2", moments[2])
    assert slots.others("r-2") == 1


def test_one_begins_after_the_other_within_the_quota(slots: UpdateSlots) -> None:
    assert acquire(slots, "r-1")
    assert not acquire(slots, "r-2", NOW + timedelta(seconds=1))
    assert acquire(slots, "r-2", NOW + timedelta(seconds=2))


def test_the_holder_of_a_slot_keeps_it(slots: UpdateSlots) -> None:
    assert acquire(slots, "r-1", at_once=1)
    assert acquire(slots, "r-1", at_once=1), "a step that runs again still holds its slot"
    assert not acquire(slots, "r-2", NOW + timedelta(seconds=5), at_once=1)


def test_a_slot_that_nobody_releases_ends_with_its_lease(slots: UpdateSlots) -> None:
    assert acquire(slots, "lost", at_once=1)
    assert not acquire(slots, "r-2", NOW + HOUR, at_once=1)
    assert acquire(slots, "r-2", NOW + HOUR + timedelta(seconds=1), at_once=1)


def test_releasing_without_a_slot_does_nothing(slots: UpdateSlots) -> None:
    slots.release("r-1")
    assert acquire(slots, "r-2")
    slots.release("r-1")
    assert slots.others("r-1") == 1


@pytest.fixture
def queued(bench: Bench, slots: UpdateSlots) -> Bench:
    """An approved endpoint behind two others (the bench's setting is two at once)."""
    bench.make_endpoint()
    bench.run(check_encryption.handler, **bench.check_input())
    approve(bench)
    for index, other in enumerate(("other-1", "other-2")):
        at = datetime.now(UTC) + timedelta(seconds=2 * index)
        assert slots.acquire(other, at, at_once=2, lease=timedelta(days=30))
    bench.pass_time(10)
    return bench


def test_an_endpoint_waits_for_a_slot_and_says_so(queued: Bench, slots: UpdateSlots) -> None:
    assert queued.run(await_in_service.handler, remediationId="r-1") == {"waitSeconds": 15, "attempt": 1}
    seen = queued.remediation().get("progress")
    assert seen == "waiting for an update slot, 2 endpoints are being updated"
    slots.release("other-1")
    assert queued.run(await_in_service.handler, remediationId="r-1", attempt=1) == {"ready": True}


def test_the_next_one_is_let_in_when_a_remediation_ends(queued: Bench, slots: UpdateSlots) -> None:
    slots.release("other-1")
    queued.run(await_in_service.handler, remediationId="r-1")
    queued.run(create_encrypted_config.handler, remediationId="r-1")
    queued.close("FAILED", "the update failed")
    assert slots.others("nobody") == 1


def test_an_endpoint_that_waits_too_long_is_reported_and_unchanged(queued: Bench) -> None:
    queued.run(await_in_service.handler, remediationId="r-1")
    queued.pass_time(LONGEST_QUEUE.total_seconds())
    with pytest.raises(DeadlinePassed, match="2 endpoints are updated at a time"):
        queued.run(await_in_service.handler, remediationId="r-1", attempt=9)
