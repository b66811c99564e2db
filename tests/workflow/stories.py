"""What an endpoint and its people may live through; the docstrings are the captions in docs/cards.md."""

from __future__ import annotations

from collections.abc import Callable

from local.people import Loop
from local.world import SCIENTIST

Story = Callable[[Loop], object]


def asked(loop: Loop) -> None:
    """Asked: what it is, what would happen, until when, and who may decide."""
    loop.make_endpoint(tags={"managed-by": "terraform"})


def first_of_two(loop: Loop) -> None:
    """The first of two approvals that a critical endpoint needs."""
    loop.make_endpoint(tags={"sealpoint:critical": "true"})
    loop.click("approve")


def waiting(loop: Loop) -> None:
    """Approved while the endpoint is still being created."""
    loop.make_endpoint(in_service=False)
    loop.click("approve")
    loop.world.drive(lambda: "*Waiting*" in str(loop.card().blocks))


def updating(loop: Loop) -> None:
    """Approved, and the update is on its way."""
    loop.make_endpoint()
    loop.click("approve")
    loop.world.drive(lambda: "*Updating*" in str(loop.card().blocks))


def encrypted(loop: Loop) -> None:
    """Encrypted, with the button to back out."""
    loop.encrypt()


def backing_out(loop: Loop) -> None:
    """Being backed out."""
    loop.encrypt()
    loop.click("backout")


def backed_out(loop: Loop) -> None:
    """Back on the earlier config, exempt for a while."""
    backing_out(loop)
    loop.world.run(loop.backout())


def rolled_back(loop: Loop) -> None:
    """SageMaker rolled the update back."""
    execution = loop.make_endpoint()
    reason = "CapacityError: no ml.m5.large instances are available"
    loop.world.sagemaker.faults.roll_back_next_update(reason, endpoint=loop.name)
    loop.click("approve")
    loop.outcome(execution)


def failed(loop: Loop) -> None:
    """Failed, and nothing was changed: a model of the config was deleted."""
    loop.world.trail_is_logging = False
    loop.make_config()
    loop.people.create_endpoint(EndpointName=loop.name, EndpointConfigName=loop.config)
    loop.world.clock.advance(700)
    loop.world.trail_is_logging = True
    loop.people.delete_model(ModelName=f"{loop.name}-model")
    loop.outcome(loop.world.start(loop.name))


def denied(loop: Loop) -> None:
    """Denied, with the reason."""
    execution = loop.make_endpoint()
    loop.deny("The endpoint is retired next week", again="90")
    loop.outcome(execution)


def expired(loop: Loop) -> None:
    """Nobody decided in time."""
    loop.outcome(loop.make_endpoint())


def superseded(loop: Loop) -> None:
    """Someone changed the endpoint meanwhile: the newer question is linked."""
    older = loop.make_endpoint()
    loop.update(loop.make_config(f"{loop.name}-config-2"))
    loop.outcome(older)


def command_line(loop: Loop) -> None:
    """A route that takes no decision in Slack."""
    loop.make_endpoint(tags={"route": "high-impact"})


def break_glass_used(loop: Loop) -> None:
    """Someone approved their own change, with a reason."""
    execution = loop.make_endpoint(tags={"route": "anyone"})
    loop.click("approve", user=SCIENTIST.id)
    loop.submit(SCIENTIST.id, {"reason": {"reason": "The clinic's shift begins in an hour"}})
    loop.outcome(execution)


def automatic(loop: Loop) -> None:
    """A route that asks nobody."""
    loop.make_endpoint(tags={"route": "automatic"})


def observed(loop: Loop) -> None:
    """A route that only observes."""
    loop.outcome(loop.make_endpoint(tags={"route": "observe"}))


STORIES: tuple[Story, ...] = (
    asked, first_of_two, waiting, updating, encrypted, backing_out, backed_out, rolled_back, failed, denied,
    expired, superseded, command_line, break_glass_used, automatic, observed,
)  # fmt: skip
