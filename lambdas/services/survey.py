"""Reads and assesses many endpoints, rate-limited: each endpoint once, each config once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from lambdas.domain.claims import remediation_of
from lambdas.domain.encryption import serving
from lambdas.domain.encryption.assessment import exemption
from lambdas.domain.encryption.serving import Serving
from lambdas.domain.endpoint_id import EndpointId
from lambdas.domain.errors import RemediationError, Throttled
from lambdas.domain.record import Finding
from lambdas.domain.sweep.audit import (
    AuditedConfig,
    AuditedEndpoint,
    audit_config,
    audit_endpoint,
    config_of,
    missing_config,
)
from lambdas.domain.sweep.coverage import (
    Coverage,
    is_announced,
    is_covered,
    is_to_be_asked_about,
    may_be_unannounced,
)
from lambdas.domain.sweep.digest import finding_key, remediation_id
from lambdas.domain.vocabulary import Surface, Verdict
from lambdas.gateways.cloudtrail import CloudTrail, cloudtrail
from lambdas.gateways.rate_limit import RateLimiters
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import SageMaker, sagemaker, sagemaker_tried_once
from lambdas.gateways.settings import required_share, rules
from lambdas.services.assessments import Assessor, assessor, planned, required_surfaces
from lambdas.services.claims import is_unseen
from lambdas.services.deployments import what_serves
from lambdas.services.observability import count_error, logger

# Stop assessing after this long and save: a single throttled endpoint can take minutes.
_ASSESS_FOR_SECONDS = 600
_THREADS = 4  # enough to use the rate limit while AWS takes its time to respond

# Of a config's body, what tells it from another one of its name.
_IDENTITY = ("EndpointConfigName", "CreationTime")

_Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Assessed:
    """An endpoint as it was read and assessed; `config` is empty if it was deleted while in use."""

    endpoint: _Body
    config: _Body
    audited: AuditedEndpoint


class Survey:
    """Assesses one region's endpoints. Safe to share between threads.

    Every method may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`.

    Parameters
    ----------
    sagemaker
        Without retries of its own: the rate limiters have them.
    tags
        Of the endpoints that have any, by ARN in lower case; None if they could not be read.
    keep_configs
        Whether to keep whole configs beside their assessments: ten thousand take memory.
    """

    def __init__(
        self,
        sagemaker: SageMaker,
        assessor: Assessor,
        required: Collection[Surface],
        limits: RateLimiters,
        *,
        tags: Mapping[str, Mapping[str, str]] | None,
        now: datetime,
        keep_configs: bool = False,
        trail: Callable[[], CloudTrail] = cloudtrail,
    ) -> None:
        self._sagemaker = sagemaker
        self._assessor = assessor
        self._required = required
        self._limits = limits
        self._tags = tags
        self._now = now
        self._keep_configs = keep_configs
        self._trail = trail
        self._configs: dict[str, Future[tuple[AuditedConfig, _Body]]] = {}
        self._lock = threading.Lock()

    def names(self) -> Iterator[list[str]]:
        """The names of all endpoints, by page."""
        names, token = self.names_page("")
        yield names
        while token:
            names, token = self.names_page(token)
            yield names

    def names_page(self, token: str) -> tuple[list[str], str]:
        """Up to 100 names, and the token of the next page (empty if there is none)."""
        return self._limits["ListEndpoints"].call(lambda: self._sagemaker.endpoints_page(token))

    def audit(self, name: str) -> AuditedEndpoint | None:
        """An endpoint's audit; None if it no longer exists. Raises what `assess` does."""
        assessed = self.assess(name)
        return assessed.audited if assessed else None

    def assess(self, name: str) -> Assessed | None:
        """An endpoint, with the bodies that it was assessed by; None if it no longer exists."""
        body = self._limits["DescribeEndpoint"].call(lambda: self._sagemaker.describe_endpoint(name))
        if body is None:
            return None
        config, config_body = self._config(config_of(body))
        tags = None if self._tags is None else self._tags.get(str(body["EndpointArn"]).lower(), {})
        runs, doubt = Serving.UNKNOWN, serving.gone(config.name)
        if config_body:
            runs = what_serves(body, config_body, self._now, trail=self._trail)
            doubt = serving.doubt(runs, config_body)
        audited = audit_endpoint(body, config, tags, self._now, runs=runs, doubt=doubt)
        return Assessed(body, config_body, audited)

    def _config(self, name: str) -> tuple[AuditedConfig, _Body]:
        """A config. The first thread to ask for it reads it; the others wait for the result."""
        with self._lock:
            known = self._configs.get(name)
            mine = known or self._configs.setdefault(name, Future())
        if known is None:
            try:
                mine.set_result(self._read_config(name))
            except Exception as error:
                mine.set_exception(error)
                raise
        return mine.result()

    def _read_config(self, name: str) -> tuple[AuditedConfig, _Body]:
        body = self._limits["DescribeEndpointConfig"].call(lambda: self._sagemaker.describe_config(name))
        if body is None:
            return missing_config(name), {}
        audited = audit_config(body, self._assessor.assess(body), self._required)
        return audited, body if self._keep_configs else {member: body[member] for member in _IDENTITY}


def assess_batch(sweep_id: str, names: list[str], now: datetime) -> Coverage:
    """Assess some of a sweep's endpoints; those that someone has to be asked about go on record."""
    survey = Survey(
        sagemaker_tried_once(),
        assessor(),
        required_surfaces(),
        RateLimiters(required_share("QUOTA_SHARE")),
        tags=None,
        now=now,
        keep_configs=True,
    )
    coverage, last_completed = Coverage(), digests().last_completed()
    with ThreadPoolExecutor(_THREADS) as pool:
        results = pool.map(partial(_assess, survey, time.monotonic() + _ASSESS_FOR_SECONDS), names)
        for name, result in zip(names, results, strict=True):
            try:
                _add(coverage, sweep_id, result, now)
                coverage.unannounced += _is_unannounced(result, last_completed, now)
            except Exception as error:  # noqa: BLE001  # one odd endpoint must not hide the others
                _add_missed(coverage, name, error)
    return coverage


def _assess(survey: Survey, until: float, name: str) -> Assessed | Exception | None:
    """Assess an endpoint. An error is returned, to be reported with the endpoint's name."""
    if time.monotonic() > until:
        return Throttled("The batch ran out of time before this endpoint: others use up AWS's quotas.")
    try:
        return survey.assess(name)
    except Exception as error:  # noqa: BLE001  # see above
        return error


def _add(coverage: Coverage, sweep_id: str, result: Assessed | Exception | None, now: datetime) -> None:
    """Count an endpoint, and put it on record if someone has to be asked about it."""
    if isinstance(result, Exception):
        raise result
    found = None
    verdict = result.audited.verdict if result else Verdict.GONE
    if result and verdict in (Verdict.UNENCRYPTED, Verdict.UNKNOWN):
        tags = sagemaker().list_tags(result.audited.arn)
        if exemption(tags, now).in_force:
            verdict = Verdict.EXEMPT
        elif result.config:
            found = _finding(sweep_id, result, tags, now)
    if found:
        route, finding = found
        key = finding_key(finding["endpointId"], finding["surfaces"])
        digests().save_found(sweep_id, route, key, finding, now)
        coverage.found[route] += 1
    elif verdict in (Verdict.UNENCRYPTED, Verdict.UNKNOWN):
        coverage.covered += 1
    coverage.assessed += 1
    coverage.verdicts[verdict] += 1


def _is_unannounced(result: Assessed | Exception | None, last_completed: str, now: datetime) -> bool:
    """Whether an endpoint is newer than the last complete sweep, and no event of it ever came."""
    if not isinstance(result, Assessed) or not may_be_unannounced(result.endpoint, last_completed, now):
        return False
    name = result.audited.name
    if is_announced(result.endpoint, records().newest(EndpointId.described(result.endpoint))):
        return False
    logger.warning("creation_unannounced", endpoint_name=name)
    return True


def _add_missed(coverage: Coverage, name: str, error: Exception) -> None:
    word = type(error).__name__
    logger.warning("endpoint_not_assessed", endpoint_name=name, error_name=word, error_message=str(error))
    count_error(error)
    coverage.add_missed(name, str(error) if isinstance(error, RemediationError) else word)


def _finding(
    sweep_id: str, assessed: Assessed, tags: dict[str, str], now: datetime
) -> tuple[str, Finding] | None:
    """What someone has to be asked, and on which route; None if it has been asked or decided already."""
    one = assessed.audited
    if not is_to_be_asked_about(assessed.endpoint, assessed.config, now):
        return None
    route = rules().choose(one.account_id, one.region, tags)
    plan = planned(assessed.endpoint, assessed.config, one.config.surfaces)["planHash"]
    endpoint = EndpointId.described(assessed.endpoint)
    claim = records().holder(endpoint)
    holder = records().find_remediation(remediation_of(claim)) if claim else None
    covered = is_covered(
        plan,
        mode=route.mode,
        claim=claim,
        holder=holder,
        unseen=is_unseen(holder),
        denial=records().denial(endpoint),
        newest=records().newest(endpoint),
        now=now,
    )
    if covered:
        return None
    return route.name, {
        "endpointId": str(endpoint),
        "endpointName": one.name,
        "endpointArn": one.arn,
        "remediationId": remediation_id(sweep_id, str(endpoint)),
        "sourceConfigName": one.config.name,
        "surfaces": [str(surface.surface) for surface in one.config.surfaces if surface.problem],
        "instanceTypes": list(one.config.instance_types),
    }
