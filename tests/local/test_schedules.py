"""EventBridge Scheduler on this machine: what it refuses, when it fires, and what becomes of a schedule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.cloud import Cloud
from local.aws.events import Undelivered
from local.aws.iam.policy import Policy
from local.aws.schedules import Schedules
from local.clock import Clock

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
ROLE = "arn:aws:iam::123456789012:role/Scheduler"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:undelivered"
NOON = 1_795_867_200.0  # 2026-11-28T12:00:00Z


class Scene:
    def __init__(self) -> None:
        self.clock = Clock(speed=0, start=NOON)
        self.cloud = Cloud()
        self.roles: dict[str, list[Policy]] = {ROLE: []}
        self.undelivered: list[Undelivered] = []
        self.schedules = Schedules(self.cloud, self.clock, self.roles, self.undelivered.append)
        self.client = self.cloud.client("scheduler", "us-east-1")
        self.client.create_schedule_group(Name="group")
        self.queue = self.cloud.client("sqs", "us-east-1").create_queue(QueueName="undelivered")["QueueUrl"]

    def create(self, expression: str = "at(2026-11-28T13:00:00)", **changes: Any) -> None:
        call = {"StateMachineArn": MACHINE, "Name": "run-1", "Input": "{}"}
        target = {
            "Arn": "arn:aws:scheduler:::aws-sdk:sfn:startExecution", "RoleArn": ROLE,
            "Input": json.dumps(call), "DeadLetterConfig": {"Arn": QUEUE},
        }  # fmt: skip
        self.client.create_schedule(
            **{
                "Name": "run-1",
                "GroupName": "group",
                "ScheduleExpression": expression,
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "ActionAfterCompletion": "DELETE",
                "Target": target,
                **changes,
            }
        )

    def names(self) -> list[str]:
        return [one["Name"] for one in self.client.list_schedules()["Schedules"]]

    def pass_hours(self, hours: float) -> None:
        while self.schedules.in_flight:
            pass
        self.clock.advance(hours * 3600)
        while self.clock.is_anyone_waking() or self.schedules.in_flight:
            pass


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.schedules.stop()
    scene.cloud.stop()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Name": "x" * 65}, "ValidationException"),
        ({"Name": "a_b:c"}, "ValidationException"),
        ({"expression": "at(2026-11-28T11:59:00)"}, "ValidationException"),
        ({"GroupName": "other"}, "ResourceNotFoundException"),
    ],
)
def test_what_scheduler_refuses(scene: Scene, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError, match=code):
        scene.create(**changes)
    assert scene.names() == []


def test_a_role_that_it_may_not_assume_is_refused(scene: Scene) -> None:
    del scene.roles[ROLE]
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume the role"):
        scene.create()


def test_a_name_is_taken_once(scene: Scene) -> None:
    scene.create()
    with pytest.raises(ClientError, match="ConflictException"):
        scene.create()


def test_it_is_fired_at_its_moment_and_is_gone_whether_or_not_it_could_start_anything(scene: Scene) -> None:
    scene.create()
    scene.pass_hours(0.9)
    assert (scene.names(), scene.undelivered) == (["run-1"], [])
    scene.pass_hours(0.2)
    assert scene.names() == []
    [lost] = scene.undelivered
    assert "AccessDenied" in lost.why
    received = scene.cloud.client("sqs", "us-east-1").receive_message(QueueUrl=scene.queue)
    assert "Messages" not in received, "its role may not send to the queue, either"


def test_what_could_not_be_started_is_in_the_queue(scene: Scene) -> None:
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE}
    scene.roles[ROLE] = [{"Statement": [statement]}]
    scene.create()
    scene.pass_hours(2)
    [message] = scene.cloud.client("sqs", "us-east-1").receive_message(QueueUrl=scene.queue)["Messages"]
    assert json.loads(message["Body"])["Name"] == "run-1"


@pytest.mark.parametrize("whole_group", [False, True])
def test_one_that_was_deleted_is_not_fired(scene: Scene, whole_group: bool) -> None:
    scene.create()
    if whole_group:
        scene.client.delete_schedule_group(Name="group")
    else:
        scene.client.delete_schedule(GroupName="group", Name="run-1")
    scene.pass_hours(2)
    assert scene.undelivered == []
    assert scene.clock.timers() == []
