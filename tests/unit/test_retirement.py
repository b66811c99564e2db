"""When old configs are retired, and what schedules and executions are called."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.retirement import later_execution, schedule_name

NOW = datetime(2026, 11, 28, 23, 59, tzinfo=UTC)
EVENTBRIDGES = f"{uuid.UUID(int=1)}_{uuid.UUID(int=2)}"  # 73 characters


@given(st.text(min_size=1, max_size=80))
def test_every_executions_name_makes_names_that_aws_takes(remediation_id: str) -> None:
    assert re.fullmatch(r"[0-9a-zA-Z\-_.]{1,64}", schedule_name(remediation_id))
    assert re.fullmatch(r"[0-9a-zA-Z\-_.]{1,80}", later_execution(remediation_id, NOW))


@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_no_two_remediations_share_a_schedule(one: str, other: str) -> None:
    assert (schedule_name(one) == schedule_name(other)) == (one == other)


@pytest.mark.parametrize("last", ["2", "3"])
def test_eventbridges_names_are_told_apart_by_their_ends(last: str) -> None:
    name = EVENTBRIDGES[:-1] + last
    assert schedule_name(name).startswith(name[:51])
    assert schedule_name(name) == schedule_name(name)
    assert schedule_name(name) != schedule_name(EVENTBRIDGES[:-1] + "4")


def test_an_id_that_fits_is_the_schedules_name() -> None:
    assert schedule_name("0b9c1f6e-1111-2222-3333-444455556666") == "0b9c1f6e-1111-2222-3333-444455556666"
    assert later_execution("run-1", NOW) == "run-1-20261128"
