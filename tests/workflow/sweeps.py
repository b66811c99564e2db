"""What people do around a sweep, and what they see of its digest."""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.backend.execution import Execution

from local.people import Loop
from local.slack.store import Message
from local.world import World


def sweep(world: World) -> dict[str, Any]:
    return world.run(begin(world))


def begin(world: World) -> Execution:
    return world.start_with({}, "SweepStateMachineArn")


def make(world: World, name: str, **members: Any) -> Loop:
    """An endpoint of which nobody hears."""
    made = Loop(world, name)
    made.make_config(**members)
    made.people.create_endpoint(EndpointName=name, EndpointConfigName=made.config)
    return made


def card(world: World) -> Message:
    """The digest's card."""
    return [one for one in world.slack.messages(world.channel_id) if "review" in str(one.blocks)][-1]


def is_asked(world: World) -> bool:
    """Whether a digest is posted that asks."""
    return any("Review and decide" in str(one.blocks) for one in world.slack.messages(world.channel_id))


def decide(world: World, card: Message, some: list[Loop], decision: str, **values: str) -> None:
    """Choose for some endpoints on the list, wherever in it they are."""
    user = world.approvers[0].id
    answer = world.slack.click(user, channel=card.channel, ts=card.ts, action_id="review")
    assert answer.status == 200
    wanted = {str(one.record()["approvalId"]) for one in some}
    chosen: set[str] = set()
    while True:
        view = world.slack.views(user)[-1]
        inputs = {
            block["block_id"]: block["element"]["action_id"]
            for block in view.content["blocks"]
            if block["type"] == "input"
        }
        here = wanted & inputs.keys()
        state = {block: {action: decision} for block, action in inputs.items() if block in here}
        state |= {block: {action: values[action]} for block, action in inputs.items() if action in values}
        if here:  # the answer turns the page
            assert world.slack.submit_view(user, values=state).status == 200
            chosen |= here
        else:
            world.slack.click_in_view(user, view_id=view.id, action_id="digest-next")
        if chosen == wanted:
            break
    world.slack.close_view(user)
    world.settle()


def card_after(world: World, posted: Message) -> Message:
    return next(one for one in world.slack.messages(world.channel_id) if one.ts == posted.ts)


def watch(world: World) -> Execution:
    """What keeps the newest digest's card up to date; an earlier one that failed has no output, either."""
    digests = [one for one in world.executions.values() if one.state_machine.arn.endswith("-digest")]
    return next(one for one in reversed(digests) if one.output is None)
