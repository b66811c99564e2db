"""What is on record: the only code of the command line that reads the records table's items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import GRACE_PERIOD
from lambdas.domain.approval.people import session_name
from lambdas.domain.approval.question import is_unseen
from lambdas.domain.record import Approval, Digest, Remediation, Run, Vote, from_iso
from lambdas.domain.vocabulary import ApprovalStatus
from ops.deployment import Deployment

_POSTED_WITHIN = timedelta(minutes=15)  # the workflow's tries included


@dataclass(frozen=True, slots=True)
class Evidence:
    """The record of a remediation or a backout, what people decided, and what was kept for it.

    Attributes
    ----------
    approval
        The question, who voted, the attempts that were refused, and the backout that was requested. None if
        nobody was to be asked, and for a backout.
    kept
        ``config``, ``endpoint`` and ``tags`` as they were found. Empty if nothing was kept, or not read.
    kept_sha256
        Of what is kept now; empty with `kept`.
    """

    record: Run
    approval: Approval | None
    kept: Mapping[str, Any]
    kept_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that waits for a decision."""

    record: Remediation
    approval: Approval
    digest: Digest | None  # that asks it, if it has no card of its own

    @property
    def remediation_id(self) -> str:
        return self.record["remediationId"]

    @property
    def endpoint(self) -> str:
        return self.record["endpointName"]

    @property
    def asked_at(self) -> datetime:
        return from_iso(self.approval["createdAt"])

    @property
    def deadline(self) -> datetime:
        return from_iso(self.approval["deadline"])

    @property
    def is_seen(self) -> bool:
        """Whether its card, or its digest's, is posted."""
        return not is_unseen(self.approval, self.digest)

    def is_lost(self, now: datetime) -> bool:
        """Whether its card should have been posted by now. A digest's is posted once it is filled."""
        ready = self.digest.get("filledAt", "") if self.digest else self.approval["createdAt"]
        return not self.is_seen and bool(ready) and now > from_iso(ready) + _POSTED_WITHIN

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been closed by now: its deadline is over, and the time for late answers."""
        return now > self.deadline + GRACE_PERIOD


def records(deployment: Deployment, endpoint: str | None) -> list[Run]:
    """The records of an endpoint, or of all of them, newest first.

    SageMaker's names are unique whatever their case, so the records under the name as it was typed belong to
    the endpoint as well as those under its own spelling.
    """
    if endpoint is None:
        return deployment.records.history()
    names = {endpoint, deployment.endpoint_as_named(endpoint)}
    found = [record for name in names for record in deployment.records.history(deployment.endpoint_id(name))]
    return sorted(found, key=lambda record: record["startedAt"], reverse=True)


def evidence(deployment: Deployment, found: Sequence[Run], *, kept: bool) -> list[Evidence]:
    """The records with their approvals, and with what was kept, each of which is one more call."""
    asked = _approvals(deployment, found)
    listed: list[Evidence] = []
    for record in found:
        if "backoutId" in record:
            listed.append(Evidence(record, None, {}))
            continue
        approval = asked.get(record.get("approvalId", ""))
        if kept:
            found_then = deployment.records.evidence(record["remediationId"])
            listed.append(Evidence(record, approval, found_then.bodies, found_then.sha256))
        else:
            listed.append(Evidence(record, approval, {}))
    return listed


def questions(deployment: Deployment) -> list[Question]:
    """What waits for a decision: the earliest deadline first."""
    waiting = [
        record
        for record in records(deployment, None)
        if "backoutId" not in record and is_open(record) and "decision" not in record
    ]
    asked = _approvals(deployment, waiting)
    digests = _digests(deployment, waiting)
    found = [
        Question(record, approval, digests.get(record.get("digestId", "")))
        for record in waiting
        if (approval := asked.get(record.get("approvalId", "")))
        and approval["status"] == ApprovalStatus.PENDING
    ]
    return sorted(found, key=lambda question: (question.approval["deadline"], question.endpoint))


def is_open(record: Run) -> bool:
    return not record.get("outcome")


def is_backout(record: Run) -> bool:
    return "backoutId" in record


def decider(record: Mapping[str, Any]) -> str:
    """Who decided, or requested a backout: the name on record, or else the id."""
    by = record.get("decidedBy") or record.get("requestedBy") or ""
    return str(record.get("decidedByName") or record.get("requestedByName") or "") or person(by)


def person(by: str) -> str:
    """The session's or user's name of an IAM principal; a Slack user's id, or a route's, as it is."""
    return (session_name(by) if by.startswith("arn:") else "") or by


def voters(votes: Iterable[Vote]) -> Iterator[str]:
    """Those who voted or tried to: the names on record, or else the ids."""
    for vote in votes:
        yield str(vote.get("name") or person(vote["by"]))


def _approvals(deployment: Deployment, found: Sequence[Run]) -> dict[str, Approval]:
    ids = [str(approval_id) for record in found if (approval_id := record.get("approvalId"))]
    return deployment.records.approvals(ids)


def _digests(deployment: Deployment, found: Sequence[Remediation]) -> dict[str, Digest | None]:
    ids = {digest_id for record in found if (digest_id := record.get("digestId"))}
    return {digest_id: deployment.digests.find(digest_id) for digest_id in ids}
