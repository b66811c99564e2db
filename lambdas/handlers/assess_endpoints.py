"""AssessEndpoints: looks at one batch of a sweep's endpoints, and keeps those that are to be asked about."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lambdas.domain.encryption.assessment import exemption
from lambdas.domain.errors import RemediationError, Throttled
from lambdas.domain.record import Finding
from lambdas.domain.sweep.coverage import Seen, is_covered, is_to_be_asked_about
from lambdas.domain.sweep.digest import finding_key, remediation_id
from lambdas.domain.vocabulary import Verdict
from lambdas.gateways.environment import required_share, rules
from lambdas.gateways.rate_limit import RateLimiters
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker, sagemaker_tried_once
from lambdas.services.observability import count_error, logger, step
from lambdas.services.planning import assessor, planned, required_surfaces
from lambdas.services.survey import Look, Survey

# Under throttling, one endpoint alone takes minutes to give up: what was seen is kept before time is up.
_LOOK_FOR_SECONDS = 600
_THREADS = 4  # what keeps the pace busy while AWS takes its time to answer


@dataclass(frozen=True, slots=True)
class _Found:
    route: str
    key: str
    finding: Finding


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now, sweep_id = datetime.now(UTC), str(event["sweepId"])
    names: list[str] = event["batch"]["names"]
    survey = Survey(
        sagemaker_tried_once(),
        assessor(),
        required_surfaces(),
        RateLimiters(required_share("QUOTA_SHARE")),
        tags=None,
        now=now,
        keep_configs=True,
    )
    seen = Seen()
    with ThreadPoolExecutor(_THREADS) as pool:
        looks = pool.map(partial(_look, survey, time.monotonic() + _LOOK_FOR_SECONDS), names)
        for name, look in zip(names, looks, strict=True):
            try:
                _take_in(seen, sweep_id, look, now)
            except Exception as error:  # noqa: BLE001  # one odd endpoint must not hide the others
                _not_looked_at(seen, name, error)
    digests().keep_batch(sweep_id, event["batch"]["number"], {"listed": len(names), **seen.as_item()}, now)
    logger.info("endpoints_looked_at", looked_at=seen.looked_at, found=seen.found.total())
    return {}


def _look(survey: Survey, until: float, name: str) -> Look | Exception | None:
    """What was read; an error is told of the endpoint that it is about."""
    if time.monotonic() > until:
        return Throttled("The batch's time was up before its turn came: others use up AWS's quotas.")
    try:
        return survey.look_closely(name)
    except Exception as error:  # noqa: BLE001  # see below
        return error


def _not_looked_at(seen: Seen, name: str, error: Exception) -> None:
    word = type(error).__name__
    logger.warning("endpoint_not_looked_at", endpoint_name=name, error_word=word, error_message=str(error))
    count_error(error)
    seen.failed(name, str(error) if isinstance(error, RemediationError) else word)


def _take_in(seen: Seen, sweep_id: str, look: Look | Exception | None, now: datetime) -> None:
    """Count an endpoint, and put it on record if someone has to be asked about it."""
    if isinstance(look, Exception):
        raise look
    found = None
    verdict = look.judged.verdict if look else Verdict.GONE
    if look and verdict is Verdict.UNENCRYPTED:
        tags = sagemaker().list_tags(look.judged.arn)
        if exemption(tags, now).in_force:
            verdict = Verdict.EXEMPT
        else:
            found = _found(sweep_id, look, tags, now)
    if found:
        digests().keep_found(sweep_id, found.route, found.key, found.finding, now)
        seen.found[found.route] += 1
    elif verdict is Verdict.UNENCRYPTED:
        seen.covered += 1
    seen.looked_at += 1
    seen.verdicts[verdict] += 1


def _found(sweep_id: str, look: Look, tags: dict[str, str], now: datetime) -> _Found | None:
    """What someone has to be asked; None where that is asked, or answered, already."""
    one = look.judged
    if not is_to_be_asked_about(look.endpoint, look.config, now):
        return None
    route = rules().choose(one.account_id, one.region, tags)
    plan = planned(look.endpoint, look.config, one.config.surfaces)["planHash"]
    claim = records().holder(one.name)
    covered = is_covered(
        plan,
        mode=route.mode,
        claim=claim,
        holder=records().find_remediation(claim["remediationId"]) if claim else None,
        denial=records().denial(one.name),
        newest=records().newest(one.name),
        now=now,
    )
    if covered:
        return None
    lacking = [str(surface.surface) for surface in one.config.surfaces if surface.problem]
    finding: Finding = {
        "endpointName": one.name,
        "endpointArn": one.arn,
        "remediationId": remediation_id(sweep_id, one.name),
        "sourceConfigName": one.config.name,
        "surfaces": lacking,
        "instanceTypes": list(one.config.instance_types),
    }
    return _Found(route.name, finding_key(one.name, lacking), finding)
