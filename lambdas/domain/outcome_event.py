"""The event that reports an outcome to whatever listens on the account's event bus: tickets, a SIEM.

docs/events.md shows each type with a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambdas.domain.record import Remediation, Run, run_id

SOURCE = "sealpoint"
_FACTS = (
    "remediationId", "backoutId", "endpointName", "endpointArn", "outcome", "reason", "startedAt", "closedAt",
    "sourceConfigName", "twinConfigName", "keyArn", "decision", "decidedBy", "decidedByName", "decidedAt",
    "decisionReason", "backoutUntil", "backsOut", "requestedBy", "requestedReason", "restoredConfigName",
    "exemptUntil", "sourceRetiredAt", "sourceKept",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutcomeEvent:
    """An event as EventBridge takes it.

    Attributes
    ----------
    detail
        Has an ``eventId``, the same whenever the same outcome is reported again.
    """

    detail_type: str
    resources: tuple[str, ...]
    detail: dict[str, Any]


def closed(record: Run) -> OutcomeEvent:
    """How a remediation or a backout ended."""
    kind = "Backout" if "backoutId" in record else "Remediation"
    return _event(record, f"Sealpoint {kind} Closed", "closed")


def old_config(record: Remediation) -> OutcomeEvent:
    """What became of the old config when the time for backing out was over."""
    became = "Retired" if "sourceRetiredAt" in record else "Kept"
    return _event(record, f"Sealpoint Old Config {became}", "old-config")


def _event(record: Run, detail_type: str, about: str) -> OutcomeEvent:
    trigger = record["trigger"]
    facts: dict[str, Any] = {name: value for name in _FACTS if (value := record.get(name))}
    detail = {
        "eventId": f"{run_id(record)}/{about}",
        **facts,
        "accountId": trigger["accountId"],
        "region": trigger["region"],
        "trigger": {name: trigger[name] for name in ("kind", "eventName", "eventTime", "principalArn")},
    }
    arn = facts.get("endpointArn")
    return OutcomeEvent(detail_type, (arn,) if arn else (), detail)
