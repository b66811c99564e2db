"""Whether people were asked about what a sweep found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from lambdas.domain.record import Digest, Finding, Remediation
from lambdas.domain.sweep.digest import LARGEST, digest_id
from lambdas.domain.vocabulary import ApprovalStatus, Outcome
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.services import digest_cards
from lambdas.services.claims import is_unseen


@dataclass(slots=True)
class Questions:
    """What became of a sweep's questions.

    Attributes
    ----------
    pending
        How many may still be posted.
    unasked
        How many could not be, by the reason.
    """

    pending: int = 0
    unasked: Counter[str] = field(default_factory=Counter[str])


def of_sweep(sweep_id: str, routes: set[str]) -> Questions:
    """Look at everything that a sweep found on these routes."""
    result = Questions()
    for route in sorted(routes):
        found = [finding for _, finding in digests().found(sweep_id, route)]
        for part, first in enumerate(range(0, len(found), LARGEST)):
            digest = digests().find(digest_id(sweep_id, route, part))
            if digest is None:
                for finding in found[first : first + LARGEST]:
                    _add(result, records().find_remediation(finding["remediationId"]))
            elif "ts" not in digest:
                _add_unposted(result, digest, digest_cards.findings(digest["digestId"]))
    return result


def _add(result: Questions, remediation: Remediation | None) -> None:
    """Count a remediation that has a card of its own."""
    if remediation is None:
        result.pending += 1  # its execution has only just been started
    elif "outcome" in remediation:
        _add_ended(
            result, remediation["outcome"], remediation.get("reason", ""), was_open=is_unasked(remediation)
        )
    elif is_unseen(remediation):
        result.pending += 1
    elif "approvalId" not in remediation and "settlingSince" not in remediation:
        result.pending += 1  # it is being checked; one that is changing may take hours, and has its own event


def is_unasked(remediation: Remediation) -> bool:
    """Whether a remediation's question was opened and never posted, nor decided on the command line."""
    return "approvalId" in remediation and "askedAt" not in remediation and "decision" not in remediation


def _add_unposted(result: Questions, digest: Digest, findings: list[Finding]) -> None:
    """Count what a digest asks about whose card is not posted."""
    for finding in findings:
        if "outcome" in finding:
            asked = "approvalId" in finding
            _add_ended(result, finding["outcome"], finding.get("reason", ""), was_open=asked)
        elif finding.get("decision") in (ApprovalStatus.APPROVED, ApprovalStatus.DENIED):
            continue  # on the command line, or by its route
        elif "refusal" in digest:
            result.unasked[digest["refusal"]] += 1
        else:
            result.pending += 1


def _add_ended(result: Questions, outcome: str, reason: str, *, was_open: bool) -> None:
    if outcome == Outcome.NOT_ASKED or (outcome == Outcome.FAILED and was_open):
        result.unasked[reason] += 1
