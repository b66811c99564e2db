"""The service as a whole: regions, calls, faults, on one clock."""

from __future__ import annotations

import copy
import json
import threading
import time
import uuid
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.exceptions import UnknownRegionError

from local.sagemaker import lifecycle, validation
from local.sagemaker.errors import ServiceError
from local.sagemaker.faults import Faults, Plan
from local.sagemaker.lifecycle import Course, Status, Timings
from local.sagemaker.operations import OPERATIONS, Context, Violation
from local.sagemaker.protocol import ApiResponse, Incoming, Operation, known_operation, listen
from local.sagemaker.store import Region
from local.server import AnswerLostError, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.clock import Clock

Json = dict[str, Any]


@dataclass(frozen=True)
class ApiCall:
    """One call as the service saw it: enough to write CloudTrail's event of it.

    `error_code` and `error_message` are None, and `response` the answer's body, where it succeeded.
    """

    time: float
    region: str
    access_key_id: str
    operation: str
    request: Json
    error_code: str | None
    error_message: str | None
    response: Json | None
    request_id: str
    source_ip: str
    user_agent: str
    answer_lost: bool


class SageMakerHosting:
    """SageMaker's hosting API for one account, in every region.

    Parameters
    ----------
    clock
        What the endpoints' lifecycles and all times follow.
    on_call
        Called after every call that reached the service, outside its lock, before the answer is sent.
    timings
        How long statuses last; may be replaced at any time, for courses that begin after that.

    Attributes
    ----------
    calls
        Every call so far, in order.
    violations
        What was done that the service lets happen and its documentation forbids. Tests assert it empty.
    faults
        What is to go wrong.

    Examples
    --------
    >>> from local.clock import Clock
    >>> hosting = SageMakerHosting(clock=Clock(speed=0))
    >>> with hosting.serve() as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self,
        clock: Clock,
        account_id: str = "111122223333",
        on_call: Callable[[ApiCall], None] | None = None,
        timings: Timings | None = None,
    ) -> None:
        self.account_id = account_id
        self.timings = timings or Timings()
        self.faults = Faults(intervene=self._intervene)
        self.calls: list[ApiCall] = []
        self.violations: list[Violation] = []
        self._clock = clock
        self._on_call = on_call
        self._regions: dict[str, Region] = {}
        self._lock = threading.Lock()

    def serve(self) -> Server:
        """Listen on a free port of 127.0.0.1, in a thread of its own, until the server is stopped."""
        return listen(self.answer)

    def set_system_tags(self, resource_arn: str, tags: dict[str, str]) -> None:
        """Tag a resource as AWS's own services do (CloudFormation: `aws:cloudformation:stack-name`)."""
        region = resource_arn.split(":")[3]
        with self._lock:
            self._region(region).tags_of(resource_arn, self._clock.now()).update(tags)

    def tagged_endpoints(self, region_name: str) -> list[tuple[str, dict[str, str]]]:
        """The ARNs of a region's endpoints and their tags, as the Resource Groups Tagging API knows them."""
        with self._lock:
            return self._region(region_name).tagged_endpoints(self._clock.now())

    def serving_instances(self, region_name: str) -> dict[str, int]:
        """How many instances answer requests in the smallest variant of each endpoint that serves."""
        with self._lock:
            endpoints = self._region(region_name).endpoints(self._clock.now())
            return {
                endpoint.name: min(variant.current.instances for variant in endpoint.live.variants)
                for endpoint in endpoints
                if endpoint.live and endpoint.status not in lifecycle.LET_GO
            }

    def answer(self, incoming: Incoming) -> ApiResponse:
        """ApiResponse one request.

        Raises
        ------
        AnswerLostError
            Nothing is to be answered.
        """
        came = time.monotonic()
        if self.faults.is_down(incoming.region):
            raise AnswerLostError(f"{incoming.region} is down")
        operation = known_operation(incoming.operation)
        if operation is None:
            raise ServiceError("UnknownOperationException", f"Unknown operation {incoming.operation}.")
        request = _read_body(incoming.body)
        plan = self.faults.plan(operation, incoming.region, request, self._clock.now())
        call, error = self._call(operation, incoming, request, plan)
        if self._on_call:
            self._on_call(call)
        if self.faults.latency_seconds:
            time.sleep(max(0.0, came + self.faults.latency_seconds - time.monotonic()))
        if plan.loses_answer:
            raise AnswerLostError(f"the answer to {operation} is lost")
        if error:
            return ApiResponse(
                error.status, {"__type": error.code, "message": error.message}, call.request_id
            )
        return ApiResponse(HTTPStatus.OK, call.response or {}, call.request_id)

    def _call(
        self, operation: Operation, incoming: Incoming, request: Json, plan: Plan
    ) -> tuple[ApiCall, ServiceError | None]:
        error: ServiceError | None = None
        response: Json | None = None
        with self._lock:
            now = self._clock.now()
            try:
                if plan.error:
                    raise plan.error
                validation.check_request(operation, request)
                # a copy, because the request goes on record and the store keeps what it is given
                response = OPERATIONS[operation](self._context(incoming, now), copy.deepcopy(request))
            except ServiceError as refused:
                error = refused
            call = ApiCall(
                time=now,
                region=incoming.region,
                access_key_id=incoming.access_key_id,
                operation=operation,
                request=request,
                error_code=error and error.code,
                error_message=error and error.message,
                response=response,
                request_id=str(uuid.uuid4()),
                source_ip=incoming.source_ip,
                user_agent=incoming.user_agent,
                answer_lost=plan.loses_answer,
            )
            self.calls.append(call)
        return call, error

    def _context(self, incoming: Incoming, now: float) -> Context:
        return Context(
            region=self._region(incoming.region),
            now=now,
            access_key_id=incoming.access_key_id,
            timings=self.timings,
            faults=self.faults,
            violations=self.violations,
        )

    def _region(self, name: str) -> Region:
        if name not in self._regions:
            self._regions[name] = Region(name, _partition(name), self.account_id, self.faults)
        return self._regions[name]

    def _intervene(
        self, region: str, endpoint: str, course: Course, *, seconds: float, reason: str | None
    ) -> None:
        timings = replace(self.timings, maintain=seconds, recover=seconds)
        with self._lock:
            now = self._clock.now()
            store = self._region(region)
            found = store.endpoint(endpoint, now)
            if found.status is not Status.IN_SERVICE:
                raise ValueError(f"{endpoint} is {found.status}, not in service")
            store.put(lifecycle.begin(found, course, timings, now, reason=reason))


def _read_body(body: bytes) -> Json:
    def refuse_constant(constant: str) -> None:
        raise ValueError(f"{constant} isn't JSON")

    try:
        read = json.loads(body or b"{}", parse_constant=refuse_constant)
    except ValueError as error:
        raise ServiceError("SerializationException", "Unable to parse the request body.") from error
    if not isinstance(read, dict):
        raise ServiceError("SerializationException", "Start of structure or map expected.")
    return cast("Json", read)


@cache
def _partition(region: str) -> str:
    try:
        return botocore.session.get_session().get_partition_for_region(region)
    except UnknownRegionError as error:
        raise ServiceError(
            "InvalidSignatureException",
            "Credential should be scoped to a valid region.",
            HTTPStatus.FORBIDDEN,
        ) from error
