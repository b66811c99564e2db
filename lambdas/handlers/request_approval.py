"""RequestApproval: post the question in Slack; the workflow waits for its task token's answer.

A route may ask nobody: then the answer is known at once, and what is posted is a notice.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.domain.approval.decision import decision_entry, decision_facts, new_approval_id, status_at_first
from lambdas.domain.approval.people import email_of
from lambdas.domain.approval.routes import Mode, Route
from lambdas.domain.errors import InvalidInput, RemediationError
from lambdas.domain.messages import card
from lambdas.domain.record import Approval, Remediation, happened, iso, required_fact
from lambdas.domain.vocabulary import ApprovalStatus, Outcome
from lambdas.gateways.environment import rules
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import Slack, patient_slack
from lambdas.gateways.step_functions import step_functions
from lambdas.services.observability import count, logger, step


@step
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    remediation = records().remediation(event["remediationId"])
    if remediation.get("approvalMode") == Mode.OBSERVE:
        step_functions().resume(event["taskToken"], Outcome.OBSERVED)  # its last step posts the notice
        return {}
    slack = patient_slack()
    remediation = _knowing_who_changed_it(remediation, slack)
    route = _route(remediation)
    approval = _approval(remediation, route, event["taskToken"], now)
    if approval is None:
        step_functions().resume(event["taskToken"], ApprovalStatus.SUPERSEDED)
        return {}
    if "digestId" in approval:
        _asked_in_digest(remediation, approval)
    else:
        if "ts" not in approval:
            approval = _posted(remediation, approval, route, slack)
        _link_from_older(remediation, _linked(approval, slack), slack)
    if approval["status"] != ApprovalStatus.PENDING:
        # decided before this try began, or by the route itself
        records().note_decision(
            remediation["remediationId"], decision_facts(approval), decision_entry(approval, now)
        )
        step_functions().resume(event["taskToken"], approval["status"])
    return {}


def _asked_in_digest(remediation: Remediation, approval: Approval) -> None:
    """The digest's card asks about it: from now on it can be decided there."""
    facts = {"approvalId": approval["approvalId"]}
    if approval["status"] != ApprovalStatus.PENDING:
        facts["decision"] = approval["status"]
    digests().follow(remediation, facts)
    logger.info("approval_requested_in_digest", digest_id=approval.get("digestId"))
    if approval["status"] == ApprovalStatus.PENDING:
        count("ApprovalRequested")


def _posted(remediation: Remediation, approval: Approval, route: Route, slack: Slack) -> Approval:
    channel, ts = slack.post(route.channel, card.message(remediation, approval))
    # on record before anything else can fail: a card that isn't can never be brought up to date
    facts = {"channel": channel, "ts": ts}
    before, approval = approval, records().note_approval(approval["approvalId"], facts)
    remediation = records().remediation(remediation["remediationId"])
    told = {"postedEntries": len(remediation.get("timeline", []))}  # the thread begins here
    remediation = records().note(remediation["remediationId"], told)
    if approval["status"] != before["status"] or "approvals" in approval:
        slack.rewrite(approval, card.message(remediation, approval))  # clicked before we knew its ts
    logger.info("approval_requested", channel=channel, ts=ts, mode=route.mode)
    if approval["status"] == ApprovalStatus.PENDING:
        count("ApprovalRequested")
    return approval


def _linked(approval: Approval, slack: Slack) -> Approval:
    """The question, knowing the link to its card, if Slack tells it."""
    if "permalink" in approval or "ts" not in approval or "channel" not in approval:
        return approval
    try:
        permalink = slack.permalink(approval["channel"], approval["ts"])
    except RemediationError as error:
        logger.warning("no_permalink", error_word=type(error).__name__, error_message=str(error))
        return approval
    return records().note_approval(approval["approvalId"], {"permalink": permalink})


def _link_from_older(remediation: Remediation, approval: Approval, slack: Slack) -> None:
    """The card that this one replaces leads here: news, which stops nothing."""
    older_id, here = remediation.get("supersedes"), approval.get("permalink")
    older = records().find_remediation(older_id) if older_id else None
    if older is None or not here or older.get("supersededByLink") == here:
        return
    asked = records().approval(older.get("approvalId", ""))
    if asked and "outcome" in older:  # else its own last step shows it
        try:
            slack.rewrite(asked, card.message({**older, "supersededByLink": here}, asked))
        except RemediationError as error:
            logger.warning("older_card_not_linked", error_word=type(error).__name__, error_message=str(error))
            return
    records().note(older["remediationId"], {"supersededByLink": here})


def _route(remediation: Remediation) -> Route:
    """The route that the endpoint took, which says whom to ask.

    Raises
    ------
    InvalidInput
        The settings dropped it before anyone was asked: the default route's people may be the wrong ones.
    """
    name = remediation.get("route", "")
    approval = records().approval(remediation.get("approvalId", ""))
    if approval is None and rules().find(name) is None:
        raise InvalidInput(
            f"The settings no longer have the route {name} that this endpoint took, so nobody was asked. "
            f"Start it anew: `python -m ops remediate {remediation['endpointName']}`."
        )
    return rules().deciding(name, approval)


def _knowing_who_changed_it(remediation: Remediation, slack: Slack) -> Remediation:
    """The record, with the Slack user whose email the principal's session is named after."""
    if "changedBySlackUser" in remediation:
        return remediation
    email = email_of(remediation["trigger"]["principalArn"])
    user = slack.user_by_email(email) if email else ""
    return records().note(remediation["remediationId"], {"changedBySlackUser": user})


def _approval(remediation: Remediation, route: Route, task_token: str, now: datetime) -> Approval | None:
    """The question on record, now answering to this task token; None if a newer change came first."""
    deadline = iso(now + route.deadline)
    if "approvalId" not in remediation:
        # the record learns the id first: a question without a record could never be found again
        entry = happened(now, _asked(remediation, route, deadline))
        remediation = records().name_approval(
            remediation["remediationId"], new_approval_id(), deadline, entry
        )
    approval_id = required_fact(remediation, "approvalId")
    found = records().approval(approval_id)
    if found is not None:
        facts: dict[str, str] = {"taskToken": task_token}
        seen = "ts" in found or "digestId" in found
        if not seen and found["status"] == ApprovalStatus.PENDING:
            facts["deadline"] = deadline  # it begins when people can see the question
        return records().note_approval(approval_id, facts)
    approval: Approval = {
        "approvalId": approval_id,
        "remediationId": remediation["remediationId"],
        "endpointName": remediation["endpointName"],
        "planHash": remediation.get("planHash", ""),
        "status": status_at_first(remediation.get("approvalMode", "")),
        "taskToken": task_token,
        "createdAt": iso(now),
        "deadline": deadline,
        "decideIn": route.decide_in,
        "mayDecide": list(route.approvers),
        "approvalsNeeded": remediation.get("approvalsNeeded", 1),
        "changedBy": remediation.get("changedBySlackUser", ""),
        "runbookUrl": rules().runbook_url,
    }
    if "digestId" in remediation:
        approval["digestId"] = remediation["digestId"]
    if approval["status"] == ApprovalStatus.APPROVED:
        approval["decidedBy"], approval["decidedAt"] = f"route/{route.name}", iso(now)
    return approval if records().open_approval(approval) else None


def _asked(remediation: Remediation, route: Route, deadline: str) -> str:
    if remediation.get("approvalMode") == Mode.AUTOMATIC:
        return f"Its route {remediation.get('route', '')} asks nobody"
    if route.mode is Mode.AUTOMATIC:
        return f"Its tags ask for two approvers, so they are asked though the route {route.name} asks nobody"
    return f"Asked in Slack, to be answered by {deadline}"
