"""The sweep: what no event announced is found, and asked about once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.stepfunctions.parser.backend.execution import Execution

from local.world import World
from tests.workflow.loop import Loop

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def unannounced(loop: Loop) -> Iterator[Loop]:
    """An account whose trail logs nothing."""
    loop.world.trail_is_logging = False
    yield loop
    loop.world.trail_is_logging = True


def sweep(world: World) -> Execution:
    return world.start_with({}, "SweepStateMachineArn")


def test_a_sweep_finds_what_no_event_announced(unannounced: Loop) -> None:
    world, lost = unannounced.world, unannounced
    lost.make_config()
    lost.people.create_endpoint(EndpointName=lost.name, EndpointConfigName=lost.config)
    safe = Loop(world)
    safe.make_config(KmsKeyId=KEY)
    safe.people.create_endpoint(EndpointName=safe.name, EndpointConfigName=safe.config)
    world.clock.advance(700)
    swept = world.run(sweep(world))
    assert swept["whole"] is True
    assert swept["found"] == 1
    assert lost.buttons() == ["approve", "deny"]
    assert not safe.cards()
    again = world.run(sweep(world))
    assert (again["found"], again["covered"]) == (0, 1), "it is asked about already"
    lost.click("approve")
    assert lost.outcome() == "ENCRYPTED"
