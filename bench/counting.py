"""What one endpoint event leads to, up to its outcome: counted over the whole local loop."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.stepfunctions.parser.backend.execution import Execution

from lambdas.domain.vocabulary import Outcome
from local.people import Loop
from local.world import World

SECONDS_AN_INVOCATION = 0.5  # an assumption: a warm step waits for a few calls; a cold start bills some more

# What the stories need beyond the example's settings.
ROUTES: list[dict[str, Any]] = [{"name": "observe", "tags": {"route": "observe"}, "approvalMode": "observe"}]

_KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_TRANSACTION_FACTOR = 2
_TABLE_AND_INDEX = 2
_KB = 1024


@dataclass(frozen=True, slots=True)
class Story:
    """What becomes of an endpoint.

    Attributes
    ----------
    happens
        Returns the execution that it is about.
    begins_after
        What is not counted.
    """

    name: str
    outcome: Outcome
    happens: Callable[[Loop], Execution]
    begins_after: Callable[[Loop], object] = lambda _: None


@dataclass(frozen=True, slots=True)
class Count:
    """Of one event.

    Attributes
    ----------
    billed
        By the names of `bench.cost.PRICES`.
    calls
        By service.
    polls
        Polls of an endpoint that is created or updated. A poll or a reminder is three transitions and an
        invocation.
    largest_state
        Bytes: the largest input or output of a state.
    """

    outcome: Outcome
    billed: Counter[str]
    calls: Counter[str]
    polls: int
    reminders: int
    largest_state: int


def _already_encrypted(loop: Loop) -> Execution:
    return loop.make_endpoint(KmsKeyId=_KMS_KEY)


def _encrypted(loop: Loop) -> Execution:
    return loop.encrypt()


def _encrypted_when_created(loop: Loop) -> Execution:
    """Approved at once, while SageMaker still creates the endpoint."""
    execution = loop.make_endpoint(in_service=False)
    loop.click("approve")
    return execution


def _denied(loop: Loop) -> Execution:
    execution = loop.make_endpoint()
    loop.deny()
    return execution


def _expired(loop: Loop) -> Execution:
    return loop.make_endpoint()


def _rolled_back(loop: Loop) -> Execution:
    execution = loop.make_endpoint()
    loop.world.sagemaker.faults.roll_back_next_update("CapacityError", endpoint=loop.name)
    loop.click("approve")
    return execution


def _exempt(loop: Loop) -> Execution:
    until = datetime.fromtimestamp(loop.world.clock.now(), UTC) + timedelta(days=9)
    return loop.make_endpoint(tags={"sealpoint:exempt-until": until.date().isoformat()})


def _observed(loop: Loop) -> Execution:
    return loop.make_endpoint(tags={"route": "observe"})


def _superseded(loop: Loop) -> Execution:
    """Approved after the endpoint moved on, which no event announced."""
    execution = loop.make_endpoint()
    loop.world.trail_is_logging = False
    loop.people.update_endpoint(
        EndpointName=loop.name, EndpointConfigName=loop.make_config(f"{loop.name}-newer")
    )
    loop.world.trail_is_logging = True
    loop.world.clock.advance(700)
    loop.click("approve")
    return execution


def _gone(loop: Loop) -> Execution:
    execution = loop.make_endpoint()
    loop.delete()
    loop.world.clock.advance(700)
    loop.click("approve")
    return execution


def _unsupported(loop: Loop) -> Execution:
    execution = loop.make_endpoint()
    message = "KmsKeyId is not supported for instance type ml.m5.large."
    loop.world.sagemaker.faults.refuse("CreateEndpointConfig", "ValidationException", message)
    loop.click("approve")
    return execution


def _failed(loop: Loop) -> Execution:
    """A mix of both configs, about which people are notified."""
    execution = loop.make_endpoint()
    loop.world.sagemaker.faults.fail_next_rollback("no capacity", endpoint=loop.name)
    loop.click("approve")
    return execution


def _backed_out(loop: Loop) -> Execution:
    loop.click("backout")
    loop.world.settle()
    return loop.backout()


# The first of them are what mostly happens, and are shown in the README.
COMMON = (
    Story("already encrypted", Outcome.ALREADY_ENCRYPTED, _already_encrypted),
    Story("found, approved, encrypted", Outcome.ENCRYPTED, _encrypted),
    Story("the same, approved while the endpoint is created", Outcome.ENCRYPTED, _encrypted_when_created),
    Story("found, denied", Outcome.DENIED, _denied),
    Story("found, reminded twice, expired", Outcome.EXPIRED, _expired),
    Story("found, approved, rolled back", Outcome.ROLLED_BACK, _rolled_back),
)
STORIES = (
    *COMMON,
    Story("exempt by its tag", Outcome.EXEMPT, _exempt),
    Story("found where its route only observes", Outcome.OBSERVED, _observed),
    Story("found, changed unseen, then approved", Outcome.SUPERSEDED, _superseded),
    Story("found, deleted, then approved", Outcome.GONE, _gone),
    Story("found, approved, the key refused by AWS", Outcome.UNSUPPORTED, _unsupported),
    Story("found, approved, the rollback failed", Outcome.FAILED, _failed),
    Story("backed out", Outcome.BACKED_OUT, _backed_out, Loop.encrypt),
)


def warm(world: World) -> None:
    """Have every process started: on a busy machine, a cold answer may outlast Slack's patience."""
    loop = Loop(world)
    execution = loop.make_endpoint()
    world.slack_click(world.approvers[0].id, loop.card(), "approve", loop.approval_id())
    loop.outcome(execution)


def count(world: World, story: Story) -> Count:
    """Let it happen, and count.

    Raises
    ------
    RuntimeError
        It ended otherwise.
    """
    loop = Loop(world)
    story.begins_after(loop)
    world.settle()
    calls, logged, invoked = len(world.runner.calls), len(world.runner.logs()), len(world.runner.invoked)
    execution = story.happens(loop)
    if (outcome := world.run(execution).get("outcome")) != story.outcome:
        raise RuntimeError(f"{story.name} ended {outcome}")
    history = world.history(execution)
    billed = _billed_calls(world, execution, world.runner.calls[calls:])
    invocations = world.runner.invoked[invoked:]
    billed["transition"] = _transitions(history)
    billed["invocation"] = billed["trace"] = len(invocations)
    memory_mb = sum(world.runner.function(name).memory_mb for name in invocations)
    billed["GB-second"] = SECONDS_AN_INVOCATION * memory_mb / _KB  # type: ignore[assignment]  # a part
    billed["API request"] = sum("SlackInteractions" in name for name in invocations)
    billed["GB of logs"] = (len(world.runner.logs()) - logged) / _KB**3  # type: ignore[assignment]  # a part
    entered = Counter(world.states_entered(execution))
    return Count(
        story.outcome,
        billed,
        Counter(call.partition(".")[0] for _, call in world.runner.calls[calls:]),
        entered["WaitForService"] + entered["WaitForUpdate"],
        max(0, entered["Decided?"] - 1),
        max(len(text.encode()) for event in history for text in _texts(event)),
    )


def _transitions(history: Sequence[Mapping[str, Any]]) -> int:
    """States entered, and tasks that were tried again."""
    types = Counter(str(event["type"]) for event in history)
    entered = sum(number for name, number in types.items() if name.endswith("StateEntered"))
    return entered + types["TaskScheduled"] - types["TaskStateEntered"]


def _texts(event: Mapping[str, Any]) -> list[str]:
    """What a state was given and what it gave."""
    return [
        str(details[name])
        for kind, details in event.items()
        if kind.endswith("EventDetails")
        for name in ("input", "output")
        if details.get(name)
    ]


def _billed_calls(world: World, execution: Execution, calls: Sequence[tuple[str, str]]) -> Counter[str]:
    """Each write as if its record had its last size already."""
    is_backout = execution.state_machine.arn.endswith("-backout")
    read = world.backout_record if is_backout else world.record
    record = len(json.dumps(read(execution.name)))
    write_units, read_units = math.ceil(record / _KB), math.ceil(record / (4 * _KB))
    billed = Counter[str]()
    for _, call in calls:
        service, _, operation = call.partition(".")
        match service:
            case "DynamoDB" if operation == "GetItem":
                billed["read unit"] += read_units
            case "DynamoDB":
                factor = _TRANSACTION_FACTOR if operation.startswith("Transact") else 1
                billed["write unit"] += factor * _TABLE_AND_INDEX * write_units
            case "SecretsManager":
                billed["secret read"] += 1
                billed["KMS request"] += 1
            case "KMS":
                billed["KMS request"] += 1
            case "EventBridge":
                billed["event"] += 1
            case _:
                pass
    return billed
