"""The sweep: what no event announced is found, and asked about once."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator

import pytest

from local.people import Loop
from tests.workflow.sweeps import begin, card, card_after, decide, make, sweep, watch

pytestmark = [pytest.mark.xdist_group("sweep"), pytest.mark.usefixtures("alone")]

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def unannounced(loop: Loop) -> Iterator[Loop]:
    """An account whose trail logs nothing."""
    loop.world.trail_is_logging = False
    yield loop
    loop.world.trail_is_logging = True


def test_a_sweep_finds_what_no_event_announced(unannounced: Loop) -> None:
    world = unannounced.world
    lost, safe = (
        make(world, f"lost-{uuid.uuid4().hex[:6]}"),
        make(world, f"safe-{uuid.uuid4().hex[:6]}", KmsKeyId=KEY),
    )
    world.clock.advance(2500)
    swept = sweep(world)
    assert (swept["complete"], swept["found"]) == (True, 1)
    assert lost.buttons() == ["approve", "deny"]
    assert "the scheduled sweep" in str(lost.card().blocks)
    assert not safe.cards()
    again = sweep(world)
    assert (again["found"], again["covered"]) == (0, 1), "it is asked about already"
    lost.click("approve")
    assert lost.outcome() == "ENCRYPTED"


def test_a_region_that_does_not_answer_is_reported_and_the_next_sweep_finds_it_again(
    unannounced: Loop,
) -> None:
    world = unannounced.world
    lost = make(world, unannounced.name)
    world.clock.advance(2500)
    world.sagemaker.faults.take_region_down(world.region)
    swept = sweep(world)
    world.sagemaker.faults.bring_region_up(world.region)
    assert swept["complete"] is False
    told = world.slack.messages(world.channel_id)[-1]
    assert f"Sweep of {world.region} incomplete" in told.text
    assert sweep(world)["found"] == 1
    lost.deny()
    assert lost.outcome() == "DENIED"
    assert sweep(world)["found"] == 0, "a denial holds for its days"


def test_two_sweeps_at_once_ask_once(unannounced: Loop) -> None:
    world = unannounced.world
    lost = make(world, unannounced.name)
    world.clock.advance(2500)
    first, second = begin(world), begin(world)
    world.run(first)
    world.run(second)
    assert len(lost.cards()) == 1
    assert len(world.executions_of(lost.name)) == 1
    lost.deny()
    lost.outcome()


def test_a_sweep_that_is_stopped_lets_the_next_one_begin(unannounced: Loop) -> None:
    world = unannounced.world
    lost = make(world, unannounced.name)
    world.clock.advance(2500)
    world.sagemaker.faults.take_region_down(world.region)
    execution = begin(world)
    world.settle()
    world.client("stepfunctions").stop_execution(executionArn=execution.exec_arn)
    world.clock.advance_to_next_timer()  # moto ends a retry's pause only when it is over
    world.settle()
    world.sagemaker.faults.bring_region_up(world.region)
    assert sweep(world)["found"] == 1
    lost.deny()
    lost.outcome()


# -- the digest

DIGEST_OF = 24
APPROVED = 8


@pytest.fixture
def digest(unannounced: Loop) -> list[Loop]:
    """Many endpoints that a sweep found, and asked about in one card."""
    world = unannounced.world
    names = f"many-{uuid.uuid4().hex[:6]}"
    found = [make(world, f"{names}-{number:03d}") for number in range(DIGEST_OF)]
    world.clock.advance(2500)
    before = len(world.slack.messages(world.channel_id))
    assert sweep(world)["found"] == DIGEST_OF
    world.drive(lambda: len(world.slack.messages(world.channel_id)) > before)
    asked = world.slack.messages(world.channel_id)[before:]
    assert len(asked) == 1, "one digest, no other message"
    assert f"{DIGEST_OF} endpoints without a KMS key" in str(asked[0].blocks)
    return found


def test_many_findings_make_one_card_and_each_decision_is_its_own(digest: list[Loop]) -> None:
    world = digest[0].world
    again = sweep(world)
    assert again["found"] == 0, "a second sweep asks nothing twice"
    assert again["covered"] >= DIGEST_OF
    # on both pages of the list
    approved, denied, left = digest[-APPROVED:], digest[:2], digest[2:-APPROVED]
    posted = card(world)
    decide(world, posted, approved, "encrypt")
    decide(world, posted, denied, "leave", reason="they move next week")
    most = 0
    while any(one.execution().output is None for one in approved):
        world.settle()
        updating = sum(one.status()[0] == "Updating" for one in approved)
        most = max(most, updating)
        assert updating <= 5, "no more at once than the setting says"
        assert world.clock.advance_to_next_timer()
    world.settle()
    assert most > 1
    for one in approved:
        record = one.record()
        assert (record["outcome"], record["decidedBy"]) == ("ENCRYPTED", world.approvers[0].id)
        assert one.status()[0] == "InService"
        assert one.status()[1] == record["twinConfigName"]
    assert Counter(one.outcome() for one in denied) == {"DENIED": 2}
    assert all("outcome" not in one.record() for one in left)
    thread = [one for one in world.slack.messages(world.channel_id) if one.thread_ts == posted.ts]
    with_way_back = [one for one in thread if "backout" in str(one.blocks)]
    assert len(with_way_back) == APPROVED
    assert Counter(one.outcome() for one in left) == {"EXPIRED": DIGEST_OF - APPROVED - 2}
    world.run(watch(world))
    over = card_after(world, posted)
    assert "review" not in str(over.blocks), "nothing in it is open"
