"""What a sweep covers: which endpoints it assesses, what it finds, and what it misses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import still_denied
from lambdas.domain.approval.routes import Mode
from lambdas.domain.claims import is_at_work
from lambdas.domain.encryption.progress import deployed_at, is_settling
from lambdas.domain.record import Claim, Denial, Remediation, Run, iso, moment
from lambdas.domain.vocabulary import Outcome

PROBLEMS_KEPT = 5  # of a batch; the logs have all of them
_PROBLEM_LIMIT = 300  # characters of a service's message
# An event arrives within minutes and says who made the change, so it asks better than a sweep does.
_LEFT_TO_ITS_EVENT = timedelta(minutes=30)
# A card is retried for an hour and a half while Slack is down, and AWS may be throttling before that.
_LONGEST_TO_ASK = timedelta(hours=3)
_FIRST_LOOK, _LONGEST_LOOK = timedelta(seconds=15), timedelta(minutes=5)
_CLOCK_SKEW = timedelta(seconds=10)  # between SageMaker's time of a creation and ours of its record
# SageMaker accepts no update in these statuses, so there is nothing to ask.
_NOT_UPDATABLE = frozenset({"Failed", "Deleting", "UpdateRollbackFailed"})


@dataclass(slots=True)
class Coverage:
    """What an assessment of some endpoints found, and what it missed.

    Attributes
    ----------
    verdicts
        The number of endpoints by `Verdict`.
    found
        The number of unencrypted endpoints that someone has to be asked about, by route.
    covered
        The number of unencrypted endpoints with an open question, a denial or a final outcome.
    unannounced
        The number of endpoints created since the sweep before, of whose creation no event is on record.
    """

    assessed: int = 0
    verdicts: Counter[str] = field(default_factory=Counter[str])
    found: Counter[str] = field(default_factory=Counter[str])
    covered: int = 0
    unannounced: int = 0
    missed: int = 0
    problems: list[str] = field(default_factory=list[str])

    def add_missed(self, name: str, why: str) -> None:
        """Count an endpoint that could not be assessed."""
        self.missed += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(f"{name}: {why[:_PROBLEM_LIMIT]}")

    def as_item(self) -> dict[str, Any]:
        """As it is stored with the batch."""
        return {
            "assessed": self.assessed,
            "verdicts": dict(self.verdicts),
            "found": dict(self.found),
            "covered": self.covered,
            "unannounced": self.unannounced,
            "missed": self.missed,
            "problems": self.problems,
        }


@dataclass(frozen=True, slots=True)
class SweepResult:
    """A sweep, added up.

    Attributes
    ----------
    unasked
        How many of the found endpoints nobody could be asked about, by the reason.
    """

    listed: int
    coverage: Coverage
    error: str = ""
    unasked: Counter[str] = field(default_factory=Counter[str])

    @property
    def is_complete(self) -> bool:
        return not self.error and not self.coverage.missed and not self.unasked

    @property
    def reason(self) -> str:
        """Why it isn't complete, in words; empty if the batches say it."""
        asked = [f"{_endpoints(number)}: {why}" for why, number in self.unasked.items()]
        return " ".join([self.error, *asked]).strip()


def add_up(batches: Iterable[Mapping[str, Any]], error: str = "") -> SweepResult:
    """All batches of a sweep. Batches that were listed but never assessed are reported as missed."""
    listed, total = 0, Coverage()
    for batch in batches:
        listed += batch["listed"]
        if "assessed" not in batch:
            total.missed += batch["listed"]
            total.problems.append(f"{batch['listed']} endpoints of one batch: the batch was not assessed.")
            continue
        total.assessed += batch["assessed"]
        total.verdicts.update(batch["verdicts"])
        total.found.update(batch["found"])
        total.covered += batch["covered"]
        total.unannounced += batch["unannounced"]
        total.missed += batch["missed"]
        total.problems += batch["problems"]
    return SweepResult(listed, total, error)


def _endpoints(number: int) -> str:
    return "1 endpoint" if number == 1 else f"{number} endpoints"


def seconds_until_asked(since: datetime, now: datetime) -> int | None:
    """How long to wait until what was found is asked about; None if that has taken too long."""
    if now - since >= _LONGEST_TO_ASK:
        return None
    return int(min(max(_FIRST_LOOK, (now - since) / 4), _LONGEST_LOOK).total_seconds())


def is_to_be_asked_about(endpoint: Mapping[str, Any], config: Mapping[str, Any], now: datetime) -> bool:
    """Whether an unencrypted endpoint can be updated, and no event about it is still to be expected.

    Parameters
    ----------
    endpoint, config
        The bodies of DescribeEndpoint and DescribeEndpointConfig.
    """
    if endpoint["EndpointStatus"] in _NOT_UPDATABLE or is_settling(endpoint):
        return False
    return now - deployed_at(endpoint, config) >= _LEFT_TO_ITS_EVENT


def may_be_unannounced(endpoint: Mapping[str, Any], since: str, now: datetime) -> bool:
    """Whether an endpoint's creation has to be on record by now, from its event.

    Only creations count: a body shows no time that a person's update alone sets. Those in the half hour
    before a sweep's end don't count, since their events may still have been on their way.

    Parameters
    ----------
    since
        When the last complete sweep ended: Sealpoint and its rules were deployed by then. Empty if none did.
    """
    created = moment(endpoint["CreationTime"])
    return bool(since) and since < iso(created) and now - created >= _LEFT_TO_ITS_EVENT


def is_announced(endpoint: Mapping[str, Any], newest: Run | None) -> bool:
    """Whether an endpoint has a record from after its creation, and not one of an earlier namesake."""
    return newest is not None and newest["startedAt"] >= iso(moment(endpoint["CreationTime"]) - _CLOCK_SKEW)


def is_covered(
    plan: str,
    *,
    mode: Mode,
    claim: Claim | None,
    holder: Remediation | None,
    unseen: bool,
    denial: Denial | None,
    newest: Run | None,
    now: datetime,
) -> bool:
    """Whether nobody has to be asked about a plan: it is being worked on, was denied, or failed for good.

    Parameters
    ----------
    mode
        Mode of the current route. Endpoints handled in `observe` mode are asked about once the route starts
        asking.
    claim, holder
        The claim on the endpoint, and the record of the remediation that holds it.
    unseen
        Whether that remediation has a question that nobody can see.
    newest
        The endpoint's newest record.
    """
    if claim and claim["leaseUntil"] > iso(now) and is_at_work(claim, holder, plan, unseen=unseen):
        return True
    if still_denied(denial, plan, now):
        return True
    settled_as = {Outcome.UNSUPPORTED} | ({Outcome.OBSERVED} if mode is Mode.OBSERVE else set[Outcome]())
    if newest is None or "backoutId" in newest:
        return False
    return newest.get("outcome") in settled_as and newest.get("foundPlanHash") == plan
