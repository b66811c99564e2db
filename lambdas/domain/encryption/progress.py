"""Where an endpoint stands on its way to its twin, judged from what DescribeEndpoint says (docs/facts.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from lambdas.domain.errors import (
    DeadlinePassed,
    EndpointBusy,
    EndpointChanged,
    EndpointGone,
    EndpointNotServing,
    InvalidInput,
)
from lambdas.domain.plain_text import cleaned
from lambdas.domain.record import ConfigIdentity, Run, from_iso, holder_of, moment, required_fact
from lambdas.domain.vocabulary import Outcome

# With doubling capped at four minutes, an update of 5 to 25 minutes takes about seven polls, and its end is
# noticed two minutes late on average. A poll costs three state transitions and an invocation.
_FIRST_WAIT_SECONDS = 15
_LONGEST_WAIT_SECONDS = 240

_VARIANTS_SHOWN = 4
_IN_SERVICE = "InService"
_SETTLING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
_DELETING = "Deleting"

# For this long after our call, an endpoint on its old config may just not show the update yet.
_UPDATE_VISIBLE_WITHIN = timedelta(seconds=60)

CLOCK_SKEW = timedelta(minutes=2)
"""How far our times and SageMaker's may be apart, with a wide margin.

SageMaker stamps a call up to 1.2 s after the second in which it answered. Too wide a margin costs
descriptions of endpoints; too narrow a one would cost a config in use.
"""

Endpoint = Mapping[str, Any]


class BeforeUpdate(StrEnum):
    """What the update has to do."""

    REQUEST = "REQUEST"
    ALREADY_UNDER_WAY = "ALREADY_UNDER_WAY"


@dataclass(frozen=True, slots=True)
class Move:
    """An update from one config to another: of a remediation to the twin, or of a backout back from it.

    Attributes
    ----------
    success
        The outcome if it succeeds.
    requested_at
        Empty until it was requested, perhaps by an attempt whose response was lost.
    reason_before
        The FailureReason that the endpoint showed before that, if any: an old one stays, and says nothing
        about this update.
    identity
        Of the target, as it was compared: its name alone doesn't say what would be deployed.
    """

    source: str
    target: str
    success: Outcome
    identity: ConfigIdentity
    requested_at: str = ""
    reason_before: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Poll again in `seconds`."""

    seconds: int


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """How an update ended."""

    outcome: Outcome
    reason: str = ""


def move_of(run: Run) -> Move:
    """The update that a remediation makes, or a backout."""
    target, success = (
        ("restoredConfigName", Outcome.BACKED_OUT)
        if "backoutId" in run
        else ("twinConfigName", Outcome.ENCRYPTED)
    )
    return Move(
        start_of(run),
        required_fact(run, target),
        success,
        target_of(run),
        run.get("updateRequestedAt", ""),
        run.get("failureReasonBefore", ""),
    )


def target_of(run: Run) -> ConfigIdentity:
    """The config that was compared, and to which alone the endpoint may be moved.

    Raises
    ------
    InvalidInput
        None was compared yet: the steps did not run in the workflow's order.
    """
    if "targetIdentity" not in run:
        raise InvalidInput(f"The record {holder_of(run)} has no config yet that was compared.")
    return run["targetIdentity"]


def start_of(run: Run) -> str:
    """The config that the endpoint must still be on, or the update is not the one that was asked for."""
    return required_fact(run, "twinConfigName" if "backoutId" in run else "sourceConfigName")


def acceptable_starts(run: Run) -> tuple[str, ...]:
    """The configs that the endpoint may be on when work on it begins.

    A backout may find it on its earlier config, if an earlier backout succeeded unobserved.
    """
    start = start_of(run)
    return (start, required_fact(run, "sourceConfigName")) if "backoutId" in run else (start,)


def live_capture_problem(endpoint: Endpoint, key_arn: str) -> str | None:
    """What is wrong with the key of the live data capture; None if nothing is."""
    capture = endpoint.get("DataCaptureConfig") or {}
    if not capture.get("EnableCapture") or capture.get("KmsKeyId") == key_arn:
        return None
    live = capture.get("KmsKeyId") or "no KMS key"
    return (
        f"The config names our key for data capture, but SageMaker left the live capture unchanged: it still "
        f"writes with {live}. Update the endpoint once without retaining its data capture."
    )


# No remediation waits longer than this for an update slot.
LONGEST_QUEUE = timedelta(days=14)
# Poll interval for a long queue: a poll costs nine of an execution's 25,000 history events.
_LONGEST_QUEUE_WAIT_SECONDS = 1200


def seconds_to_poll(attempt: int, longest: int = _LONGEST_WAIT_SECONDS) -> int:
    """How long to wait after the `attempt`-th poll (from 0): short at first, twice as long each time."""
    return min(_FIRST_WAIT_SECONDS << min(attempt, 8), longest)


def queue_seconds(attempt: int) -> int:
    """How long to wait for an update slot after the `attempt`-th poll (from 0)."""
    return seconds_to_poll(attempt, _LONGEST_QUEUE_WAIT_SECONDS)


def config_in_charge(endpoint: Endpoint) -> str:
    """The config that the endpoint is on, or on its way to."""
    pending = endpoint.get("PendingDeploymentSummary") or {}
    return str(pending.get("EndpointConfigName") or endpoint["EndpointConfigName"])


def is_settling(endpoint: Endpoint) -> bool:
    """Whether it is open which config will be in service: a change is in progress, and may be rolled back.

    While an endpoint is `Updating` it may show its old config alone: DescribeEndpoint had no
    PendingDeploymentSummary 37 s into a plain update (RamVegiraju/SageMaker-Deployment, Update-MME-models). A
    new endpoint has nothing to roll back to.
    """
    return endpoint["EndpointStatus"] in _SETTLING - {"Creating"}


def deployed_at(endpoint: Endpoint, config: Mapping[str, Any]) -> datetime:
    """When the live deployment was made, within seconds. Scaling, patching and rollbacks don't change it.

    Parameters
    ----------
    config
        The body of the endpoint's config. An endpoint with inference components shows no time of deployment:
        then it is the moment when both endpoint and config existed.
    """
    variants = endpoint.get("ProductionVariants") or ()
    images = [image for variant in variants for image in variant.get("DeployedImages") or ()]
    resolved = [image["ResolutionTime"] for image in images if image.get("ResolutionTime")]
    return moment(max(resolved or [endpoint["CreationTime"], config["CreationTime"]]))


def judge_readiness(
    endpoint: Endpoint | None, acceptable: Sequence[str], attempt: int, *, overdue: bool
) -> Wait | None:
    """Whether the endpoint can be updated now (None), or when to poll again.

    Raises
    ------
    EndpointGone, EndpointChanged, EndpointNotServing, DeadlinePassed
    """
    endpoint = require_present(endpoint)
    if endpoint["EndpointStatus"] in _SETTLING:
        if overdue:
            raise DeadlinePassed(
                f"The endpoint was still {endpoint['EndpointStatus']} at the deadline: nothing was changed."
            )
        return Wait(seconds_to_poll(attempt))
    _require_serving(endpoint)
    _require_config(endpoint, *acceptable)
    return None


def judge_before_update(endpoint: Endpoint | None, move: Move) -> BeforeUpdate:
    """Whether to request the update, judged right before the request.

    Safe to repeat after a lost response: an update that SageMaker accepted is not requested twice, and one
    that it accepted and rolled back with a new reason is not tried again. LastModifiedTime doesn't help here,
    because scaling and patching change it, too.

    Raises
    ------
    EndpointBusy
        The endpoint is changing: ask again later.
    EndpointGone, EndpointChanged, EndpointNotServing
    """
    endpoint = require_present(endpoint)
    if config_in_charge(endpoint) == move.target:
        return BeforeUpdate.ALREADY_UNDER_WAY
    if endpoint["EndpointStatus"] in _SETTLING:
        raise EndpointBusy(f"The endpoint is {endpoint['EndpointStatus']}.")
    _require_serving(endpoint)
    _require_config(endpoint, move.source)
    if move.requested_at and failure_reason(endpoint) not in ("", move.reason_before):
        return BeforeUpdate.ALREADY_UNDER_WAY
    return BeforeUpdate.REQUEST


def judge_update(
    endpoint: Endpoint | None,
    move: Move,
    *,
    attempt: int,
    now: datetime,
    deadline: timedelta,
) -> Wait | UpdateResult:
    """How far the update is. `InService` alone is no success: the config must be the target."""
    if endpoint is None or endpoint["EndpointStatus"] == _DELETING:
        return UpdateResult(Outcome.GONE, "The endpoint was deleted while it was being updated.")
    status, config = endpoint["EndpointStatus"], endpoint["EndpointConfigName"]
    aws_says = _update_reason(endpoint, move.reason_before)
    requested_at = from_iso(move.requested_at)
    if status in _SETTLING:
        if now - requested_at < deadline:
            return Wait(seconds_to_poll(attempt))
        return UpdateResult(
            Outcome.FAILED,
            f"SageMaker has not finished the update: the endpoint is still {status}, and may end up "
            "on either config.",
        )
    if status != _IN_SERVICE:
        mixed = (
            " It is in service on a mix of both configs: delete neither of them."
            if status == "UpdateRollbackFailed"
            else ""
        )
        return UpdateResult(Outcome.FAILED, f"The endpoint is {status}.{mixed} {aws_says}")
    if config == move.target:
        return UpdateResult(move.success)
    if config != move.source:
        return UpdateResult(Outcome.SUPERSEDED, f"Someone else moved the endpoint to the config {config}.")
    if now - requested_at < _UPDATE_VISIBLE_WITHIN:
        return Wait(seconds_to_poll(attempt))
    return UpdateResult(
        Outcome.ROLLED_BACK,
        f"SageMaker rolled the update back: the endpoint is in service on {move.source} again. {aws_says}",
    )


def uses(endpoint: Endpoint | None, config_name: str) -> bool:
    """Whether an endpoint is on a config, on its way to it, or may have to go back to it.

    If the status leaves that undecided (rollback in progress or failed, update target unknown), assume it
    does.
    """
    if endpoint is None or endpoint["EndpointStatus"] == _DELETING:
        return False
    pending = endpoint.get("PendingDeploymentSummary")
    # it isn't known whether config names are case-sensitive: the safe assumption is that they aren't
    if config_name.casefold() in (
        str(endpoint["EndpointConfigName"]).casefold(),
        config_in_charge(endpoint).casefold(),
    ):
        return True
    # a Failed endpoint can only be deleted, so nothing is undecided
    return endpoint["EndpointStatus"] not in (_IN_SERVICE, "Failed") and not pending


def progress_words(endpoint: Endpoint | None) -> str:
    """How far an update is, by DescribeEndpoint's PendingDeploymentSummary; variants by name."""
    if endpoint is None:
        return "the endpoint no longer exists"
    pending = endpoint.get("PendingDeploymentSummary") or {}
    parts: list[str] = []
    for variant in pending.get("ProductionVariants") or ():
        statuses = [str(one.get("Status")) for one in variant.get("VariantStatus") or ()]
        current, desired = (variant.get(name) for name in ("CurrentInstanceCount", "DesiredInstanceCount"))
        counted = f"{current} of {desired} instances" if current is not None and desired is not None else ""
        words = ", ".join(part for part in (statuses[-1] if statuses else "", counted) if part)
        if words:
            parts.append(f"{variant.get('VariantName')}: {words}")
    return "; ".join(parts[:_VARIANTS_SHOWN]) or f"the endpoint is {endpoint['EndpointStatus']}"


def failure_reason(endpoint: Endpoint) -> str:
    """The FailureReason that an endpoint shows, perhaps of an earlier update; empty if there is none."""
    return cleaned(str(endpoint.get("FailureReason") or ""))


def _update_reason(endpoint: Endpoint, before: str) -> str:
    """Why an update ended as it did. A reason that was shown before it may be an earlier update's."""
    if before and failure_reason(endpoint) == before:
        return f"AWS gives no new reason; it still shows the one from before this update: {before}"
    return _words(failure_reason(endpoint))


def _words(reason: str) -> str:
    return f"AWS says: {reason}" if reason else "AWS gives no reason."


def require_present(endpoint: Endpoint | None) -> Endpoint:
    """Raise `EndpointGone` if an endpoint was deleted, or is being."""
    if endpoint is None or endpoint["EndpointStatus"] == _DELETING:
        raise EndpointGone("The endpoint no longer exists.")
    return endpoint


def _require_serving(endpoint: Endpoint) -> None:
    status = endpoint["EndpointStatus"]
    if status != _IN_SERVICE:
        raise EndpointNotServing(
            f"The endpoint is {status}, and SageMaker updates only endpoints that are InService. "
            f"{_standing_reason(endpoint)}"
        )


def _standing_reason(endpoint: Endpoint) -> str:
    """The FailureReason of the current status; only these two are known to come with their own."""
    reason = failure_reason(endpoint)
    if not reason or endpoint["EndpointStatus"] in ("Failed", "UpdateRollbackFailed"):
        return _words(reason)
    return f"AWS's last reason for a failure, perhaps an earlier one: {reason}"


def _require_config(endpoint: Endpoint, *acceptable: str) -> None:
    live = endpoint["EndpointConfigName"]
    if live not in acceptable:
        raise EndpointChanged(
            f"The endpoint is now on the config {live}, no longer on {acceptable[0]} as when this was asked."
        )
