"""What people see while a remediation goes on: its card and the card's thread. News stops nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from gateways.environment import rules
from gateways.records import records
from gateways.slack import LONGEST_PAUSE_SECONDS, Slack, slack_secret
from handlers.shared.observability import logger
from remediation import card, thread
from remediation.errors import RemediationError, RequestRefused
from remediation.record import Approval, Remediation, iso

_TIMEOUT_SECONDS = 5


def patient_slack() -> Slack:
    """Slack, for a step that can wait where Slack asks for it."""
    return Slack(slack_secret(), longest_pause=LONGEST_PAUSE_SECONDS)


def show(remediation_id: str) -> None:
    """Bring the card and its thread up to what is on record; should that fail, the last step does it."""
    try:
        remediation = records().remediation(remediation_id)
        approval = records().approval(remediation.get("approvalId", ""))
        backing_out = remediation.get("backoutId") and not remediation.get("backoutOutcome")
        if approval is not None and ("outcome" not in remediation or backing_out):
            slack = Slack(slack_secret(), timeout=_TIMEOUT_SECONDS)
            slack.rewrite(approval, card.message(remediation, approval))
            tell_thread(slack, remediation, approval)
    except RemediationError as error:
        logger.warning("card_not_updated", error_word=type(error).__name__, error_message=str(error))


def announce_broken_glass(slack: Slack, remediation: Remediation, approval: Approval) -> None:
    """Tell all approvers, once, in the card's thread. May raise what Slack's methods do."""
    if not approval.get("breakGlass") or "announcedAt" in approval:
        return
    if "ts" not in approval or "channel" not in approval:
        return
    approvers = rules().named(remediation.get("route", "")).approvers
    message = thread.break_glass(remediation, approval, approvers)
    slack.post(approval["channel"], message, thread_ts=approval["ts"])
    records().note_approval(approval["approvalId"], {"announcedAt": iso(datetime.now(UTC))})


def tell_thread(slack: Slack, remediation: Remediation, approval: Approval) -> None:
    """Post what the timeline has that the thread hasn't. Said twice rather than not at all."""
    timeline = remediation.get("timeline", [])
    told = remediation.get("toldEntries", 0)
    if told >= len(timeline) or "ts" not in approval or "channel" not in approval:
        return
    try:
        announce_broken_glass(slack, remediation, approval)
        slack.post(approval["channel"], thread.timeline(timeline[told:]), thread_ts=approval["ts"])
    except RequestRefused as error:
        # a thread that takes no reply, such as a locked one: the record has it all
        logger.warning("thread_not_told", error_message=str(error))
    records().note(remediation["remediationId"], {"toldEntries": len(timeline)})


def channel_of(remediation: Remediation) -> str:
    """The channel of the remediation's route."""
    return rules().named(remediation.get("route", "")).channel
