from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.approval.routes import Route, mentions, read_rules
from tests.unit import samples

_words = st.sampled_from(["a", "b", "c"])
_tags = st.dictionaries(_words, _words, max_size=2)
_lists = st.lists(_words, max_size=2).map(tuple)


@st.composite
def _routes(draw: st.DrawFn) -> Route:
    return samples.route(
        name=draw(_words), accounts=draw(_lists), regions=draw(_lists), tags=draw(st.none() | _tags)
    )


@given(st.lists(_routes(), max_size=5), _words, _words, _tags)
def test_the_first_route_that_matches_is_taken(
    special: list[Route], account: str, region: str, tags: dict[str, str]
) -> None:
    rules = samples.rules(*special)
    chosen = rules.choose(account, region, tags)
    matching = [
        route
        for route in rules.routes
        if (not route.accounts or account in route.accounts)
        and (not route.regions or region in route.regions)
        and (route.tags or {}).items() <= tags.items()
    ]
    assert chosen is matching[0]


def test_a_route_that_the_settings_no_longer_have_is_the_default() -> None:
    rules = samples.rules(samples.route(name="special"))
    assert rules.named("special").name == "special"
    assert rules.named("gone").name == "default"
    assert rules.named("").name == "default"


@pytest.mark.parametrize(("deadline", "reminder", "kept"), [(24, 8, 8), (24, 0, 0), (8, 8, 0), (2, 8, 0)])
def test_a_reminder_that_would_come_too_late_is_none(deadline: int, reminder: int, kept: int) -> None:
    """Nobody would be reminded, nor would the alarm about the question's end go off."""
    given = {
        "name": "default", "channel": "C1", "approvers": ["U1"], "mode": "required", "decideIn": "slack",
        "deadlineHours": deadline, "reminderHours": reminder,
    }  # fmt: skip
    rules = {"forbidOwnApproval": True, "breakGlass": False, "twoApproversTag": {}, "runbookPages": ""}
    route = read_rules({**rules, "routes": [given]}).default
    assert (route.deadline, route.reminder) == (timedelta(hours=deadline), timedelta(hours=kept))


def test_one_of_the_critical_tags_asks_for_two() -> None:
    rules = samples.rules(two_approvers_tag={"critical": "true", "tier": "0"})
    assert rules.approvals_needed({"tier": "0"}) == 2
    assert rules.approvals_needed({"tier": "1", "critical": "false"}) == 1
    assert samples.rules().approvals_needed({"tier": "0"}) == 1


def test_approvers_are_mentioned_as_slack_does() -> None:
    assert mentions(["U1", "S1", "*"]) == "<@U1>, <!subteam^S1>, anyone in this channel"
    assert mentions([]) == "nobody yet"
    route = samples.route(approvers=("U1", "S1", "*"))
    assert (route.users, route.groups, route.anyone) == (("U1",), ("S1",), True)
