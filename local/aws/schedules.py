"""EventBridge Scheduler on this machine: moto keeps the schedules, and the one-time ones are fired here.

Recurring ones are not: a sweep is started by whoever tells its story, so that time can jump.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule

from local.aws.cloud import Cloud, replace_method
from local.aws.events import Undelivered
from local.aws.iam.policy import Policy, Request, judge
from local.clock import Clock, ClockEvent

_MOTO_CREATE = EventBridgeSchedulerBackend.create_schedule
_MOTO_DELETE = EventBridgeSchedulerBackend.delete_schedule
_MOTO_DELETE_GROUP = EventBridgeSchedulerBackend.delete_schedule_group
# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
_NAME = re.compile(r"[0-9a-zA-Z-_.]{1,64}")
_ONCE = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_START_EXECUTION = ":scheduler:::aws-sdk:sfn:startExecution"


class Schedules:
    """Fires one-time schedules by the world's clock.

    Parameters
    ----------
    roles
        The policies of the roles that Scheduler may assume, and others, by ARN.
    undelivered
        Takes what ended in a dead-letter queue.

    Attributes
    ----------
    twice
        Whether each is fired twice: Scheduler promises at least once.
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/what-is-scheduler.html
    """

    def __init__(
        self,
        cloud: Cloud,
        clock: Clock,
        roles: Mapping[str, Sequence[Policy]],
        undelivered: Callable[[Undelivered], None],
    ) -> None:
        self.twice = False
        self._cloud = cloud
        self._clock = clock
        self._roles = roles
        self._undelivered = undelivered
        self._cancelled: dict[str, ClockEvent] = {}
        self._lock = threading.Lock()
        self._in_flight = 0

        def create(backend: EventBridgeSchedulerBackend, **given: Any) -> Schedule:
            backend.get_schedule_group(given["group_name"])  # refuses one that there isn't; moto breaks
            when = self._checked(given)
            schedule = _MOTO_CREATE(backend, **given)
            if when is not None:
                self._arm(backend, schedule, when)
            return schedule

        def delete(backend: EventBridgeSchedulerBackend, group_name: str | None, name: str) -> None:
            schedule = backend.get_schedule(group_name, name)
            _MOTO_DELETE(backend, group_name, name)
            self._cancel(schedule)

        def delete_group(backend: EventBridgeSchedulerBackend, name: str | None) -> None:
            """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteScheduleGroup.html"""
            schedules = [*backend.get_schedule_group(name).schedules.values()]
            _MOTO_DELETE_GROUP(backend, name)
            for schedule in schedules:
                self._cancel(schedule)

        replace_method(EventBridgeSchedulerBackend, "create_schedule", create)
        replace_method(EventBridgeSchedulerBackend, "delete_schedule", delete)
        replace_method(EventBridgeSchedulerBackend, "delete_schedule_group", delete_group)

    @property
    def in_flight(self) -> int:
        """How many are being fired, or about to wait for their moment."""
        return self._in_flight

    def stop(self) -> None:
        for cancelled in [*self._cancelled.values()]:
            cancelled.set()

    def _checked(self, given: Mapping[str, Any]) -> datetime | None:
        """When a one-time schedule fires; None of a recurring one.

        A moment that has passed is refused here, as AWS may do; no recording says whether it does.
        Scheduler has to be allowed to assume the role when the schedule is made:
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role
        """
        if not _NAME.fullmatch(given["name"]):
            raise ValidationException(f"The name {given['name']} is not valid.")
        if not (once := _ONCE.fullmatch(given["schedule_expression"])):
            return None
        when = datetime.fromisoformat(once[1]).replace(tzinfo=UTC)
        if when.timestamp() < self._clock.now():
            raise ValidationException(f"Invalid Schedule Expression {once[0]}.")
        if given["target"]["RoleArn"] not in self._roles:
            raise ValidationException(
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
            )
        return when

    def _arm(self, backend: EventBridgeSchedulerBackend, schedule: Schedule, when: datetime) -> None:
        cancelled = self._cancelled[schedule.arn] = ClockEvent(self._clock)
        self._count(1)

        def wait() -> None:
            self._count(-1)
            if cancelled.wait(when.timestamp() - self._clock.now()):
                return
            self._count(1)
            try:
                self._fire(backend, schedule)
            finally:
                self._count(-1)

        threading.Thread(target=wait, daemon=True).start()

    def _cancel(self, schedule: Schedule) -> None:
        if cancelled := self._cancelled.pop(schedule.arn, None):
            cancelled.set()

    def _fire(self, backend: EventBridgeSchedulerBackend, schedule: Schedule) -> None:
        if schedule.state == "ENABLED":
            for _ in range(2 if self.twice else 1):
                if why := self._start(backend.region_name, schedule.target):
                    self._give_up(backend.region_name, schedule, why)
        if schedule.action_after_completion == "DELETE":
            # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html
            self._cancelled.pop(schedule.arn, None)
            _MOTO_DELETE(backend, schedule.group_name, schedule.name)

    def _start(self, region: str, target: Mapping[str, Any]) -> str:
        """Call the target as its role; says why that failed."""
        if not target["Arn"].endswith(_START_EXECUTION):
            return f"no call of {target['Arn']} is known here"
        call = json.loads(target["Input"])
        role = self._roles[target["RoleArn"]]
        if not judge(role, Request("states:StartExecution", call["StateMachineArn"])).allowed:
            return "AccessDeniedException: the schedule's role may not start this state machine"
        try:
            self._cloud.client("stepfunctions", region).start_execution(
                stateMachineArn=call["StateMachineArn"], name=call["Name"], input=call["Input"]
            )
        except ClientError as error:
            return str(error)
        return ""

    def _give_up(self, region: str, schedule: Schedule, why: str) -> None:
        """Send what could not be started to the dead-letter queue, under the same role.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
        """
        queue = schedule.target["DeadLetterConfig"]["Arn"]
        role = self._roles[schedule.target["RoleArn"]]
        if judge(role, Request("sqs:SendMessage", queue)).allowed:
            client = self._cloud.client("sqs", region)
            url = client.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
            client.send_message(QueueUrl=url, MessageBody=schedule.target["Input"])
        self._undelivered(Undelivered(schedule.name, json.loads(schedule.target["Input"]), why))

    def _count(self, change: int) -> None:
        with self._lock:
            self._in_flight += change
