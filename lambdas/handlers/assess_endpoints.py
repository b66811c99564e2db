"""AssessEndpoints: looks at one batch of a sweep's endpoints, and keeps those that are to be asked about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from gateways.digests import digests
from gateways.environment import required_share, rules
from gateways.pace import Paces
from gateways.records import records
from gateways.sagemaker import sagemaker, sagemaker_tried_once
from gateways.survey import Look, Survey
from handlers.shared.observability import logger, step
from handlers.shared.planning import assessor, planned, required_surfaces
from remediation.assessment import exemption
from remediation.digest import finding_key, remediation_id
from remediation.errors import RemediationError
from remediation.record import Finding
from remediation.sweep import Seen, is_covered
from remediation.vocabulary import Verdict

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
        Paces(required_share("QUOTA_SHARE")),
        tags=None,
        now=now,
        keep_configs=True,
    )
    seen = Seen()
    with ThreadPoolExecutor(_THREADS) as pool:
        looks = pool.map(partial(_look, survey), names)
        for name, look in zip(names, looks, strict=True):
            try:
                _take_in(seen, sweep_id, look, now)
            except RemediationError as error:
                logger.warning(
                    "endpoint_not_looked_at",
                    endpoint_name=name,
                    error_word=type(error).__name__,
                    error_message=str(error),
                )
                seen.failed(name, str(error))
    digests().keep_batch(sweep_id, event["batch"]["number"], {"listed": len(names), **seen.as_item()}, now)
    logger.info("endpoints_looked_at", looked_at=seen.looked_at, found=seen.found.total())
    return {}


def _look(survey: Survey, name: str) -> Look | RemediationError | None:
    try:
        return survey.look_closely(name)
    except RemediationError as error:
        return error


def _take_in(seen: Seen, sweep_id: str, look: Look | RemediationError | None, now: datetime) -> None:
    """Count an endpoint, and put it on record if someone has to be asked about it."""
    if isinstance(look, RemediationError):
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
    plan = planned(look.endpoint, look.config, one.config.surfaces)["planHash"]
    claim = records().holder(one.name)
    covered = is_covered(
        plan,
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
    route = rules().choose(one.account_id, one.region, tags)
    return _Found(route.name, finding_key(one.name, lacking), finding)
