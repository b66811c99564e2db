"""Backing out: a request from the card or the command line, and how the backout ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lambdas.domain import backout
from lambdas.domain.approval.decision import Ruling, RulingKind
from lambdas.domain.approval.routes import Route
from lambdas.domain.encryption.assessment import EXEMPT_REASON_TAG, EXEMPT_UNTIL_TAG
from lambdas.domain.encryption.progress import uses
from lambdas.domain.errors import RequestRefused
from lambdas.domain.messages.interactions import Click
from lambdas.domain.record import Approval, Backout, happened, iso
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.records import records
from lambdas.gateways.sagemaker import sagemaker
from lambdas.gateways.settings import required, rules
from lambdas.gateways.slack import Slack
from lambdas.gateways.step_functions import step_functions
from lambdas.services.decisions import is_approver
from lambdas.services.notifications import report_outcome, show_after_click
from lambdas.services.observability import count, logger


@dataclass(frozen=True, slots=True)
class RequestResult:
    """What became of a request; `reply` is for the person, empty if the card says it."""

    ruling: Ruling
    reply: str
    backout_id: str = ""
    is_approver: bool = True


def request(
    approval: Approval | None,
    by: str,
    reason: str,
    now: datetime,
    *,
    is_approver: Callable[[Route], bool],
) -> RequestResult:
    """Judge a request to back out and carry it out. Safe to repeat: each part is done once.

    Parameters
    ----------
    by
        A Slack user id, or the ARN of an IAM principal as AWS verified it.
    """
    remediation = records().find_remediation(approval["remediationId"]) if approval else None
    route = rules().route_for((remediation or {}).get("route", ""), approval)
    allowed, latest = is_approver(route), records().requested_backout(approval)
    ruling = backout.judge_request(remediation, approval, latest, route, by, is_approver=allowed, now=now)
    logger.info("backout_judged", ruling=ruling.kind, by=by)
    if approval is None or remediation is None or ruling.kind is RulingKind.REFUSE:
        count("DecisionRefused")
        if approval:
            what = f"{backout.ACTION_ID}: {ruling.explanation}"
            records().note_attempt(approval["approvalId"], {"by": by, "at": iso(now), "what": what})
        return RequestResult(ruling, ruling.explanation, is_approver=allowed)
    if ruling.kind is RulingKind.DECIDE:
        approval = records().request_backout(approval, backout.new_request(by, reason, now))
    requested = approval.get("backout")
    if requested is None:
        raise RequestRefused("The request for the backout is no longer on record.")
    # an earlier request may have been lost on the way: the same execution is started only once
    machine = required("BACKOUT_WORKFLOW_ARN")
    step_functions().start(machine, requested["backoutId"], backout.machine_input(approval))
    mine = ruling.kind is RulingKind.DECIDE and requested["by"] == by
    reply = "" if mine else backout.judge_state(remediation, approval, None).explanation
    return RequestResult(ruling, reply, requested["backoutId"])


def click(clicked: Click, approval: Approval | None, now: datetime, slack: Slack) -> None:
    """Carry out a click on Back out, or explain why not."""

    def may_decide(route: Route) -> bool:
        in_channel = approval is not None and clicked.channel_id == approval.get("channel")
        return is_approver(route, clicked.user_id, slack, in_channel=in_channel)

    result = request(approval, clicked.user_id, "", now, is_approver=may_decide)
    if result.reply:
        slack.post_ephemeral(clicked.channel_id, clicked.user_id, result.reply)
    if approval and result.is_approver:
        show_after_click(approval, slack, clicked_ts=clicked.message_ts)


def report(record: Backout) -> None:
    """Report how a backout ended on the card of the remediation that it was to undo."""
    original = records().find_remediation(record["backsOut"])
    approval = records().approval(original.get("approvalId", "")) if original else None
    requested = approval.get("backout") if approval else None
    if original is None or requested is None or requested["backoutId"] != record["backoutId"]:
        return  # nobody requested it: it's about nothing that people were shown
    if ts := report_outcome(original, approval, record, or_post="noticeTs" not in record):
        records().note_backout(record["backoutId"], {"noticeTs": ts})


def withdraw_exemption(record: Backout, now: datetime) -> None:
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
    records().note_backout(record["backoutId"], {}, happened(now, "Restored the endpoint's exemption tags"))
