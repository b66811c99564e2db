"""Where an endpoint stands on its way to its twin, judged from what DescribeEndpoint says (DESIGN §4.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from lambdas.domain.errors import (
    DeadlinePassed,
    EndpointBusy,
    EndpointChanged,
    EndpointGone,
    EndpointNotServing,
)
from lambdas.domain.record import Remediation, required_fact
from lambdas.domain.vocabulary import Outcome

# Doubling to four minutes sees the end of an update of 5 to 25 minutes two minutes late on average, by seven
# looks. Each look is three state transitions and an invocation.
_FIRST_WAIT_SECONDS = 15
_LONGEST_WAIT_SECONDS = 240

_VARIANTS_TOLD = 4
_IN_SERVICE = "InService"
_SETTLING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
_GOING = "Deleting"

# For this long after our call, an endpoint that still shows its old config may just not show the update yet.
_UPDATE_VISIBLE_WITHIN = timedelta(seconds=60)

CLOCK_TOLERANCE = timedelta(seconds=5)
"""How far a time of ours, or of CloudTrail's, and one of SageMaker's may be apart, either way.

SageMaker stamps a call up to 1.2 s after the second in which it answered, and CloudTrail cuts its times to
the second.
"""

Endpoint = Mapping[str, Any]


class BeforeUpdate(StrEnum):
    """What the update has to do."""

    REQUEST = "REQUEST"
    ALREADY_UNDER_WAY = "ALREADY_UNDER_WAY"


@dataclass(frozen=True, slots=True)
class Move:
    """An update from one config to another, and the outcome that arriving there is."""

    start: str
    target: str
    arrived: Outcome


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again in `seconds`."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The update is over."""

    outcome: Outcome
    reason: str = ""


def move_of(record: Remediation) -> Move:
    """Where a remediation moves its endpoint (to the twin), or a backout its own (back from there)."""
    backout = "backsOut" in record
    target = required_fact(record, "restoredConfigName" if backout else "twinConfigName")
    return Move(start_of(record), target, Outcome.BACKED_OUT if backout else Outcome.ENCRYPTED)


def start_of(record: Remediation) -> str:
    """The config that the endpoint must still be on for the update to be the one that was asked for."""
    return required_fact(record, "twinConfigName" if "backsOut" in record else "sourceConfigName")


def acceptable_starts(record: Remediation) -> tuple[str, ...]:
    """The configs that the endpoint may be on when the work on it begins.

    A backout may find it on its earlier config: the one before it brought it there and failed to see it.
    """
    start = start_of(record)
    return (start, required_fact(record, "sourceConfigName")) if "backsOut" in record else (start,)


def live_capture_problem(endpoint: Endpoint, key_arn: str) -> str:
    """What is wrong with the key of the capture that runs now; empty if nothing is (DESIGN §4.7)."""
    capture = endpoint.get("DataCaptureConfig") or {}
    if not capture.get("EnableCapture") or capture.get("KmsKeyId") == key_arn:
        return ""
    live = capture.get("KmsKeyId") or "no KMS key"
    return (
        f"The config names our key for data capture, but SageMaker kept the running capture as it was: it "
        f"writes with {live}. Update the endpoint once without retaining its data capture."
    )


# Endpoints are updated a few at a time; longer than this nobody waits for a turn.
LONGEST_QUEUE = timedelta(days=14)
# Between looks at a long queue: an execution has 25,000 events, and a look is nine of them.
_LONGEST_QUEUE_WAIT_SECONDS = 1200


def wait_seconds(attempt: int, longest: int = _LONGEST_WAIT_SECONDS) -> int:
    """How long to wait after the `attempt`-th look (from 0): quick at first, twice as long each time."""
    return min(_FIRST_WAIT_SECONDS << min(attempt, 8), longest)


def queue_seconds(attempt: int) -> int:
    """How long to wait for a turn after the `attempt`-th look (from 0)."""
    return wait_seconds(attempt, _LONGEST_QUEUE_WAIT_SECONDS)


def config_in_charge(endpoint: Endpoint) -> str:
    """The config that the endpoint is on, or on its way to."""
    pending = endpoint.get("PendingDeploymentSummary") or {}
    return str(pending.get("EndpointConfigName") or endpoint["EndpointConfigName"])


def is_settling(endpoint: Endpoint) -> bool:
    """Whether what will serve can't be told yet: a change is under way, and may be rolled back.

    While an endpoint is `Updating` it may show its old config alone: DescribeEndpoint had no
    PendingDeploymentSummary 37 s into a plain update (RamVegiraju/SageMaker-Deployment, Update-MME-models). A
    new endpoint has nothing to roll back to.
    """
    return endpoint["EndpointStatus"] in _SETTLING - {"Creating"}


def deployed_at(endpoint: Endpoint, config: Mapping[str, Any]) -> datetime:
    """When what serves was deployed, within seconds. Scaling, patching and rollbacks don't move it.

    Parameters
    ----------
    config
        The body of the endpoint's config. An endpoint with inference components tells no time of deployment:
        then it is when endpoint and config were there.
    """
    variants = endpoint.get("ProductionVariants") or ()
    images = [image for variant in variants for image in variant.get("DeployedImages") or ()]
    resolved = [image["ResolutionTime"] for image in images if image.get("ResolutionTime")]
    return _moment(max(resolved or [endpoint["CreationTime"], config["CreationTime"]]))


def judge_readiness(
    endpoint: Endpoint | None, acceptable: Sequence[str], attempt: int, *, overdue: bool
) -> Wait | None:
    """Whether the endpoint can be updated now (None), or when to look again.

    Raises
    ------
    EndpointGone, EndpointChanged, EndpointNotServing, DeadlinePassed
    """
    endpoint = _present(endpoint)
    if endpoint["EndpointStatus"] in _SETTLING:
        if overdue:
            raise DeadlinePassed(
                f"The endpoint was still {endpoint['EndpointStatus']} at the deadline: nothing was changed."
            )
        return Wait(wait_seconds(attempt))
    _require_serving(endpoint)
    _require_config(endpoint, *acceptable)
    return None


def judge_before_update(
    endpoint: Endpoint | None, move: Move, *, requested: bool, reason_before: str
) -> BeforeUpdate:
    """Whether to request the update, at the last moment before it is requested.

    Safe to ask again after an answer was lost: an update that SageMaker took is not requested twice, and
    one that it took and rolled back with a reason of its own is not tried again. LastModifiedTime tells
    nothing of that: scaling and patching move it, too.

    Parameters
    ----------
    requested
        Whether it may have been requested already, by a try whose answer was lost.
    reason_before
        The FailureReason that the endpoint showed before that; empty if none.

    Raises
    ------
    EndpointBusy
        The endpoint is changing: ask again later.
    EndpointGone, EndpointChanged, EndpointNotServing
    """
    endpoint = _present(endpoint)
    if config_in_charge(endpoint) == move.target:
        return BeforeUpdate.ALREADY_UNDER_WAY
    if endpoint["EndpointStatus"] in _SETTLING:
        raise EndpointBusy(f"The endpoint is {endpoint['EndpointStatus']}.")
    _require_serving(endpoint)
    _require_config(endpoint, move.start)
    if requested and _new_reason(endpoint, reason_before):
        return BeforeUpdate.ALREADY_UNDER_WAY
    return BeforeUpdate.REQUEST


def judge_update(
    endpoint: Endpoint | None,
    move: Move,
    *,
    attempt: int,
    requested_at: datetime,
    reason_before: str,
    now: datetime,
    deadline: timedelta,
) -> Wait | Ended:
    """How the update is doing: `InService` alone is no success, the config must be the target.

    `reason_before` is the FailureReason that the endpoint showed when the update was requested: an old one
    stays, and says nothing about this update.
    """
    if endpoint is None or endpoint["EndpointStatus"] == _GOING:
        return Ended(Outcome.GONE, "The endpoint was deleted while it was being updated.")
    status, config = endpoint["EndpointStatus"], endpoint["EndpointConfigName"]
    aws_says = _update_reason(endpoint, reason_before)
    if status in _SETTLING:
        if now - requested_at < deadline:
            return Wait(wait_seconds(attempt))
        return Ended(
            Outcome.FAILED,
            f"SageMaker has not finished the update: the endpoint is still {status}, and may yet end on "
            "either config.",
        )
    if status != _IN_SERVICE:
        mixed = (
            " It serves on a mix of both configs; delete neither." if status == "UpdateRollbackFailed" else ""
        )
        return Ended(Outcome.FAILED, f"The endpoint is {status}.{mixed} {aws_says}")
    if config == move.target:
        return Ended(move.arrived)
    if config != move.start:
        return Ended(Outcome.SUPERSEDED, f"Someone moved the endpoint to the config {config} meanwhile.")
    if now - requested_at < _UPDATE_VISIBLE_WITHIN:
        return Wait(wait_seconds(attempt))
    return Ended(
        Outcome.ROLLED_BACK,
        f"SageMaker rolled the update back: the endpoint is in service on {move.start} again. {aws_says}",
    )


def uses(endpoint: Endpoint | None, config_name: str) -> bool:
    """Whether an endpoint is on a config, on its way to it, or may have to go back to it.

    While its status leaves that open (a rollback under way, one that failed, an update whose target isn't
    told), it does.
    """
    if endpoint is None or endpoint["EndpointStatus"] == _GOING:
        return False
    pending = endpoint.get("PendingDeploymentSummary")
    # whether AWS tells configs apart by case isn't known: here the safe answer is that it doesn't
    if config_name.casefold() in (
        str(endpoint["EndpointConfigName"]).casefold(),
        config_in_charge(endpoint).casefold(),
    ):
        return True
    # of one that is Failed nothing is left open: it can only be deleted (DESIGN §4.8)
    return endpoint["EndpointStatus"] not in (_IN_SERVICE, "Failed") and not pending


def progress_words(endpoint: Endpoint | None) -> str:
    """How far an update is, as DescribeEndpoint's PendingDeploymentSummary tells; variants by name."""
    if endpoint is None:
        return "it is gone"
    pending = endpoint.get("PendingDeploymentSummary") or {}
    parts: list[str] = []
    for variant in pending.get("ProductionVariants") or ():
        statuses = [str(one.get("Status")) for one in variant.get("VariantStatus") or ()]
        current, desired = (variant.get(name) for name in ("CurrentInstanceCount", "DesiredInstanceCount"))
        counted = f"{current} of {desired} instances" if current is not None and desired is not None else ""
        told = ", ".join(part for part in (statuses[-1] if statuses else "", counted) if part)
        if told:
            parts.append(f"{variant.get('VariantName')}: {told}")
    return "; ".join(parts[:_VARIANTS_TOLD]) or f"the endpoint is {endpoint['EndpointStatus']}"


def failure_reason(endpoint: Endpoint) -> str:
    """The FailureReason that an endpoint shows, be it of an earlier update; empty if none."""
    return str(endpoint.get("FailureReason") or "")


def _new_reason(endpoint: Endpoint, before: str) -> str:
    """The FailureReason, if it is another than before the update; else empty."""
    shown = failure_reason(endpoint)
    return shown if shown != before else ""


def _update_reason(endpoint: Endpoint, before: str) -> str:
    """Why an update ended as it did. A reason that was there before it may be an earlier update's."""
    if before and failure_reason(endpoint) == before:
        return f"AWS gives no new reason. It shows the one from before this update: {before}"
    return _words(failure_reason(endpoint))


def _words(reason: str) -> str:
    return f"AWS says: {reason}" if reason else "AWS gives no reason."


def _present(endpoint: Endpoint | None) -> Endpoint:
    if endpoint is None or endpoint["EndpointStatus"] == _GOING:
        raise EndpointGone("The endpoint no longer exists.")
    return endpoint


def _require_serving(endpoint: Endpoint) -> None:
    status = endpoint["EndpointStatus"]
    if status != _IN_SERVICE:
        raise EndpointNotServing(
            f"The endpoint is {status}, and SageMaker updates only one that is InService. "
            f"{_standing_reason(endpoint)}"
        )


def _standing_reason(endpoint: Endpoint) -> str:
    """The FailureReason of a status that the endpoint is in; only these two are known to bring their own."""
    reason = failure_reason(endpoint)
    if not reason or endpoint["EndpointStatus"] in ("Failed", "UpdateRollbackFailed"):
        return _words(reason)
    return f"The last failure that AWS gives a reason for, maybe an earlier one: {reason}"


def _require_config(endpoint: Endpoint, *acceptable: str) -> None:
    live = endpoint["EndpointConfigName"]
    if live not in acceptable:
        raise EndpointChanged(
            f"The endpoint is on the config {live} now, not on {acceptable[0]} as when this was asked."
        )


def _moment(epoch_seconds: Any) -> datetime:
    """A time of SageMaker's, whose bodies give Unix seconds."""
    return datetime.fromtimestamp(float(epoch_seconds), UTC)
