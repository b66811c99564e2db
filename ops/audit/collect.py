"""Looks at every endpoint of some regions: the regions side by side, each at its own pace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from botocore.config import Config

from lambdas.domain.errors import RemediationError
from lambdas.domain.sweep.audit import AuditedEndpoint, sharing, worst_first
from lambdas.domain.vocabulary import Surface
from lambdas.gateways.aws import SINGLE_ATTEMPT
from lambdas.gateways.kms import Kms
from lambdas.gateways.rate_limit import RateLimiters
from lambdas.gateways.resource_tags import ResourceTags
from lambdas.gateways.sagemaker import SageMaker
from lambdas.services.assessments import Assessor
from lambdas.services.survey import Survey
from ops.audit.result import Audit, LatestRemediation, Problem
from ops.deployment import Deployment, NotDeployed

# Enough that the quotas set the pace even where a call takes half a second; more get into each other's way.
CONCURRENCY = 6
_AHEAD = 4  # endpoints in hand for each thread: the next page is listed while the last one is looked at


class Progress(Protocol):
    """Hears how far an audit is, from several threads."""

    def listed(self, region: str, count: int) -> None: ...
    def looked_at(self, region: str, count: int) -> None: ...
    def ended(self, region: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How an audit is done.

    Attributes
    ----------
    share
        The part of AWS's quotas that it may use; None for as fast as calls come.
    concurrency
        Calls at once, in each region.
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
    """What one region's audit found so far."""

    endpoints: list[AuditedEndpoint] = field(default_factory=list[AuditedEndpoint])
    problems: list[Problem] = field(default_factory=list[Problem])
    remediations: dict[str, LatestRemediation] = field(default_factory=dict[str, LatestRemediation])


def collect(deployments: Sequence[Deployment], plan: Plan, progress: Progress) -> Audit:
    """Look at everything. What can't be looked at is a problem of the audit, and stops nothing else."""
    with ThreadPoolExecutor(len(deployments), thread_name_prefix="region") as pool:
        looked = [pool.submit(_look_at, deployment, plan, progress) for deployment in deployments]
        found = dict(
            zip(
                (deployment.region for deployment in deployments),
                (one.result() for one in looked),
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


def _look_at(deployment: Deployment, plan: Plan, progress: Progress) -> _Region:
    found, name = _Region(), deployment.region

    def told(what: str, error: RemediationError | NotDeployed) -> None:
        found.problems.append(Problem(name, what, str(error)))

    tags = None
    try:
        tags = ResourceTags(deployment.client("resourcegroupstaggingapi")).of_endpoints()
    except RemediationError as error:
        told("tags, and so exemptions", error)
    key_arn = ""
    try:
        if deployment.is_deployed:
            key_arn = deployment.output("KmsKeyArn")
            found.remediations = _remediations(deployment)
    except (NotDeployed, RemediationError) as error:
        told("remediations on record", error)
    keys = Kms(deployment.client("kms"))  # made before there are threads
    survey = Survey(
        SageMaker(deployment.client("sagemaker", config=_client_config(plan))),
        Assessor(lambda: keys, plan.encrypted_by(name), key_arn),
        plan.required,
        RateLimiters(plan.share),
        tags=tags,
        now=plan.now,
    )
    try:
        for endpoint, looked in _looked_at(survey, plan, lambda count: progress.listed(name, count)):
            try:
                audited = looked.result()
            except RemediationError as error:
                told(f"endpoint {endpoint}", error)
            else:
                if audited is None:
                    found.problems.append(
                        Problem(name, f"endpoint {endpoint}", "It was deleted while the audit ran.")
                    )
                else:
                    found.endpoints.append(audited)
            progress.looked_at(name, 1)
    except RemediationError as error:
        told("the list of endpoints", error)
    progress.ended(name)
    return found


def _looked_at(
    survey: Survey, plan: Plan, listed: Callable[[int], None]
) -> Iterator[tuple[str, Future[AuditedEndpoint | None]]]:
    """Each endpoint's name and what was seen of it, a few of them at a time.

    An error of the list is raised once all that was listed before it has been looked at.
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
        endpoint: LatestRemediation(record["remediationId"], record["startedAt"], record.get("outcome", ""))
        for endpoint, record in deployment.records.latest().items()
    }


def _client_config(plan: Plan) -> Config:
    return SINGLE_ATTEMPT.merge(
        Config(
            max_pool_connections=plan.concurrency,
            parameter_validation=False,
            # who asks, in CloudTrail's words; botocore would make up its own anew for each call, which is a
            # fifth of what a call costs here
            user_agent="Sealpoint-audit",
        )
    )
