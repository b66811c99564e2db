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
from lambdas.services.configs import reason_to_keep, user_of
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
        return _keep(remediation, old, why, now)

    names, token = sagemaker().endpoints_page(str(event.get("nextToken") or ""))
    since = str(event.get("scanFrom") or iso(now - CLOCK_SKEW))
    if user := user_of(old, names):
        return _keep(remediation, old, f"The endpoint {user} uses it, or may go back to it.", now)
    if token:
        return {"nextToken": token, "scanFrom": since}
    with records().config_locked(remediation, old, now):
        # those that changed since the first page was read may use it by now
        if user := user_of(old, sagemaker().endpoints_modified_since(from_iso(since))):
            return _keep(remediation, old, f"The endpoint {user} uses it, or may go back to it.", now)
        sagemaker().delete_config(old)
    logger.info("old_config_retired", config=old)
    count("OldConfigRetired")
    return _record(remediation, {"sourceRetiredAt": iso(now)}, f"Deleted {old}, which nothing used", now)


def _keep(remediation: Remediation, old: str, why: str, now: datetime) -> dict[str, Any]:
    logger.info("old_config_kept", config=old, why=why)
    return _record(remediation, {"sourceKept": why}, f"Kept {old}. {why}", now)


def _record(remediation: Remediation, facts: dict[str, str], what: str, now: datetime) -> dict[str, Any]:
    """Record what became of the old config, then update the card, which no longer offers to back out."""
    if not any(fact in remediation for fact in facts):
        remediation = records().note(remediation["remediationId"], facts, happened(now, what))
    outcome_events.report(outcome_event.old_config(remediation))
    approval = records().approval(remediation.get("approvalId", ""))
    if approval:
        backout = records().requested_backout(approval)
        patient_slack().rewrite(approval, card.closed(remediation, approval, backout))
    retirements.end(remediation)
    return {}
