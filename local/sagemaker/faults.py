"""Everything that goes wrong with the real service, on request."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, Protocol

from local.sagemaker.behaviour import Behaviour
from local.sagemaker.errors import ServiceError
from local.sagemaker.lifecycle import Course

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.sagemaker.protocol import Operation

Json = dict[str, Any]
Undertaking = Literal["creation", "update", "scaling"]

_NORMAL: dict[Undertaking, Course] = {
    "creation": Course.CREATION,
    "update": Course.UPDATE,
    "scaling": Course.SCALING,
}

CALLS_PER_SECOND: Mapping[Operation, float] = {
    "DescribeEndpoint": 5,
    "DescribeEndpointConfig": 5,
    "DescribeModel": 5,
    "ListEndpoints": 2,
    "ListEndpointConfigs": 2,
    "CreateEndpointConfig": 1,
    "UpdateEndpoint": 1,
}
"""SageMaker's request quotas per account and region; they can't be raised."""


class Intervene(Protocol):
    """Sends an endpoint that is in service on a course, `seconds` being how long the course's phase lasts."""

    def __call__(
        self, region: str, endpoint: str, course: Course, *, seconds: float, reason: str | None
    ) -> None: ...


@dataclass
class _Rule:
    """What happens to the next `times` calls that match."""

    operation: Operation
    region: str | None
    times: int
    when: Callable[[Json], bool] | None
    error: ServiceError | None = None
    loses_answer: bool = False


@dataclass(frozen=True)
class _PlannedCourse:
    """How the next undertaking of an endpoint goes."""

    course: Course
    region: str | None
    endpoint: str | None
    reason: str | None


@dataclass(frozen=True)
class Plan:
    """What a call meets: the error, if any; an answer is lost after the call acted."""

    error: ServiceError | None = None
    loses_answer: bool = False


@dataclass
class _Bucket:
    """A token bucket; a second's worth of tokens is what it holds."""

    tokens: float
    filled: float

    def take(self, rate: float, now: float) -> bool:
        self.tokens = min(max(rate, 1.0), self.tokens + (now - self.filled) * rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(kw_only=True)
class Faults(Behaviour):
    """The faults of one `SageMakerHosting`, besides the switches of `Behaviour`.

    Set the attributes, call the methods.

    Where a method takes `times`, it is the next so many matching calls that fail; where it takes
    `region` or `endpoint`, leaving it out means any.

    Parameters
    ----------
    config_visible_after
        Seconds (of the clock) for which reads don't find a new endpoint config yet.
    data_capture_retained
        `RetainAllVariantProperties` keeps the live data capture too, whatever the new config says:
        the documentation lists it among the properties but can't exclude it.
    quotas_enforced
        Throttle as AWS does, by `CALLS_PER_SECOND`.
    latency_seconds
        No answer comes sooner than this after its call, in real seconds.
    """

    intervene: Intervene
    config_visible_after: float = 0.0
    data_capture_retained: bool = False
    quotas_enforced: bool = False
    latency_seconds: float = 0.0
    _down: set[str] = field(init=False, default_factory=set[str])
    _rules: list[_Rule] = field(init=False, default_factory=list[_Rule])
    _planned: list[_PlannedCourse] = field(init=False, default_factory=list[_PlannedCourse])
    _buckets: dict[tuple[str, str], _Bucket] = field(
        init=False, default_factory=dict[tuple[str, str], _Bucket]
    )
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    # -- calls

    def throttle(self, operation: Operation, times: int = 1, *, region: str | None = None) -> None:
        self.refuse(operation, "ThrottlingException", "Rate exceeded", times, region=region)

    def refuse(
        self,
        operation: Operation,
        code: str,
        message: str,
        times: int = 1,
        *,
        status: int = HTTPStatus.BAD_REQUEST,
        region: str | None = None,
        when: Callable[[Json], bool] | None = None,
    ) -> None:
        """Answer with an error instead; `when` picks the requests (by their body) that it is for."""
        error = ServiceError(code, message, status)
        self._add(_Rule(operation, region, times, when, error=error))

    def break_down(self, operation: Operation, times: int = 1, *, region: str | None = None) -> None:
        """Answer 500: the service's own failure, which clients retry."""
        message = "The request processing has failed because of an unknown error, exception or failure."
        self.refuse(
            operation,
            "InternalFailure",
            message,
            times,
            status=HTTPStatus.INTERNAL_SERVER_ERROR,
            region=region,
        )

    def lose_answer(self, operation: Operation, times: int = 1, *, region: str | None = None) -> None:
        """Do what was asked, then close the connection without saying so."""
        self._add(_Rule(operation, region, times, None, loses_answer=True))

    def take_region_down(self, region: str) -> None:
        """Close every connection to the region unanswered, nothing done, until `bring_region_up`."""
        with self._lock:
            self._down.add(region)

    def bring_region_up(self, region: str) -> None:
        with self._lock:
            self._down.discard(region)

    # -- endpoints

    def fail_next_creation(
        self, reason: str, *, endpoint: str | None = None, region: str | None = None
    ) -> None:
        """Creating → Failed."""
        self._plan_course(Course.CREATION_FAILS, region, endpoint, reason)

    def roll_back_next_update(
        self, reason: str | None = None, *, endpoint: str | None = None, region: str | None = None
    ) -> None:
        """Updating → RollingBack → InService on the old config; with no reason, as happens, none shows."""
        self._plan_course(Course.UPDATE_ROLLS_BACK, region, endpoint, reason)

    def fail_next_rollback(
        self, reason: str | None = None, *, endpoint: str | None = None, region: str | None = None
    ) -> None:
        """The next update fails and so does its rollback: UpdateRollbackFailed, on a mix of both configs."""
        self._plan_course(Course.UPDATE_ROLLBACK_FAILS, region, endpoint, reason)

    def fail_next_update(
        self, reason: str, *, endpoint: str | None = None, region: str | None = None
    ) -> None:
        """Updating → Failed."""
        self._plan_course(Course.UPDATE_FAILS, region, endpoint, reason)

    def roll_back_next_scaling(
        self, reason: str | None = None, *, endpoint: str | None = None, region: str | None = None
    ) -> None:
        """Updating → RollingBack → InService with the capacities of before."""
        self._plan_course(Course.SCALING_ROLLS_BACK, region, endpoint, reason)

    def maintain(self, endpoint: str, seconds: float, *, region: str) -> None:
        """SystemUpdating, now, for `seconds` of the clock.

        Raises
        ------
        ValueError
            The endpoint isn't in service.
        """
        self.intervene(region, endpoint, Course.MAINTENANCE, seconds=seconds, reason=None)

    def take_out_of_service(
        self, endpoint: str, seconds: float, *, region: str, reason: str | None = None
    ) -> None:
        """OutOfService, now, for `seconds` of the clock (`math.inf` for good).

        Raises
        ------
        ValueError
            The endpoint isn't in service.
        """
        self.intervene(region, endpoint, Course.OUTAGE, seconds=seconds, reason=reason)

    # -- what the server asks

    def is_down(self, region: str) -> bool:
        with self._lock:
            return region in self._down

    def plan(self, operation: Operation, region: str, request: Json, now: float) -> Plan:
        """What this call meets. Uses up one of each fault that it meets."""
        with self._lock:
            met = [rule for rule in self._rules if _meets(rule, operation, region, request)]
            errors = [rule for rule in met if rule.error][:1]
            losses = [rule for rule in met if rule.loses_answer][:1]
            for rule in (*errors, *losses):
                rule.times -= 1
            self._rules = [rule for rule in self._rules if rule.times > 0]
            throttled = self.quotas_enforced and not self._within_quota(operation, region, now)
        error = errors[0].error if errors else None
        return Plan(
            error=error or (ServiceError("ThrottlingException", "Rate exceeded") if throttled else None),
            loses_answer=bool(losses),
        )

    def course_of(self, undertaking: Undertaking, region: str, endpoint: str) -> tuple[Course, str | None]:
        """How an undertaking that begins now will go, and the failure reason it will show."""
        with self._lock:
            for planned in self._planned:
                if (
                    _UNDERTAKINGS[planned.course] == undertaking
                    and planned.region in (None, region)
                    and planned.endpoint in (None, endpoint)
                ):
                    self._planned.remove(planned)
                    return planned.course, planned.reason
        return _NORMAL[undertaking], None

    def _add(self, rule: _Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def _plan_course(
        self, course: Course, region: str | None, endpoint: str | None, reason: str | None
    ) -> None:
        with self._lock:
            self._planned.append(_PlannedCourse(course, region, endpoint, reason))

    def _within_quota(self, operation: Operation, region: str, now: float) -> bool:
        rate = CALLS_PER_SECOND.get(operation)
        if rate is None:
            return True
        bucket = self._buckets.setdefault((region, operation), _Bucket(tokens=rate, filled=now))
        return bucket.take(rate, now)


_UNDERTAKINGS: dict[Course, Undertaking] = {
    Course.CREATION_FAILS: "creation",
    Course.UPDATE_ROLLS_BACK: "update",
    Course.UPDATE_ROLLBACK_FAILS: "update",
    Course.UPDATE_FAILS: "update",
    Course.SCALING_ROLLS_BACK: "scaling",
}


def _meets(rule: _Rule, operation: Operation, region: str, request: Json) -> bool:
    return (
        rule.operation == operation
        and rule.region in (None, region)
        and (rule.when is None or rule.when(request))
    )
