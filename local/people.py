"""What people do around one endpoint, and what they see: the vocabulary of tests and measurements."""

from __future__ import annotations

import json
import uuid
from http import HTTPStatus
from typing import Any

from moto.stepfunctions.parser.backend.execution import Execution

from lambdas.domain.vocabulary import Outcome
from local.slack import Delivery, Message
from local.world import World


class Loop:
    """One endpoint in the world, with its people and its messages."""

    def __init__(self, world: World, name: str = "", region: str | None = None) -> None:
        self.world = world
        self.name = name or f"endpoint-{uuid.uuid4().hex[:8]}"
        self.config = f"{self.name}-config"
        self.people = world.client("sagemaker", region)

    # -- what people do

    @property
    def model(self) -> str:
        return f"{self.name}-model"

    def make_config(self, name: str = "", *, instance_type: str = "ml.m5.large", **members: Any) -> str:
        name = name or self.config
        model = self.model
        if not self.people.list_models(NameContains=model)["Models"]:
            self.people.create_model(
                ModelName=model,
                PrimaryContainer={"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/m:1"},
                ExecutionRoleArn="arn:aws:iam::123456789012:role/Execution",
            )
        variant = {
            "VariantName": "a", "ModelName": model, "InstanceType": instance_type,
            "InitialInstanceCount": 2, "InitialVariantWeight": 1.0,
        }  # fmt: skip
        self.people.create_endpoint_config(
            EndpointConfigName=name, **{"ProductionVariants": [variant], **members}
        )
        return name

    def make_endpoint(
        self, *, in_service: bool = True, tags: dict[str, str] | None = None, **members: Any
    ) -> Execution:
        """Create the endpoint; CloudTrail reports it, and the execution that this starts is returned."""
        self.make_config(**members)
        listed = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        # else a function that is running already would time out when the clock is advanced
        with self.world.events_held():
            self.people.create_endpoint(EndpointName=self.name, EndpointConfigName=self.config, Tags=listed)
            if in_service:
                self.world.clock.advance(700)
        self.world.settle()
        return self.execution()

    def update(self, config: str) -> Execution:
        """A person moves the endpoint to another config; it is judged when it is in service there."""
        self.people.update_endpoint(EndpointName=self.name, EndpointConfigName=config)
        self.world.settle()
        execution = self.execution()
        while self.people.describe_endpoint(EndpointName=self.name)["EndpointStatus"] == "Updating":
            self.world.clock.advance(60)
            self.world.settle()
        self.world.clock.advance(300)  # the longest wait between two polls
        self.world.settle()
        return execution

    def click(self, action: str, *, user: str = "", card: Message | None = None) -> int:
        card = card or self.card()
        answer = self.world.slack.click(
            user or self.world.approvers[0].id, channel=self.world.channel_id, ts=card.ts, action_id=action
        )
        return _status(answer)

    def deny(self, reason: str = "it is moving next week", *, again: str = "30", user: str = "") -> int:
        """Leave it as it is: the click, and the modal that asks why."""
        user = user or self.world.approvers[0].id
        if self.click("deny", user=user) != HTTPStatus.OK:
            raise AssertionError("The click on Deny was refused.")
        return self.submit(user, {"reason": {"reason": reason}, "ask-again": {"ask-again": again}})

    def submit(self, user: str, values: dict[str, dict[str, str]]) -> int:
        """Submit the modal that is open for a user."""
        return _status(self.world.slack.submit_view(user, values=values))

    def thread(self, card: Message | None = None) -> list[str]:
        """What is said in a card's thread."""
        ts = (card or self.card()).ts
        return [
            json.dumps(message.blocks, ensure_ascii=False)
            for message in self.world.slack.messages(self.world.channel_id)
            if message.thread_ts == ts
        ]

    def delete(self) -> None:
        self.people.delete_endpoint(EndpointName=self.name)
        self.world.settle()

    def scale(self, count: int) -> None:
        """Set the live capacity, as autoscaling does, and let it settle."""
        self.people.update_endpoint_weights_and_capacities(
            EndpointName=self.name,
            DesiredWeightsAndCapacities=[{"VariantName": "a", "DesiredInstanceCount": count}],
        )
        self.world.clock.advance(700)
        self.world.settle()

    def encrypt(self) -> Execution:
        """An endpoint that was found, approved and encrypted."""
        execution = self.make_endpoint()
        self.click("approve")
        if (outcome := self.outcome(execution)) != Outcome.ENCRYPTED:
            raise AssertionError(f"The endpoint was not encrypted: {outcome}")
        return execution

    # -- what they see

    def execution(self) -> Execution:
        return self.world.executions_of(self.name)[-1]

    def backout(self) -> Execution:
        """The endpoint's latest backout."""
        return self.world.executions_of(self.name, "BackoutStateMachineArn")[-1]

    def backouts(self) -> int:
        return len(self.world.executions_of(self.name, "BackoutStateMachineArn"))

    def count(self) -> int:
        """The live instances of the endpoint's variant."""
        variant = self.people.describe_endpoint(EndpointName=self.name)["ProductionVariants"][0]
        return int(variant["CurrentInstanceCount"])

    def tags(self) -> dict[str, str]:
        """The endpoint's own tags."""
        arn = self.people.describe_endpoint(EndpointName=self.name)["EndpointArn"]
        return {tag["Key"]: tag["Value"] for tag in self.people.list_tags(ResourceArn=arn)["Tags"]}

    def configs(self) -> list[dict[str, Any]]:
        """The endpoint configs made for this endpoint, its twin included."""
        return list(self.people.list_endpoint_configs(NameContains=self.name)["EndpointConfigs"])

    def cards(self) -> list[Message]:
        """The messages about this endpoint, oldest first."""
        return [
            message
            for message in self.world.slack.messages(self.world.channel_id)
            if self.name in message.text and message.thread_ts is None
        ]

    def card(self) -> Message:
        return self.cards()[-1]

    def approval_id(self) -> str:
        """The id of the question about this endpoint."""
        return str(self.record()["approvalId"])

    def buttons(self, card: Message | None = None) -> list[str]:
        return [
            element["action_id"]
            for block in (card or self.card()).blocks
            if block["type"] == "actions"
            for element in block["elements"]
        ]

    def status(self) -> tuple[str, str]:
        """The endpoint's status and config."""
        endpoint = self.people.describe_endpoint(EndpointName=self.name)
        return endpoint["EndpointStatus"], endpoint["EndpointConfigName"]

    def outcome(self, execution: Execution | None = None) -> str:
        """Drive the clock until the execution has ended, and check that all who report its end agree."""
        execution = execution or self.execution()
        output = self.world.run(execution)
        record = self.world.record(execution.name)
        ended = (output.get("outcome"), output["endpointName"], output["remediationId"])
        if ended != (record.get("outcome"), self.name, execution.name):
            raise AssertionError(f"Output and record disagree: {output}, {record}")
        return str(output["outcome"])

    def record(self, execution: Execution | None = None) -> dict[str, Any]:
        return self.world.record((execution or self.execution()).name)


def _status(delivery: Delivery) -> int:
    """How the app answered what someone did in Slack."""
    if delivery.status is None:
        raise AssertionError(f"It never reached the app: {delivery}")
    return delivery.status
