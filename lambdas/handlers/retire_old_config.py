"""RetireOldConfig: when the time for backing out is over, delete the old config, if nothing uses it.

Security scanners flag unencrypted configs even if no endpoint uses them. One run reads one page of endpoints;
the state machine runs it again while there are more.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain import outcome_event
from lambdas.domain.encryption.progress import CLOCK_SKEW
from lambdas.domain.messages import card
from lambdas.domain.record import Remediation, from_iso, happened, iso, required_fact
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.slack import patient_slack
from lambdas.services import outcome_events, retirements
from lambdas.services.configs import latest_user_of, reason_to_keep, user_of
from lambdas.services.observability import count, logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    if "backoutClosedAt" not in remediation:
        entry = happened(now, "The time for backing out is over")
        remediation = records().note(remediation["remediationId"], {"backoutClosedAt": iso(now)}, entry)
    old = required_fact(remediation, "sourceConfigName")
    approval = records().approval(remediation.get("approvalId", ""))
    if why := reason_to_keep(remediation, approval, old):
        return _record(remediation, {"sourceKept": why}, f"Kept {old}. {why}", now)

    names, token = sagemaker().endpoints_page(str(event.get("nextToken") or ""))
    since = str(event.get("scanFrom") or iso(now - CLOCK_SKEW))
    user = user_of(old, names)
    if token and not user:
        return {"nextToken": token, "scanFrom": since}
    with records().config_locked(remediation, old, now):
        # those that changed since the first page was read may use it by now
        if user := user or latest_user_of(old, from_iso(since)):
            why = f"The endpoint {user} uses it, or may go back to it."
            return _record(remediation, {"sourceKept": why}, f"Kept {old}. {why}", now)
        sagemaker().delete_config(old)
    count("OldConfigRetired")
    return _record(remediation, {"sourceRetiredAt": iso(now)}, f"Deleted {old}, which nothing used", now)


def _record(remediation: Remediation, facts: dict[str, str], what: str, now: datetime) -> dict[str, Any]:
    """Record what became of the old config, then update the card, which no longer offers to back out."""
    logger.info("old_config_settled", what=what)
    if not any(fact in remediation for fact in facts):
        remediation = records().note(remediation["remediationId"], facts, happened(now, what))
    outcome_events.report(outcome_event.old_config(remediation))
    approval = records().approval(remediation.get("approvalId", ""))
    if approval:
        backout = records().requested_backout(approval)
        patient_slack().rewrite(approval, card.closed(remediation, approval, backout))
    retirements.end(remediation)
    return {}
