"""Checks every endpoint of some regions: the regions in parallel, each within its own rate limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from botocore.config import Config

from lambdas.domain.errors import RemediationError
from lambdas.domain.record import run_id
from lambdas.domain.sweep.audit import AuditedEndpoint, sharing, worst_first
from lambdas.domain.vocabulary import Surface
from lambdas.gateways.aws import SINGLE_ATTEMPT
from lambdas.gateways.cloudtrail import CloudTrail
from lambdas.gateways.kms import Kms
from lambdas.gateways.rate_limit import RateLimiters
from lambdas.gateways.resource_tags import ResourceTags
from lambdas.gateways.sagemaker import SageMaker
from lambdas.services.assessments import Assessor
from lambdas.services.survey import Survey
from ops.audit.result import Audit, LatestRemediation, Problem
from ops.deployment import Deployment, NotDeployed
from ops.errors import explained

# Enough calls to use up the quotas even if each takes half a second. More threads only slow each other down.
CONCURRENCY = 6
_AHEAD = 4  # endpoints queued for each thread, so that the next page is listed while the last is checked


class Progress(Protocol):
    """Is notified of an audit's progress, from several threads."""

    def listed(self, region: str, count: int) -> None: ...
    def checked(self, region: str, count: int) -> None: ...
    def ended(self, region: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How an audit is done.

    Attributes
    ----------
    share
        The share of AWS's quotas that it may use. None means no limit.
    concurrency
        Calls at the same time, in each region.
    encrypted_by
        The setting ``encryptedBy`` for a region.
    """

    required: tuple[Surface, ...]
    encrypted_by: Callable[[str], tuple[str, ...]]
    share: float | None
    concurrency: int
    now: datetime


@dataclass(slots=True)
class _Region:
    """What the audit of one region has found so far."""

    endpoints: list[AuditedEndpoint] = field(default_factory=list[AuditedEndpoint])
    problems: list[Problem] = field(default_factory=list[Problem])
    remediations: dict[str, LatestRemediation] = field(default_factory=dict[str, LatestRemediation])


def collect(deployments: Sequence[Deployment], plan: Plan, progress: Progress) -> Audit:
    """Check everything. What can't be checked is listed as a problem, and the rest goes on."""
    with ThreadPoolExecutor(len(deployments), thread_name_prefix="region") as pool:
        checks = [pool.submit(_check, deployment, plan, progress) for deployment in deployments]
        found = dict(
            zip(
                (deployment.region for deployment in deployments),
                (check.result() for check in checks),
                strict=True,
            )
        )
    endpoints = worst_first([one for region in found.values() for one in region.endpoints])
    return Audit(
        account_id=endpoints[0].account_id if endpoints else deployments[0].account_id,
        made_at=plan.now,
        regions=tuple(found),
        required=plan.required,
        endpoints=endpoints,
        shared=sharing(endpoints),
        remediations={
            (name, endpoint): latest
            for name, region in found.items()
            for endpoint, latest in region.remediations.items()
        },
        problems=[problem for region in found.values() for problem in region.problems],
    )


def _check(deployment: Deployment, plan: Plan, progress: Progress) -> _Region:
    found, name = _Region(), deployment.region

    def failed(subject: str, error: RemediationError | NotDeployed) -> None:
        found.problems.append(Problem(name, subject, explained(error)))

    tags = None
    try:
        tags = ResourceTags(deployment.client("resourcegroupstaggingapi")).of_endpoints()
    except RemediationError as error:
        failed("tags, and therefore exemptions", error)
    key_arn = ""
    try:
        if deployment.is_deployed:
            key_arn = deployment.output("KmsKeyArn")
            found.remediations = _remediations(deployment)
    except (NotDeployed, RemediationError) as error:
        failed("remediations on record", error)
    keys = Kms(deployment.client("kms"))  # created before the threads start
    survey = Survey(
        SageMaker(deployment.client("sagemaker", config=_client_config(plan))),
        Assessor(lambda: keys, plan.encrypted_by(name), key_arn),
        plan.required,
        RateLimiters(plan.share),
        tags=tags,
        now=plan.now,
        trail=lambda: CloudTrail(deployment.client("cloudtrail")),
    )
    try:
        for endpoint, check in _checked(survey, plan, lambda count: progress.listed(name, count)):
            try:
                audited = check.result()
            except RemediationError as error:
                failed(f"endpoint {endpoint}", error)
            else:
                if audited is None:
                    found.problems.append(
                        Problem(name, f"endpoint {endpoint}", "It was deleted while the audit ran.")
                    )
                else:
                    found.endpoints.append(audited)
            progress.checked(name, 1)
    except RemediationError as error:
        failed("the list of endpoints", error)
    progress.ended(name)
    return found


def _checked(
    survey: Survey, plan: Plan, listed: Callable[[int], None]
) -> Iterator[tuple[str, Future[AuditedEndpoint | None]]]:
    """Each endpoint's name and the check of it, a few at a time.

    If listing fails, the error is raised once everything listed before it has been checked.
    """
    waiting: list[tuple[str, Future[AuditedEndpoint | None]]] = []
    stop: RemediationError | None = None
    with ThreadPoolExecutor(plan.concurrency, thread_name_prefix="endpoint") as pool:
        pages, seen = survey.names(), set[str]()
        while True:
            try:
                page = next(pages, None)
            except RemediationError as error:
                page, stop = None, error
            if page is None:
                break
            new = [name for name in page if name not in seen]
            seen.update(new)
            listed(len(new))
            for name in new:
                waiting.append((name, pool.submit(survey.audit, name)))
                if len(waiting) > plan.concurrency * _AHEAD:
                    yield waiting.pop(0)
        yield from waiting
    if stop is not None:
        raise stop


def _remediations(deployment: Deployment) -> dict[str, LatestRemediation]:
    return {
        endpoint.name: LatestRemediation(run_id(record), record["startedAt"], record.get("outcome", ""))
        for endpoint, record in deployment.records.latest().items()
    }


def _client_config(plan: Plan) -> Config:
    return SINGLE_ATTEMPT.merge(
        Config(
            max_pool_connections=plan.concurrency,
            parameter_validation=False,
            # names the caller in CloudTrail; botocore would build its own for each call, which takes a fifth
            # of a call's time here
            user_agent="Sealpoint-audit",
        )
    )
