"""CloseRemediation: record the outcome, let the endpoint go, and tell the people who were asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.approval.decision import decision_entry, decision_facts, denial_of
from lambdas.domain.closing import ending
from lambdas.domain.errors import SlackUnavailable
from lambdas.domain.messages import card
from lambdas.domain.record import Approval, Remediation, from_iso, happened, iso, salvaged_record
from lambdas.domain.vocabulary import ApprovalStatus, Outcome
from lambdas.gateways.environment import required, required_days
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.records.update_slots import update_slots
from lambdas.gateways.step_functions import step_functions
from lambdas.services.notifications import post_ending, tell_ending
from lambdas.services.observability import count, logger, measure, step

# The state machine's output (DESIGN §6)
_OUTPUT = (
    "outcome",
    "endpointName",
    "remediationId",
    "reason",
    "sourceConfigName",
    "twinConfigName",
    "decidedBy",
)


_CARD_SURELY_POSTED = timedelta(hours=4)


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().find_remediation(event["remediationId"])
    if remediation is None:
        remediation = records().start(salvaged_record(event, now))  # it failed before its record began
    outcome, reason = ending(event, remediation)

    # evidence first, then the endpoint's freedom, then what follows, then the news: each is repeated safely
    # if the next fails
    already_closed = "outcome" in remediation
    approval = _settled(remediation, now)
    facts = {"outcome": outcome, "reason": reason, "closedAt": iso(now)}
    days = required_days("BACKOUT_DAYS")
    if outcome is Outcome.ENCRYPTED and days:
        facts["backoutUntil"] = iso(now + days)
    entry = happened(now, f"Ended {outcome}. {reason}".strip())
    remediation = records().close(event["remediationId"], facts, entry)
    records().release(remediation["endpointName"], remediation["remediationId"])
    if "waitingSince" in remediation:  # it may have its turn to be updated
        update_slots().release(remediation["remediationId"])
    digests().follow(remediation, _ending_of(remediation))
    if not already_closed:
        _count(remediation, now)
    if remediation.get("outcome") == Outcome.ENCRYPTED:
        _retire_later(remediation, int(days.total_seconds()))
    _tell(remediation, approval, now)
    return {name: value for name in _OUTPUT if (value := remediation.get(name))}


def _ending_of(remediation: Remediation) -> dict[str, str]:
    """What a digest that asked about it shows."""
    facts = {"outcome": remediation.get("outcome", ""), "reason": remediation.get("reason", "")}
    if "decision" in remediation:
        facts |= {"decision": remediation["decision"], "decidedBy": remediation.get("decidedBy", "")}
    return facts


def _settled(remediation: Remediation, now: datetime) -> Approval | None:
    """The approval, closed to further clicks, its decision copied into the evidence."""
    approval_id = remediation.get("approvalId")
    if not approval_id:
        return None
    approval = records().settle(approval_id, ApprovalStatus.EXPIRED, {"decidedAt": iso(now)})
    if approval:
        facts, entry = decision_facts(approval), decision_entry(approval, now)
        records().note_decision(remediation["remediationId"], facts, entry)
        if approval["status"] == ApprovalStatus.DENIED:
            records().keep_denial(denial_of(remediation, approval))
    return approval


def _retire_later(remediation: Remediation, wait_seconds: int) -> None:
    """Start the wait for the end of the way back, after which the old config is retired."""
    remediation_id = remediation["remediationId"]
    waiting = {
        "endpointName": remediation["endpointName"],
        "remediationId": remediation_id,
        "waitSeconds": wait_seconds,
    }
    step_functions().start(required("RETIREMENT_WORKFLOW_ARN"), remediation_id, waiting)


def _tell(remediation: Remediation, approval: Approval | None, now: datetime) -> None:
    if "digestId" in remediation and approval is not None and "ts" not in approval:
        _tell_in_digest(remediation, approval, now)
        return
    asked = approval is not None and "ts" in approval
    must_be_told = asked or ("digestId" not in remediation and card.must_be_told(remediation))
    if ts := tell_ending(remediation, approval, or_post=must_be_told and "noticeTs" not in remediation):
        records().note(remediation["remediationId"], {"noticeTs": ts})


def _tell_in_digest(remediation: Remediation, approval: Approval, now: datetime) -> None:
    """What was to be changed gets a card of its own, in the digest's thread; the digest shows the rest."""
    digest = digests().find(remediation.get("digestId", ""))
    if approval["status"] != ApprovalStatus.APPROVED or digest is None:
        return
    if "ts" not in digest or "channel" not in digest:
        if now < from_iso(digest["createdAt"]) + _CARD_SURELY_POSTED:
            raise SlackUnavailable("The digest's card is not posted yet.")
        tell_ending(remediation, approval, or_post=True)
        return
    ts = post_ending(remediation, approval, digest["channel"], digest["ts"])
    if ts:
        records().note_approval(approval["approvalId"], {"channel": digest["channel"], "ts": ts})


def _count(remediation: Remediation, now: datetime) -> None:
    outcome = remediation.get("outcome", Outcome.FAILED)
    logger.info("remediation_closed", outcome=outcome, reason=remediation.get("reason", ""))
    count("RemediationClosed", outcome=outcome)
    if outcome == Outcome.ENCRYPTED:
        measure("TimeToEncrypted", (now - from_iso(remediation["startedAt"])).total_seconds())
