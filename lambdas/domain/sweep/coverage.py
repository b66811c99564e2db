"""What a sweep looks at and finds, added up, and what is said of one that is not whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import still_denied
from lambdas.domain.approval.routes import Mode
from lambdas.domain.encryption.progress import deployed_at, is_settling
from lambdas.domain.messages.blocks import Message, clip, code, context, escape, header, section
from lambdas.domain.record import Claim, Denial, Remediation, iso
from lambdas.domain.vocabulary import Outcome

PROBLEMS_KEPT = 5  # of a batch; the logs have them all
_PROBLEMS_TOLD = 8
_PROBLEM_LIMIT = 300  # characters of what a service said
# An event comes within minutes, and says who made the change: that one asks better than a sweep does.
_LEFT_TO_ITS_EVENT = timedelta(minutes=30)
# SageMaker takes no update of an endpoint in such a status, so there is nothing to ask.
_NOT_UPDATABLE = frozenset({"Failed", "Deleting", "UpdateRollbackFailed"})


@dataclass(slots=True)
class Seen:
    """What was seen of some endpoints.

    Attributes
    ----------
    verdicts
        How many there are of each `Verdict`.
    found
        Unencrypted endpoints that nothing covers yet, by route.
    covered
        How many unencrypted ones an open question, a denial or an earlier outcome covers.
    """

    looked_at: int = 0
    verdicts: Counter[str] = field(default_factory=Counter[str])
    found: Counter[str] = field(default_factory=Counter[str])
    covered: int = 0
    not_looked_at: int = 0
    problems: list[str] = field(default_factory=list[str])

    def failed(self, name: str, says: str) -> None:
        self.not_looked_at += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(f"{name}: {says[:_PROBLEM_LIMIT]}")

    def as_item(self) -> dict[str, Any]:
        """As it is kept beside the batch that was listed."""
        return {
            "lookedAt": self.looked_at,
            "verdicts": dict(self.verdicts),
            "found": dict(self.found),
            "covered": self.covered,
            "notLookedAt": self.not_looked_at,
            "problems": self.problems,
        }


@dataclass(frozen=True, slots=True)
class Swept:
    """A sweep, added up."""

    listed: int
    seen: Seen
    error: str = ""

    @property
    def is_complete(self) -> bool:
        return not self.error and not self.seen.not_looked_at


def add_up(batches: Iterable[Mapping[str, Any]], error: str = "") -> Swept:
    """All batches of a sweep; a batch that was listed and never looked at is told as such."""
    listed, total = 0, Seen()
    for batch in batches:
        listed += batch["listed"]
        if "lookedAt" not in batch:
            total.not_looked_at += batch["listed"]
            total.problems.append(f"{batch['listed']} endpoints of one batch: it could not be looked at.")
            continue
        total.looked_at += batch["lookedAt"]
        total.verdicts.update(batch["verdicts"])
        total.found.update(batch["found"])
        total.covered += batch["covered"]
        total.not_looked_at += batch["notLookedAt"]
        total.problems += batch["problems"]
    return Swept(listed, total, error)


def is_to_be_asked_about(endpoint: Mapping[str, Any], config: Mapping[str, Any], now: datetime) -> bool:
    """Whether an unencrypted endpoint can be updated at all, and no event is on its way to ask about it.

    Parameters
    ----------
    endpoint, config
        The bodies of DescribeEndpoint and DescribeEndpointConfig.
    """
    if endpoint["EndpointStatus"] in _NOT_UPDATABLE or is_settling(endpoint):
        return False
    return now - deployed_at(endpoint, config) >= _LEFT_TO_ITS_EVENT


def is_covered(
    plan: str,
    *,
    mode: Mode,
    claim: Claim | None,
    holder: Remediation | None,
    denial: Denial | None,
    newest: Remediation | None,
    now: datetime,
) -> bool:
    """Whether nobody has to be asked about a plan: it is at work, was denied, or came to nothing before.

    Parameters
    ----------
    mode
        Of the route that it would take now: what was only observed is asked about once its route asks.
    claim, holder
        Who holds the endpoint, and the record of that.
    newest
        The endpoint's newest record.
    """
    at_work = claim and holder and "outcome" not in holder and claim["leaseUntil"] > iso(now)
    if claim and at_work and claim["planHash"] == plan:
        return True
    if still_denied(denial, plan, now):
        return True
    settled_as = {Outcome.UNSUPPORTED} | ({Outcome.OBSERVED} if mode is Mode.OBSERVE else set[Outcome]())
    return bool(newest) and newest.get("outcome") in settled_as and newest.get("foundPlanHash") == plan


def incomplete(swept: Swept, *, region: str, sweep_id: str) -> Message:
    """What is said in the channel when not every endpoint was looked at."""
    seen = swept.seen
    missed = f"{seen.not_looked_at} of {swept.listed} listed endpoints were not looked at"
    what = "the sweep could not be carried through" if swept.error else missed
    problems: Sequence[str] = ([swept.error] if swept.error else []) + seen.problems
    shown = [f"• {escape(' '.join(problem.split()))}" for problem in problems[:_PROBLEMS_TOLD]]
    if len(problems) > _PROBLEMS_TOLD:
        shown.append("• and more, which the logs have")
    text = f"The sweep of {region} is not whole: {what}. {'; '.join(problems[:2])}"
    blocks = [
        header(":mag: Sweep not whole"),
        section(
            f"*{escape(region)}*: {missed}; {seen.looked_at} were, of which {seen.found.total()} are new."
        ),
        section("*Why*\n" + ("\n".join(shown) or "• no reason is known")),
        context(f"sweep {code(sweep_id)} · the next one looks again; `ops audit` looks now"),
    ]
    return {"text": clip(escape(text), 1000), "blocks": blocks}
