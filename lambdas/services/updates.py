"""An endpoint's update: its queue, its request, its progress on the card, and what is checked at its end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from lambdas.domain.encryption.plan import paths_to_change
from lambdas.domain.encryption.progress import (
    LONGEST_QUEUE,
    Move,
    UpdateResult,
    live_capture_problem,
    progress_words,
    queue_seconds,
)
from lambdas.domain.encryption.twin import keys_missing, replaced_words
from lambdas.domain.errors import DeadlinePassed
from lambdas.domain.record import Remediation, Run, endpoint_of, from_iso, happened, iso, required_fact
from lambdas.domain.vocabulary import Outcome, Surface
from lambdas.gateways.records.records import records
from lambdas.gateways.records.update_slots import UpdateSlots, update_slots
from lambdas.gateways.sagemaker import sagemaker, sagemaker_tried_once
from lambdas.gateways.settings import required, required_list
from lambdas.services import notifications
from lambdas.services.configs import require_compared
from lambdas.services.observability import logger

# An update that is still in progress after this has lost its execution: the next one doesn't wait for it.
_LEASE_MARGIN = timedelta(hours=1)
_CAPTURE_KEY = ("DataCaptureConfig", "KmsKeyId")


def has_free_slot(remediation: Remediation) -> bool:
    """Whether fewer endpoints are being updated than may be; a hint, as only acquiring a slot decides."""
    return _slots(remediation).others(remediation["remediationId"]) < _at_once()


def acquire_slot(remediation: Remediation, deadline: timedelta, now: datetime) -> bool:
    return _slots(remediation).acquire(
        remediation["remediationId"], now, at_once=_at_once(), lease=deadline + _LEASE_MARGIN
    )


def release_slot(remediation: Remediation) -> None:
    _slots(remediation).release(remediation["remediationId"])


def queue(remediation: Remediation, attempt: int, now: datetime) -> int:
    """Record that there is no update slot yet; returns for how many seconds to wait.

    Raises
    ------
    DeadlinePassed
        Others were updated for two weeks.
    """
    remediation_id = remediation["remediationId"]
    queued_since = remediation.get("queuedSince") or iso(now)
    if now - from_iso(queued_since) >= LONGEST_QUEUE:
        raise DeadlinePassed(
            f"Waited {LONGEST_QUEUE.days} days for an update slot ({_at_once()} endpoints are updated at a "
            "time). Nothing was changed."
        )
    # the endpoint is ready now: its time to settle starts again
    records().note(remediation_id, {"queuedSince": queued_since, "waitingSince": iso(now)})
    others = _slots(remediation).others(remediation_id)
    show_waiting(remediation, f"waiting for an update slot, {others} endpoints are being updated")
    logger.info("no_update_slot_yet", others=others)
    return queue_seconds(attempt)


def show_waiting(run: Run, progress: str) -> None:
    """Record why the update waits, and show it on the card, if that has changed."""
    if progress != run.get("progress"):
        records().note_run(run, {"progress": progress})
        if "backoutId" not in run:
            notifications.show(run["remediationId"])


def show_progress(run: Run, endpoint: Mapping[str, Any] | None, now: datetime) -> None:
    """Record how far the update is, and show it on the card, if that has changed.

    A backout's progress is shown on the card of the remediation that it backs out.
    """
    progress = progress_words(endpoint)
    if progress == run.get("progress"):
        return
    run = records().note_run(run, {"progress": progress}, happened(now, f"The update goes on: {progress}"))
    notifications.show(run["backsOut"] if "backoutId" in run else run["remediationId"])


def request(run: Run, move: Move, options: Mapping[str, Any], now: datetime) -> None:
    """Call UpdateEndpoint, once, if the config is the one that was compared.

    May raise what `configs.require_compared` and `SageMaker.update_endpoint` do. The moment between the two
    calls remains: `verify` looks again once the endpoint has arrived.
    """
    # the retirement of the config that a backout goes to may be about to delete it
    locked = records().config_locked(run, move.target, now) if "backoutId" in run else nullcontext()
    with locked:
        require_compared(move)
        sagemaker_tried_once().update_endpoint(run["endpointName"], move.target, options)


def verify(run: Run, move: Move, endpoint: Mapping[str, Any]) -> tuple[UpdateResult, dict[str, Any]]:
    """Check what the endpoint has arrived on; also returns what to note."""
    config = sagemaker().require_config(move.target)
    if replaced := replaced_words(move.identity, config):
        reason = f"{replaced} The endpoint is in service on that one."
        return UpdateResult(Outcome.FAILED, reason), {"targetReplaced": replaced}
    return (UpdateResult(move.success), {}) if "backoutId" in run else _verify_keys(run, config, endpoint)


def _verify_keys(
    record: Remediation, config: Mapping[str, Any], endpoint: Mapping[str, Any]
) -> tuple[UpdateResult, dict[str, Any]]:
    """Check that the key is where the plan put it, on the twin and on the live capture."""
    twin, key_arn = required_fact(record, "twinConfigName"), required("KMS_KEY_ARN")
    paths = paths_to_change(record.get("surfaceKeys", []))
    if missing := keys_missing(config, key_arn, paths):
        reason = f"The endpoint is on {twin}, but the key is missing there: {', '.join(missing)}."
        return UpdateResult(Outcome.FAILED, reason), {}
    problem = live_capture_problem(endpoint, key_arn) if _CAPTURE_KEY in paths else None
    if not problem:
        return UpdateResult(Outcome.ENCRYPTED), {}
    if Surface.DATA_CAPTURE in required_list("REQUIRED_SURFACES"):
        return UpdateResult(Outcome.FAILED, problem), {}
    return UpdateResult(Outcome.ENCRYPTED), {"notes": [*record.get("notes", []), problem]}


def _slots(remediation: Remediation) -> UpdateSlots:
    return update_slots(endpoint_of(remediation).spoke)


def _at_once() -> int:
    return int(required("CONCURRENT_UPDATES"))
