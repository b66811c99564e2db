"""Backing out: a request from the card, and how the backout ended."""

from __future__ import annotations

from datetime import datetime

from lambdas.domain import backout
from lambdas.domain.approval.decision import RulingKind
from lambdas.domain.encryption.assessment import EXEMPT_REASON_TAG, EXEMPT_UNTIL_TAG
from lambdas.domain.encryption.progress import uses
from lambdas.domain.messages.interactions import Click
from lambdas.domain.record import Approval, Remediation, Vote, happened, iso
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.settings import required, rules
from lambdas.gateways.slack import Slack
from lambdas.gateways.step_functions import step_functions
from lambdas.services.decisions import is_approver
from lambdas.services.notifications import report_outcome, show_after_click
from lambdas.services.observability import count, logger


def request(click: Click, approval: Approval | None, now: datetime, slack: Slack) -> None:
    """Carry out a click on Back out, or explain why not. Safe to repeat."""
    remediation = records().remediation(approval["remediationId"]) if approval else None
    route = rules().deciding((remediation or {}).get("route", ""), approval)
    in_channel = approval is not None and click.channel_id == approval.get("channel")
    allowed = is_approver(route, click.user_id, slack, in_channel=in_channel)
    ruling = backout.judge_request(remediation, approval, route, is_approver=allowed, now=now)
    logger.info("backout_judged", ruling=ruling.kind, user_id=click.user_id)
    if approval is None or remediation is None or ruling.kind is RulingKind.REFUSE:
        count("DecisionRefused")
        if approval:
            what = f"{backout.ACTION_ID}: {ruling.explanation}"
            attempt: Vote = {"by": click.user_id, "at": iso(now), "what": what}
            records().note_attempt(approval["approvalId"], attempt)
        slack.whisper(click.channel_id, click.user_id, ruling.explanation)
    else:
        if ruling.kind is RulingKind.DECIDE:
            facts = backout.request_facts(click.user_id, now)
            entry = happened(now, "Backout requested", click.user_id)
            earlier = remediation.get("backoutId", "")
            records().request_backout(remediation["remediationId"], facts, entry, instead_of=earlier)
            remediation = records().remediation(remediation["remediationId"])  # maybe another's, a moment ago
        # an earlier click may have been lost on the way: the same execution is started only once
        name, machine = remediation.get("backoutId", ""), required("BACKOUT_WORKFLOW_ARN")
        step_functions().start(machine, name, backout.machine_input(remediation))
        if remediation.get("backoutRequestedBy") != click.user_id or ruling.kind is RulingKind.REPEAT:
            slack.whisper(click.channel_id, click.user_id, backout.judge_state(remediation).explanation)
    if approval and allowed:
        show_after_click(approval, slack, clicked_ts=click.message_ts)


def report(remediation_id: str, record: Remediation, now: datetime) -> None:
    """Report how a backout ended on the card of the remediation that it was to undo."""
    original = records().find_remediation(remediation_id)
    if original is None or original.get("backoutId", record["remediationId"]) != record["remediationId"]:
        return
    outcome, reason = record.get("outcome", ""), record.get("reason", "")
    facts = {
        "backoutId": record["remediationId"],
        "backoutRequestedBy": record.get("requestedBy", original.get("backoutRequestedBy", "")),
        "backoutOutcome": outcome,
        "backoutReason": reason,
        "exemptUntil": record.get("exemptUntil", ""),
    }
    if original.get("backoutOutcome") != outcome:
        entry = happened(now, f"Backout {record['remediationId']} ended {outcome}. {reason}".strip())
        original = records().note(remediation_id, facts, entry)
    approval = records().approval(original.get("approvalId", ""))
    if ts := report_outcome(original, approval, or_post="noticeTs" not in record):
        records().note(record["remediationId"], {"noticeTs": ts})


def withdraw_exemption(record: Remediation, now: datetime) -> None:
    """Restore the exemption tags of an endpoint that stayed on its twin: it needs no exemption."""
    if not record.get("exemptUntil") or record.get("outcome") == Outcome.BACKED_OUT:
        return
    endpoint = sagemaker().describe_endpoint(record["endpointName"])
    if endpoint is None or uses(endpoint, record.get("restoredConfigName", "")):
        return
    before = record.get("exemptionBefore", {})
    added = [tag for tag in (EXEMPT_UNTIL_TAG, EXEMPT_REASON_TAG) if tag not in before]
    if added:
        sagemaker().delete_tags(endpoint["EndpointArn"], added)
    if before:
        sagemaker().add_tags(endpoint["EndpointArn"], before)
    records().note(record["remediationId"], {}, happened(now, "Restored the endpoint's exemption tags"))
