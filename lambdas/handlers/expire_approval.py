"""ExpireApproval: the deadline came with no answer heard; what is on record decides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateways.records import records
from handlers.observability import logger, step
from remediation.record import iso
from remediation.vocabulary import ApprovalStatus


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    approval_id = records().remediation(event["remediationId"]).get("approvalId")
    facts = {"decidedAt": iso(datetime.now(UTC))}
    approval = records().settle(approval_id, ApprovalStatus.EXPIRED, facts) if approval_id else None
    decision = approval["status"] if approval else ApprovalStatus.EXPIRED
    logger.info("approval_expired", decision=decision)
    return {"decision": decision}
