"""An endpoint's life as a table: what each course of events passes through, and what it changes.

Nothing here runs on its own: `begin` plans a course, `settle` works out where it has got to by a given
time. So the statuses follow the clock, and only the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Literal

from local.sagemaker import times

if TYPE_CHECKING:
    from local.sagemaker.deployment import Deployment


class Status(StrEnum):
    CREATING = "Creating"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    OUT_OF_SERVICE = "OutOfService"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"
    FAILED = "Failed"
    DELETING = "Deleting"


IN_PROGRESS = frozenset(
    {Status.CREATING, Status.UPDATING, Status.SYSTEM_UPDATING, Status.ROLLING_BACK, Status.DELETING}
)
"""In these, the service refuses every change, deletion included."""

CHANGEABLE = frozenset({Status.IN_SERVICE})
"""In these, an endpoint can be updated and scaled."""

LET_GO = frozenset({Status.FAILED, Status.DELETING})
"""In these, an endpoint no longer needs its configs."""


@dataclass(frozen=True)
class Timings:
    """How long the passing statuses last, in seconds of the clock. (`math.inf`: without end.)"""

    create: float = 600
    update: float = 600
    roll_back: float = 300
    scale: float = 120
    delete: float = 60
    maintain: float = 900
    recover: float = inf


Phase = Literal["create", "update", "roll_back", "scale", "delete", "maintain", "recover"]


class Arrival(Enum):
    """What changes at the moment a step is entered."""

    NOTHING = auto()
    DEPLOY = auto()  # the pending deployment becomes the live one, and no failure is shown
    ABANDON = auto()  # the pending deployment is dropped
    SCALE = auto()  # the live variants reach what was desired of them
    UNSCALE = auto()  # what was desired is forgotten
    VANISH = auto()  # the endpoint is gone


@dataclass(frozen=True)
class Step:
    """A status, how long it lasts (no phase: until something happens), what its beginning changes."""

    status: Status
    lasts: Phase | None = None
    arrival: Arrival = Arrival.NOTHING
    shows_reason: bool = False  # the course's failure reason shows from here on


class Course(Enum):
    CREATION = auto()
    CREATION_FAILS = auto()
    UPDATE = auto()
    UPDATE_ROLLS_BACK = auto()
    UPDATE_ROLLBACK_FAILS = auto()
    UPDATE_FAILS = auto()
    SCALING = auto()
    SCALING_ROLLS_BACK = auto()
    MAINTENANCE = auto()
    OUTAGE = auto()
    DELETION = auto()


_OF_AWS = frozenset({Course.MAINTENANCE, Course.OUTAGE})
"""No call sets an endpoint on these."""

_CREATING = Step(Status.CREATING, "create")
_UPDATING = Step(Status.UPDATING, "update")
_SCALING = Step(Status.UPDATING, "scale")
_ROLLING_BACK = Step(Status.ROLLING_BACK, "roll_back")

COURSES: dict[Course, tuple[Step, ...]] = {
    Course.CREATION: (_CREATING, Step(Status.IN_SERVICE, arrival=Arrival.DEPLOY)),
    Course.CREATION_FAILS: (_CREATING, Step(Status.FAILED, shows_reason=True)),
    Course.UPDATE: (_UPDATING, Step(Status.IN_SERVICE, arrival=Arrival.DEPLOY)),
    Course.UPDATE_ROLLS_BACK: (
        _UPDATING,
        _ROLLING_BACK,
        Step(Status.IN_SERVICE, arrival=Arrival.ABANDON, shows_reason=True),
    ),
    # in service on a mix of both: the pending deployment stays beside the live one
    Course.UPDATE_ROLLBACK_FAILS: (
        _UPDATING,
        _ROLLING_BACK,
        Step(Status.UPDATE_ROLLBACK_FAILED, shows_reason=True),
    ),
    Course.UPDATE_FAILS: (_UPDATING, Step(Status.FAILED, arrival=Arrival.ABANDON, shows_reason=True)),
    Course.SCALING: (_SCALING, Step(Status.IN_SERVICE, arrival=Arrival.SCALE)),
    Course.SCALING_ROLLS_BACK: (
        _SCALING,
        _ROLLING_BACK,
        Step(Status.IN_SERVICE, arrival=Arrival.UNSCALE, shows_reason=True),
    ),
    Course.MAINTENANCE: (Step(Status.SYSTEM_UPDATING, "maintain"), Step(Status.IN_SERVICE)),
    Course.OUTAGE: (Step(Status.OUT_OF_SERVICE, "recover", shows_reason=True), Step(Status.IN_SERVICE)),
    Course.DELETION: (Step(Status.DELETING, "delete"), Step(Status.DELETING, arrival=Arrival.VANISH)),
}


@dataclass(frozen=True)
class Endpoint:
    """An endpoint at one moment, and what lies ahead of it.

    `live` serves requests (None until creation succeeds); `pending` is being created or updated to, or
    is half there after a failed rollback. `created` and `modified` are stamps, `until` is a moment.
    """

    name: str
    arn: str
    created: float
    modified: float
    live: Deployment | None
    pending: Deployment | None
    deployment_config: dict[str, Any] | None
    step: Step
    until: float
    ahead: tuple[tuple[Step, float], ...] = ()
    reason: str | None = None
    reason_ahead: str | None = None

    @property
    def status(self) -> Status:
        return self.step.status

    @property
    def config_names(self) -> frozenset[str]:
        """The configs that the endpoint needs: in use, being created with, or being updated to."""
        if self.status in LET_GO:
            return frozenset()
        return frozenset(deployed.config_name for deployed in (self.live, self.pending) if deployed)


def create(
    name: str,
    arn: str,
    *,
    deployment: Deployment,
    deployment_config: dict[str, Any] | None,
    now: float,
) -> Endpoint:
    """A new endpoint; its course is for `begin` to set."""
    stamp = times.stamp(now)
    return Endpoint(
        name=name,
        arn=arn,
        created=stamp,
        modified=stamp,
        live=None,
        pending=deployment,
        deployment_config=deployment_config,
        step=_CREATING,
        until=inf,
    )


def begin(
    endpoint: Endpoint, course: Course, timings: Timings, now: float, *, reason: str | None = None
) -> Endpoint:
    """Set out on a course. `reason` is the failure reason that its end will show, if it shows one.

    An older reason stays meanwhile (OneNishitRathod's Canary notebook, update 2).
    """
    steps = tuple((step, _duration(step, timings)) for step in COURSES[course])
    begun = _enter(replace(endpoint, ahead=steps, reason_ahead=reason), now)
    stamp = now if course in _OF_AWS else times.stamp(now)
    return replace(begun, modified=max(begun.modified, stamp))


def settle(endpoint: Endpoint, now: float) -> Endpoint | None:
    """The endpoint as it is at `now`; None once it is gone."""
    while endpoint.until <= now:
        endpoint = _enter(endpoint, endpoint.until)
    return None if endpoint.step.arrival is Arrival.VANISH else endpoint


@dataclass(frozen=True)
class NewFleet:
    """How far the instances of a pending deployment are. `since` is in whole seconds."""

    instances: int
    status: str
    since: int
    message: str = ""


_FLEET_IS_UP = 0.74
"""The share of an update after which all new instances are up."""


def new_fleet(endpoint: Endpoint, wanted: int, now: float) -> NewFleet:
    """The instances of one variant of the pending deployment, at a time.

    Recorded once, in OneNishitRathod's Canary notebook, update 2, which ended after 600 s or so: 444 s into
    it, three of three instances began `Baking`, with this message. `Creating` and `ActivatingTraffic` are
    the API reference's words (ProductionVariantStatus). That instances come up one after the other is an
    inference, as is that a deployment that will fail never has them all.
    """
    pending = endpoint.pending
    if pending is None:
        raise ValueError("no deployment is pending")
    began = pending.requested
    up_at = began + (endpoint.until - began) * _FLEET_IS_UP
    fails = any(step.arrival is Arrival.ABANDON or step.status is Status.FAILED for step, _ in endpoint.ahead)
    if now < up_at or fails:
        share = min(1.0, max(0.0, now - began) / (up_at - began)) if isfinite(up_at) else 0.0
        most = max(0, wanted - 1) if fails else wanted
        return NewFleet(min(most, int(wanted * share)), "Creating", pending.started)
    policy = (endpoint.deployment_config or {}).get("BlueGreenUpdatePolicy") or {}
    if seconds := policy.get("TerminationWaitInSeconds"):
        message = (
            f"Baking for {seconds} seconds (TerminationWaitInSeconds) with traffic enabled on full capacity "
            f"of {wanted} instance(s)."
        )
        return NewFleet(wanted, "Baking", int(up_at), message)
    return NewFleet(wanted, "ActivatingTraffic", int(up_at))


def _duration(step: Step, timings: Timings) -> float:
    return inf if step.lasts is None else float(getattr(timings, step.lasts))


def _enter(endpoint: Endpoint, moment: float) -> Endpoint:
    """The endpoint in its next status.

    LastModifiedTime is when the status changed last (OneNishitRathod's Canary notebook: the call while
    Updating, the end of the rollback after it; cloud-custodian, placebo test_sagemaker_endpoint_delete:
    Deleting, test_sagemaker_endpoint_tag: Failed). For scaling and patching that is an inference.
    """
    (step, seconds), *rest = endpoint.ahead
    entered = replace(
        endpoint,
        step=step,
        until=moment + seconds,
        modified=max(endpoint.modified, moment),
        ahead=tuple(rest),
        # a failure without a reason of its own shows the older one: not recorded, and the harder case
        reason=(endpoint.reason_ahead if step.shows_reason else None) or endpoint.reason,
    )
    match step.arrival:
        case Arrival.DEPLOY if entered.pending:
            # aws-controllers-k8s/sagemaker-controller, test/e2e/tests/test_endpoint.py: no FailureReason
            return replace(entered, live=entered.pending.settled(), pending=None, reason=None)
        case Arrival.ABANDON:
            return replace(entered, pending=None)
        case Arrival.SCALE if entered.live:
            return replace(entered, live=entered.live.settled())
        case Arrival.UNSCALE if entered.live:
            return replace(entered, live=entered.live.unsettled())
        case _:
            return entered
