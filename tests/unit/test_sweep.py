"""What a sweep adds up to, what is covered already, and how far a digest's findings are."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.approval.routes import DecideIn, Mode, Route
from lambdas.domain.messages import sweep_notice
from lambdas.domain.record import Claim, Denial, Digest, Finding, Remediation, iso
from lambdas.domain.sweep.coverage import (
    PROBLEMS_KEPT,
    Coverage,
    add_up,
    is_covered,
    is_to_be_asked_about,
)
from lambdas.domain.sweep.digest import (
    Stage,
    digest_id,
    finding_key,
    is_over,
    is_to_be_posted,
    new_digest,
    remediation_id,
    reminder_is_due,
    seconds_to_next_refresh,
    stage,
)
from lambdas.domain.vocabulary import Outcome
from tests.unit import samples

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROUTE = Route("all", "C0", ("U0ADA",), timedelta(hours=24), timedelta(hours=8), Mode.REQUIRED, DecideIn.SLACK)


def batch(listed: int, **seen: Any) -> dict[str, Any]:
    nothing = Coverage().as_item()
    return {"listed": listed, **nothing, "assessed": listed, **seen}


def test_batches_are_added_up() -> None:
    swept = add_up(
        [
            batch(100, verdicts={"ENCRYPTED": 90, "UNENCRYPTED": 10}, found={"all": 7, "phi": 1}, covered=2),
            batch(3, verdicts={"UNENCRYPTED": 3}, found={"all": 3}),
        ]
    )
    assert swept.is_complete
    assert swept.listed == 103
    assert swept.coverage.verdicts == Counter({"ENCRYPTED": 90, "UNENCRYPTED": 13})
    assert swept.coverage.found == Counter({"all": 10, "phi": 1})


def test_a_batch_that_nobody_looked_at_makes_a_sweep_not_whole() -> None:
    swept = add_up([batch(100), {"listed": 40}])
    assert not swept.is_complete
    assert swept.coverage.missed == 40
    assert "40 endpoints of one batch" in swept.coverage.problems[0]


def test_an_endpoint_that_could_not_be_read_makes_a_sweep_not_whole() -> None:
    assert not add_up([batch(100, missed=1, problems=["fraud: refused"])]).is_complete
    assert not add_up([], "Throttled").is_complete


@given(st.lists(st.tuples(st.text(), st.text(max_size=2000))))
def test_problems_are_counted_and_some_are_kept(problems: list[tuple[str, str]]) -> None:
    seen = Coverage()
    for name, says in problems:
        seen.add_missed(name, says)
    assert seen.missed == len(problems)
    assert len(seen.problems) == min(len(problems), PROBLEMS_KEPT)
    assert len(json.dumps(seen.as_item())) < 30_000, "beside a hundred names in one item"


@given(st.lists(st.text(max_size=3000), max_size=20), st.text(max_size=3000))
def test_what_is_said_of_a_sweep_fits_into_slack(problems: list[str], error: str) -> None:
    message = sweep_notice.incomplete(
        add_up([batch(9, missed=len(problems), problems=problems)], error),
        region="us-east-1",
        sweep_id="s",
        runbook_pages="docs/runbook/{}.md",
    )
    assert "What to do: `docs/runbook/sweep-incomplete.md`" in str(message["blocks"])
    assert len(message["text"]) <= 1000
    for block in message["blocks"]:
        if block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= 3000


FRAUD = "123456789012/us-east-1/fraud"


def claim(plan: str = "plan", *, until: datetime = NOW + timedelta(hours=1)) -> Claim:
    return {"endpointId": FRAUD, "holder": "remediation#r-1", "planHash": plan, "leaseUntil": iso(until)}


def record(**members: Any) -> Remediation:
    return {"remediationId": "r-1", "endpointName": "fraud", **members}  # type: ignore[typeddict-item]


DENIAL: Denial = {
    "endpointId": FRAUD, "planHash": "plan", "by": "U0ADA", "at": iso(NOW), "reason": "later",
    "until": iso(NOW + timedelta(days=30)),
}  # fmt: skip


@pytest.mark.parametrize(
    ("known", "covered"),
    [
        ({}, False),
        ({"claim": claim(), "holder": record()}, True),
        ({"claim": claim("older plan"), "holder": record()}, False),
        ({"claim": claim(), "holder": record(outcome="FAILED")}, False),
        ({"claim": claim(until=NOW - timedelta(hours=1)), "holder": record()}, False),
        ({"claim": claim(), "holder": record(), "unseen": True}, False),
        ({"claim": claim()}, False),
        ({"denial": DENIAL}, True),
        ({"denial": {**DENIAL, "planHash": "older plan"}}, False),
        ({"denial": {**DENIAL, "until": iso(NOW)}}, False),
        ({"newest": record(outcome="UNSUPPORTED", foundPlanHash="plan")}, True),
        ({"newest": record(outcome="OBSERVED", foundPlanHash="plan"), "mode": Mode.OBSERVE}, True),
        ({"newest": record(outcome="OBSERVED", foundPlanHash="plan")}, False),  # its route asks by now
        ({"newest": record(outcome="UNSUPPORTED", foundPlanHash="older plan")}, False),
        ({"newest": record(outcome="EXPIRED", foundPlanHash="plan")}, False),
        ({"newest": record(outcome="ROLLED_BACK", foundPlanHash="plan")}, False),
    ],
)
def test_what_covers_a_plan(known: dict[str, Any], covered: bool) -> None:
    nobody: dict[str, Any] = {"claim": None, "holder": None, "unseen": False, "denial": None, "newest": None}
    nobody["mode"] = Mode.REQUIRED
    assert is_covered("plan", **{**nobody, **known}, now=NOW) is covered


# -- digests


def finding(**members: Any) -> Finding:
    return {  # type: ignore[typeddict-item]
        "endpointName": "fraud", "endpointArn": "arn:aws:sagemaker:us-east-1:1:endpoint/fraud",
        "remediationId": "r-1", "sourceConfigName": "c", "surfaces": ["instance-volume"],
        "instanceTypes": ["ml.m5.large"], **members,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, Stage.CHECKING),
        ({"approvalId": "a"}, Stage.WAITING),
        ({"approvalId": "a", "approvals": 1}, Stage.WAITING),
        ({"approvalId": "a", "decision": "APPROVED"}, Stage.APPROVED),
        ({"approvalId": "a", "decision": "DENIED"}, Stage.DENIED),
        ({"approvalId": "a", "decision": "DENIED", "outcome": "DENIED"}, Stage.DENIED),
        ({"approvalId": "a", "decision": "APPROVED", "outcome": "ENCRYPTED"}, Stage.ENDED),
        ({"outcome": "FAILED"}, Stage.ENDED),
        ({"approvalId": "a", "outcome": "EXPIRED"}, Stage.ENDED),
    ],
)
def test_how_far_a_finding_is(members: dict[str, Any], expected: Stage) -> None:
    assert stage(finding(**members)) is expected


def _deployed(minutes: float, status: str = "InService") -> dict[str, Any]:
    """An endpoint whose config was deployed so long ago, and which was scaled a minute ago."""
    images = [{"ResolutionTime": NOW.timestamp() - 60 * minutes}]
    variant = {"VariantName": "a", "CurrentInstanceCount": 4, "DeployedImages": images}
    return samples.endpoint(status, LastModifiedTime=NOW.timestamp() - 60, ProductionVariants=[variant])


@pytest.mark.parametrize(
    ("status", "minutes", "asked"),
    [
        ("InService", 30, True),  # scaled a minute ago, as it is every few minutes
        ("InService", 29, False),
        ("Failed", 600, False),
        ("UpdateRollbackFailed", 600, False),
        ("Updating", 600, False),
        ("SystemUpdating", 600, False),
    ],
)
def test_what_can_not_be_updated_or_has_an_event_coming_is_left_alone(
    status: str, minutes: int, asked: bool
) -> None:
    assert is_to_be_asked_about(_deployed(minutes, status), samples.config(), NOW) is asked


@pytest.mark.parametrize(("minutes", "asked"), [(31, True), (29, False)])
def test_a_new_endpoint_is_left_to_its_event_at_first(minutes: int, asked: bool) -> None:
    created = NOW.timestamp() - 60 * minutes
    creating = samples.endpoint("Creating", CreationTime=created, LastModifiedTime=created)
    del creating["ProductionVariants"]
    assert is_to_be_asked_about(creating, samples.config(), NOW) is asked


def test_scaling_hides_no_endpoint_with_inference_components_from_the_sweep() -> None:
    """Such variants tell no time of deployment."""
    scaled = samples.endpoint(LastModifiedTime=NOW.timestamp() - 60)
    assert is_to_be_asked_about(scaled, samples.config(), NOW)


def digest(*, filled: bool = True) -> Digest:
    made = new_digest("s-1", ROUTE, account_id="1", region="us-east-1", runbook_pages="", now=NOW)
    if filled:
        made["filledAt"] = iso(NOW)
    return made


def test_a_digest_that_is_still_filled_is_not_over() -> None:
    ended = finding(outcome=Outcome.GONE)
    assert not is_over(digest(filled=False), [ended], NOW)
    assert is_over(digest(filled=False), [ended], NOW + timedelta(hours=3)), "what filled it was stopped"


@pytest.mark.parametrize(
    ("findings", "filled", "over", "posted"),
    [
        ([{"approvalId": "a"}], True, False, True),
        ([{"approvalId": "a"}], False, False, False),
        ([{"approvalId": "a"}, {}], True, False, False),
        ([{"outcome": "SUPERSEDED"}, {"outcome": "GONE"}], True, True, False),
        ([{"outcome": "SUPERSEDED"}, {"outcome": "OBSERVED"}], True, True, True),
        ([{"outcome": "FAILED"}], True, True, True),
    ],
)
def test_a_card_is_posted_when_it_says_what_there_is_to_decide(
    findings: list[dict[str, str]], filled: bool, over: bool, posted: bool
) -> None:
    found = [finding(**members) for members in findings]
    assert is_to_be_posted(digest(filled=filled), found, NOW, over=over) is posted


def test_a_card_that_can_not_be_complete_is_posted_all_the_same() -> None:
    assert is_to_be_posted(digest(filled=False), [finding()], NOW + timedelta(hours=1), over=False)


def test_a_digest_is_over_when_all_have_ended_or_long_after_its_deadline() -> None:
    open_one, ended = finding(approvalId="a"), finding(outcome=Outcome.EXPIRED)
    assert is_over(digest(), [ended, ended], NOW)
    assert not is_over(digest(), [ended, open_one], NOW + timedelta(days=16))
    assert is_over(digest(), [ended, open_one], NOW + timedelta(days=17))


def test_reminders_are_as_far_apart_as_the_route_says() -> None:
    waiting, nothing = Counter({Stage.WAITING: 3}), Counter[Stage]()
    after = digest()
    assert not reminder_is_due(after, waiting, ROUTE.reminder, NOW + timedelta(hours=7, minutes=59))
    assert reminder_is_due(after, waiting, ROUTE.reminder, NOW + timedelta(hours=8))
    after["remindedAt"] = iso(NOW + timedelta(hours=8))
    assert not reminder_is_due(after, waiting, ROUTE.reminder, NOW + timedelta(hours=15))
    assert reminder_is_due(after, waiting, ROUTE.reminder, NOW + timedelta(hours=16))
    assert not reminder_is_due(after, nothing, ROUTE.reminder, NOW + timedelta(hours=16))
    assert not reminder_is_due(after, waiting, timedelta(), NOW + timedelta(hours=16))
    assert not reminder_is_due(after, waiting, ROUTE.reminder, NOW + timedelta(hours=24))


def test_a_card_is_looked_at_more_often_while_something_moves() -> None:
    posted = digest()
    posted["ts"] = "1.1"
    assert seconds_to_next_refresh(digest(), Counter({Stage.CHECKING: 1}), NOW) == 15, "to be posted"
    assert seconds_to_next_refresh(posted, Counter({Stage.WAITING: 3}), NOW) == 900
    assert seconds_to_next_refresh(posted, Counter({Stage.WAITING: 3, Stage.APPROVED: 1}), NOW) == 60
    assert seconds_to_next_refresh(posted, Counter({Stage.CHECKING: 1}), NOW) == 60


@given(st.booleans(), st.integers(1, 30))
def test_a_digest_is_watched_within_an_executions_history(moving: bool, days: int) -> None:
    """25,000 events, nine for a look."""
    posted, now, looks = digest(), NOW, 0
    posted["ts"] = "1.1"
    counted = Counter({Stage.APPROVED if moving else Stage.WAITING: 1})
    while now < NOW + timedelta(days=days + 16):
        now += timedelta(seconds=seconds_to_next_refresh(posted, counted, now))
        looks += 1
    assert 9 * looks < 20_000


def test_ids_are_the_same_however_often_they_are_made() -> None:
    assert digest_id("s-1", "all") == digest_id("s-1", "all")
    ids = {
        digest_id("s-1", "all"),
        digest_id("s-2", "all"),
        digest_id("s-1", "phi"),
        remediation_id("s-1", "all"),
    }
    assert len(ids) == 4


@given(
    st.lists(st.tuples(st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True), st.integers(0, 4)))
)
def test_findings_are_worst_first_in_the_order_of_their_keys(found: list[tuple[str, int]]) -> None:
    keys = sorted(finding_key(name, ["x"] * surfaces) for name, surfaces in found)
    expected = [f"{99 - surfaces}#{name}" for name, surfaces in found]
    assert keys == sorted(expected)
    counts = [99 - int(key.partition("#")[0]) for key in keys]
    assert counts == sorted(counts, reverse=True)
