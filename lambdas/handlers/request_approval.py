"""RequestApproval: post the question in Slack. The workflow waits until its task token is called back.

While Slack's bot token isn't stored, the remediation ends without a question, and the next sweep finds its
endpoint again: this function reads the secret anyway, so the sweep needs no right to.
A route may ask nobody: then the decision is known at once, and what is posted is a notice.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.approval.routes import Mode
from lambdas.domain.vocabulary import ApprovalStatus, Outcome
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import bot_token, patient_slack
from lambdas.gateways.step_functions import step_functions
from lambdas.services import questions
from lambdas.services.decisions import note_decision
from lambdas.services.observability import step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    if "approvalId" not in remediation:
        bot_token().value()
    if remediation.get("approvalMode") == Mode.OBSERVE:
        step_functions().resume(event["taskToken"], Outcome.OBSERVED)  # the last step posts the notice
        return {}
    slack = patient_slack()
    remediation = questions.with_changer(remediation, slack)
    route = questions.route_of(remediation)
    approval = questions.open_question(remediation, route, event["taskToken"], now)
    if approval is None:
        step_functions().resume(event["taskToken"], ApprovalStatus.SUPERSEDED)
        return {}
    if approval["status"] in (ApprovalStatus.EXPIRED, ApprovalStatus.SUPERSEDED):
        pass  # no longer to be asked
    elif "digestId" in approval:
        questions.ask_in_digest(remediation, approval)
    else:
        approval = questions.ask_on_card(remediation, approval, route, slack, now)
    if approval["status"] != ApprovalStatus.PENDING:
        # decided before this try began, or by the route itself
        note_decision(approval, now)
        step_functions().resume(event["taskToken"], approval["status"])
    return {}
