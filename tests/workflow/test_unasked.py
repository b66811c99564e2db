"""Nothing counts as asked that nobody could see: every way in which a card can fail to be posted."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from local.people import Loop
from local.world import World
from tests.workflow.sweeps import card, decide, is_asked, make, sweep, watch

pytestmark = [pytest.mark.xdist_group("unasked"), pytest.mark.usefixtures("alone")]

MANY, FEW = 13, 2  # more than `digestAbove`, and fewer
# Slack's words: https://docs.slack.dev/reference/methods/chat.postMessage
REFUSALS = ("token_revoked", "invalid_auth", "is_archived", "not_in_channel", "channel_not_found")
FOR_GOOD = 1_000_000  # calls


@pytest.fixture
def quiet(loop: Loop) -> Iterator[World]:
    """An account whose trail logs nothing, and whose Slack works again afterwards."""
    world = loop.world
    world.trail_is_logging = False
    yield world
    world.slack.faults.bring_up()
    world.slack.faults.heal()
    world.fill_secrets(world.home)
    for left in world.executions.values():
        if left.output is None and left.error is None:
            world.run(left)
    people = world.client("sagemaker")
    for one in people.list_endpoints(MaxResults=100)["Endpoints"]:
        people.delete_endpoint(EndpointName=one["EndpointName"])
    world.trail_is_logging = True


def endpoints(world: World, number: int) -> list[Loop]:
    prefix = f"unasked-{uuid.uuid4().hex[:6]}"
    made = [make(world, f"{prefix}-{index:02d}") for index in range(number)]
    world.clock.advance(2500)
    return made


def put(world: World, text: str) -> None:
    world.client("secretsmanager").put_secret_value(
        SecretId=world.home.output("SlackTokenSecretArn"), SecretString=text
    )


def stop_digest(world: World) -> None:
    """Stop the execution that would post the digest. moto stops one that waits when the wait is over."""
    world.client("stepfunctions").stop_execution(executionArn=watch(world).exec_arn)
    stopped = world.clock.now()
    world.drive(lambda: world.clock.now() - stopped > 2 * 3600)


def assert_nobody_was_asked(found: list[Loop]) -> None:
    for one in found:
        record = one.record()
        said = " ".join(entry["what"] for entry in record["timeline"])
        assert "Asked in Slack" not in said
        assert "EXPIRED" not in said
        assert record.get("decision") is None
        assert record.get("outcome") != "EXPIRED"
        assert not one.cards()


def assert_each_was_asked_once(world: World, found: list[Loop]) -> None:
    posted = world.clock.now()
    if len(found) == MANY:  # a remediation looks every 15 minutes whether its digest is posted
        world.drive(lambda: world.clock.now() - posted > 16 * 60)
    asked = [
        record
        for record in world.items("remediation")
        if record.get("endpointName") in {one.name for one in found} and "askedAt" in record
    ]
    assert Counter(record["endpointName"] for record in asked) == {one.name: 1 for one in found}


# -- Slack's bot token is not stored yet


@pytest.mark.parametrize("number", [FEW, MANY])
@pytest.mark.parametrize("secret", ["{}", '{"bot_token": ""}'])
def test_an_empty_secret_is_quiet_and_the_first_sweep_after_it_is_filled_asks(
    quiet: World, number: int, secret: str
) -> None:
    world = quiet
    found = endpoints(world, number)
    put(world, secret)
    world.clock.advance(600)
    before = len(world.slack.messages(world.channel_id))
    swept = sweep(world)
    assert swept["complete"] is False
    assert (swept["found"], swept["unasked"]) == (number, number)
    assert "Slack's bot token is not stored yet" in swept["reason"]
    world.settle()
    assert {one.outcome() for one in found} == {"NOT_ASKED"}
    assert_nobody_was_asked(found)
    assert all("Slack's bot token is not stored yet" in one.record()["reason"] for one in found)
    assert not [item for item in world.items("endpoint") if item["sk"] == "claim"]
    assert len(world.slack.messages(world.channel_id)) == before

    world.fill_secrets(world.home)
    world.clock.advance(60)
    swept = sweep(world)
    assert (swept["complete"], swept["found"], swept["unasked"]) == (True, number, 0)
    assert_each_was_asked_once(world, found)
    assert sweep(world)["covered"] >= number
    assert_each_was_asked_once(world, found)
    decide_all(world, found)


def test_an_event_before_the_secret_is_filled_is_quiet_too(loop: Loop, quiet: World) -> None:
    quiet.trail_is_logging = True
    put(quiet, "{}")
    quiet.clock.advance(600)
    execution = loop.make_endpoint()
    assert loop.outcome(execution) == "NOT_ASKED"
    assert_nobody_was_asked([loop])
    quiet.fill_secrets(quiet.home)
    quiet.clock.advance(2500)
    assert sweep(quiet)["complete"] is True
    assert loop.buttons() == ["approve", "deny"]
    loop.deny()
    assert loop.outcome() == "DENIED"


# -- Slack refuses


@pytest.mark.parametrize(
    ("number", "word"), [*((FEW, word) for word in REFUSALS), (MANY, "token_revoked"), (MANY, "is_archived")]
)
def test_what_slack_refuses_is_not_asked_and_the_next_sweep_asks_once(
    quiet: World, number: int, word: str
) -> None:
    world = quiet
    found = endpoints(world, number)
    world.slack.faults.fail("chat.postMessage", word, times=FOR_GOOD)
    swept = sweep(world)
    assert swept["complete"] is False
    assert (swept["found"], swept["unasked"]) == (number, number)
    assert word in swept["reason"]
    assert_nobody_was_asked(found)
    again = sweep(world)
    assert (again["found"], again["covered"], again["complete"]) == (number, 0, False)
    world.slack.faults.heal()
    assert sweep(world)["complete"] is True
    assert_each_was_asked_once(world, found)
    assert sweep(world)["found"] == 0
    decide_all(world, found)


def test_a_digest_is_posted_once_slack_takes_it_again_and_its_time_counts_from_then(quiet: World) -> None:
    world = quiet
    found = endpoints(world, MANY)
    world.slack.faults.fail("chat.postMessage", "is_archived", times=FOR_GOOD)
    assert sweep(world)["complete"] is False
    began = world.clock.now()
    world.drive(lambda: world.clock.now() - began > 5 * 3600)
    world.slack.faults.heal()
    world.drive(lambda: is_asked(world))
    asked = world.clock.now()
    assert asked - began < 6 * 3600, "it keeps trying"
    world.clock.advance(asked + 20 * 3600 - world.clock.now())
    world.settle()
    assert_each_was_asked_once(world, found)
    decide(world, card(world), found[:3], "encrypt")
    assert {one.outcome() for one in found[:3]} == {"ENCRYPTED"}
    said = [entry["what"] for entry in found[0].record()["timeline"]]
    assert [what for what in said if "Asked in Slack" in what]
    assert {one.outcome() for one in found[3:]} == {"EXPIRED"}, "they were asked, and nobody decided"


def test_a_digest_that_nobody_could_see_ends_as_failed_and_not_as_undecided(quiet: World) -> None:
    world = quiet
    found = endpoints(world, MANY)
    world.slack.faults.fail("chat.postMessage", "is_archived", times=FOR_GOOD)
    assert sweep(world)["complete"] is False
    digest = watch(world)
    assert world.run(digest)["error"] == "DigestNotShown"
    assert {one.outcome() for one in found} == {"FAILED"}
    assert "is_archived" in found[0].record()["reason"]
    assert_nobody_was_asked(found)
    assert not [item for item in world.items("endpoint") if item["sk"] == "claim"]


def test_a_digest_that_is_stopped_before_it_is_posted_gives_way_to_the_next_sweep(quiet: World) -> None:
    world = quiet
    found = endpoints(world, MANY)
    world.slack.faults.fail("chat.postMessage", "is_archived", times=FOR_GOOD)
    assert sweep(world)["complete"] is False
    stop_digest(world)
    world.slack.faults.heal()
    before = [one.execution() for one in found]
    assert sweep(world)["complete"] is True
    assert {one.outcome(execution) for one, execution in zip(found, before, strict=True)} == {"SUPERSEDED"}
    assert_each_was_asked_once(world, found)
    decide_all(world, found)


def test_a_digest_that_is_stopped_ends_its_findings_without_a_sweep(quiet: World) -> None:
    world = quiet
    found = endpoints(world, MANY)
    world.slack.faults.fail("chat.postMessage", "is_archived", times=FOR_GOOD)
    assert sweep(world)["complete"] is False
    stop_digest(world)
    world.slack.faults.heal()
    assert {one.outcome() for one in found} == {"FAILED"}
    assert_nobody_was_asked(found)


# -- Slack is down


@pytest.mark.parametrize("number", [FEW, MANY])
def test_slack_down_for_longer_than_the_retries(quiet: World, number: int) -> None:
    world = quiet
    found = endpoints(world, number)
    world.slack.faults.take_down()
    began = world.clock.now()
    execution: Any = world.start_with({}, "SweepStateMachineArn")
    with suppress(TimeoutError):  # nothing is left to wait for once all have given up
        world.drive(lambda: world.clock.now() - began > 8 * 3600)
    world.slack.faults.bring_up()
    world.run(execution)
    asked = [one for one in found if "askedAt" in one.record()]
    if number == FEW:
        assert {one.record()["outcome"] for one in found} == {"FAILED"}
        assert_nobody_was_asked(found)
    else:  # the digest keeps trying
        world.drive(lambda: is_asked(world))
        asked = found
    rest = [one for one in found if one not in asked]
    assert sweep(world)["found"] == len(rest)
    assert_each_was_asked_once(world, found)
    decide_all(world, found)
    world.bus.undelivered.clear()  # those who close what stopped gave up posting; its outcome is on record


def decide_all(world: World, found: list[Loop]) -> None:
    if len(found) == MANY:
        decide(world, card(world), found, "leave", reason="they move next week")
    else:
        for one in found:
            one.deny()
    world.settle()
    assert {one.outcome() for one in found} == {"DENIED"}
