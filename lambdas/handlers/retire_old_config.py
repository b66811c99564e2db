"""RetireOldConfig: when the time for backing out is over, delete the old config, if nothing uses it.

Scanners flag configs, not endpoints (DESIGN §4.18). Looks at one page of endpoints a run; the state machine
runs it again while there are more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.domain.encryption.progress import uses
from lambdas.domain.encryption.twin import as_request, compare
from lambdas.domain.messages import card
from lambdas.domain.record import Remediation, from_iso, happened, iso, required_fact
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.environment import required
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.slack import patient_slack
from lambdas.services.observability import count, logger, step

# Far more than the two clocks are apart: it costs descriptions, and too little would cost a config in use.
_CLOCK_SKEW = timedelta(minutes=2)


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    if "backoutClosedAt" not in remediation:
        entry = happened(now, "The time for backing out is over")
        remediation = records().note(remediation["remediationId"], {"backoutClosedAt": iso(now)}, entry)
    old = required_fact(remediation, "sourceConfigName")
    why = _reason_to_keep(remediation, old)
    if why:
        return _kept(remediation, old, why, now)

    names, token = sagemaker().endpoints_page(str(event.get("nextToken") or ""))
    since = str(event.get("scanFrom") or iso(now - _CLOCK_SKEW))
    if user := _user_of(old, names):
        return _kept(remediation, old, f"The endpoint {user} uses it, or may go back to it.", now)
    if token:
        return {"nextToken": token, "scanFrom": since}
    with records().config_locked(old, f"retirement {remediation['remediationId']}", now):
        # those that changed since the first page was read may have come to use it
        if user := _user_of(old, sagemaker().endpoints_modified_since(from_iso(since))):
            return _kept(remediation, old, f"The endpoint {user} uses it, or may go back to it.", now)
        sagemaker().delete_config(old)
    logger.info("old_config_retired", config=old)
    count("OldConfigRetired")
    return _ended(remediation, {"sourceRetiredAt": iso(now)}, f"Deleted {old}, which nothing used", now)


def _reason_to_keep(remediation: Remediation, old: str) -> str:
    if required("RETIRE_OLD_CONFIG") != "true":
        return "The settings keep old configs."
    if remediation.get("backoutId") and remediation.get("backoutOutcome") in ("", Outcome.BACKED_OUT):
        return "The endpoint was returned to it."
    live = sagemaker().describe_config(old)
    if live is None:
        return "It was deleted already."
    kept = records().snapshot(remediation["remediationId"]).get("config")
    if kept is None or kept["CreationTime"] != live["CreationTime"]:
        return "It is not the config that is on record: one of its name was created later."
    if compare(as_request(kept), live).differences:
        return "It is not the config that is on record."
    return ""


def _user_of(config: str, names: Iterable[str]) -> str | None:
    described = sagemaker().describe_all(names)
    return next((name for name, endpoint in described if uses(endpoint, config)), None)


def _kept(remediation: Remediation, old: str, why: str, now: datetime) -> dict[str, Any]:
    logger.info("old_config_kept", config=old, why=why)
    return _ended(remediation, {"sourceKept": why}, f"Kept {old}. {why}", now)


def _ended(remediation: Remediation, facts: dict[str, str], what: str, now: datetime) -> dict[str, Any]:
    """On record, then on the card: its way back is closed."""
    if not any(fact in remediation for fact in facts):
        remediation = records().note(remediation["remediationId"], facts, happened(now, what))
    approval = records().approval(remediation.get("approvalId", ""))
    if approval:
        patient_slack().rewrite(approval, card.closed(remediation, approval))
    return {}
