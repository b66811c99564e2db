"""RequestApproval: post the question in Slack. The workflow waits until its task token is called back.

Whatever calls back only wakes the workflow: what it does next, ReadDecision reads from the record.
While Slack's bot token isn't stored, the remediation ends without a question, and the next sweep finds its
endpoint again: this function reads the secret anyway, so the sweep needs no right to.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambdas.domain.approval.routes import Mode
from lambdas.domain.errors import RemediationError
from lambdas.domain.record import Remediation
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import bot_token, patient_slack
from lambdas.gateways.step_functions import step_functions
from lambdas.services import questions
from lambdas.services.observability import step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    try:
        waits = _ask(remediation, event["taskToken"], now)
    except RemediationError as error:
        # on record, because whoever has the task token can make the workflow see any error
        failed = {"Error": type(error).__name__, "Cause": json.dumps({"errorMessage": str(error)})}
        records().note(remediation["remediationId"], {"askError": failed})
        raise
    if "askError" in remediation:
        records().forget_ask_error(remediation["remediationId"])
    if not waits:
        step_functions().wake(event["taskToken"])
    return {}


def _ask(remediation: Remediation, task_token: str, now: datetime) -> bool:
    """Ask, unless nobody is to be asked; returns whether there is a decision to wait for."""
    if "approvalId" not in remediation:
        bot_token().value()
    if remediation.get("approvalMode") == Mode.OBSERVE:
        return False  # the last step posts the notice
    slack = patient_slack()
    remediation = questions.with_changer(remediation, slack)
    route = questions.route_of(remediation)
    approval = questions.open_question(remediation, route, task_token, now)
    if approval["status"] in (ApprovalStatus.EXPIRED, ApprovalStatus.SUPERSEDED):
        return False  # no longer to be asked
    if "digestId" in approval:
        questions.ask_in_digest(remediation, approval)
    else:
        approval = questions.ask_on_card(remediation, approval, route, slack, now)
    # decided before this try began, or by the route itself
    return approval["status"] == ApprovalStatus.PENDING
