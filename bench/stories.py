"""What is lived through so that every function has done its ordinary work once, and been listened to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.exchanges import Invocation, RecordingRunner
from local.clock import Clock
from local.people import Loop
from local.world import World
from tests.workflow.sweeps import is_asked, make

# Of a function's invocations the last one counts, except of these: by then, the reminder is an expiry, and
# there is nothing new to be shown
_FIRST = frozenset({"read_decision", "show_digest"})
# Functions are measured later than their stories: what is to be old for them has to be old by then
_BEGIN_SECONDS_AGO = 3600


def record(assembly: Path) -> tuple[World, dict[str, Invocation]]:
    """A world after all stories, and each function's invocation by the name of its handler.

    Raises
    ------
    LookupError
        A function of the template has no story.
    """
    world = World(
        assembly, Clock(speed=0, start=time.time() - _BEGIN_SECONDS_AGO), runner_type=RecordingRunner
    )
    # Slack waits three seconds for what may take longer here, the first time
    world.runner.invoke(_named(world, "slack_interactions"), {"headers": {}, "body": ""})
    for story in _STORIES:
        story(Loop(world))
        world.settle()
    runner = world.runner
    if not isinstance(runner, RecordingRunner):
        raise TypeError(runner)
    recorded = _chosen(runner.invocations)
    silent = {function.handler.split(".")[-2] for function in runner.functions} - recorded.keys()
    if silent:
        world.stop()
        raise LookupError(
            f"No story in bench/stories.py makes these functions work: {', '.join(sorted(silent))}."
        )
    return world, recorded


def _chosen(invocations: Iterable[Invocation]) -> dict[str, Invocation]:
    chosen: dict[str, Invocation] = {}
    for invocation in invocations:
        name = invocation.handler.split(".")[-2]
        if name not in _FIRST or name not in chosen:
            chosen[name] = invocation
    return chosen


def _sweep(loop: Loop) -> None:
    """Some endpoints that no event announced, found by a sweep and asked about in one digest."""
    loop.world.trail_is_logging = False
    found = [make(loop.world, f"{loop.name}-{number}") for number in range(12)]
    loop.world.clock.advance(2500)  # what changed just now is left to its event
    loop.world.trail_is_logging = True
    loop.world.run(loop.world.start_with({}, "SweepStateMachineArn"))
    loop.world.drive(lambda: is_asked(loop.world))
    for one in found:  # the retirement describes all there are, with pauses
        one.people.delete_endpoint(EndpointName=one.name)


def _rolled_back(loop: Loop) -> None:
    execution = loop.make_endpoint()
    loop.world.sagemaker.faults.roll_back_next_update("CapacityError: no capacity", endpoint=loop.name)
    loop.click("approve")
    loop.outcome(execution)


def _reminded(loop: Loop) -> None:
    loop.outcome(loop.make_endpoint())


def _retired(loop: Loop) -> None:
    loop.encrypt()
    [retirement] = loop.world.executions_of(loop.name, "RetirementStateMachineArn")
    loop.world.run(retirement)


def _backed_out(loop: Loop) -> None:
    loop.encrypt()
    loop.click("backout")
    loop.world.run(loop.backout())


def _decided_by_hand(loop: Loop) -> None:
    loop.make_endpoint()
    body = {"remediationId": loop.execution().name, "decision": "approve"}
    loop.world.runner.invoke(_named(loop.world, "decisions"), _signed_request(body))
    loop.outcome()


def _encrypted(loop: Loop) -> None:
    loop.encrypt()


# The last ones are what a function is measured by, wherever several make it work.
_STORIES: tuple[Callable[[Loop], Any], ...] = (
    _sweep, _retired, _reminded, _rolled_back, _backed_out, _decided_by_hand, _encrypted,
)  # fmt: skip


def _named(world: World, handler: str) -> str:
    return next(
        one.name for one in world.runner.functions if one.handler == f"lambdas.handlers.{handler}.handler"
    )


def _signed_request(body: dict[str, str]) -> dict[str, Any]:
    """As API Gateway hands over a request that IAM has let in."""
    arn = "arn:aws:sts::123456789012:assumed-role/Oncall/ada@example.com"
    return {
        "requestContext": {"authorizer": {"iam": {"userArn": arn}}},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
