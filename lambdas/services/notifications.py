"""What people see while a remediation goes on: its card and the card's thread. News stops nothing."""

from __future__ import annotations

from lambdas.domain.errors import MessageGone, RemediationError, RequestRefused
from lambdas.domain.messages import card, thread
from lambdas.domain.record import Approval, Remediation
from lambdas.gateways.environment import rules
from lambdas.gateways.records.records import records
from lambdas.gateways.slack import Slack, patient_slack, slack_secret
from lambdas.services.observability import count, logger

_TIMEOUT_SECONDS = 5


def show(remediation_id: str) -> None:
    """Bring the card and its thread up to what is on record; should that fail, the last step does it."""
    try:
        remediation = records().remediation(remediation_id)
        approval = records().approval(remediation.get("approvalId", ""))
        backing_out = remediation.get("backoutId") and not remediation.get("backoutOutcome")
        if approval is not None and ("outcome" not in remediation or backing_out):
            slack = Slack(slack_secret(), timeout=_TIMEOUT_SECONDS)
            _announced(slack, remediation, approval)
            slack.rewrite(approval, card.message(remediation, approval))
            tell_thread(slack, remediation, approval)
    except RemediationError as error:
        logger.warning("card_not_updated", error_word=type(error).__name__, error_message=str(error))


def announce_break_glass(slack: Slack, remediation: Remediation, approval: Approval) -> None:
    """Tell all approvers, once: in the card's thread and its channel. May raise what Slack's methods do."""
    by = approval.get("breakGlassBy")
    if not by or approval.get("breakGlassAnnouncedFor") == by:
        return
    approvers = rules().deciding(remediation.get("route", ""), approval).approvers
    message = thread.break_glass(remediation, approval, approvers)
    try:
        if "ts" not in approval or "channel" not in approval:
            raise MessageGone("The card is not posted.")
        slack.post(approval["channel"], message, thread_ts=approval["ts"], broadcast=True)
    except (RequestRefused, MessageGone) as error:
        # a thread that takes no reply, such as a deleted card's or a locked one
        logger.warning("thread_not_told", error_message=str(error))
        slack.post(channel_of(remediation), message)
    records().note_approval(approval["approvalId"], {"breakGlassAnnouncedFor": by})


def tell_thread(slack: Slack, remediation: Remediation, approval: Approval) -> None:
    """Post what the timeline has that the thread hasn't. Said twice rather than not at all."""
    timeline = remediation.get("timeline", [])
    told = remediation.get("postedEntries", 0)
    if told >= len(timeline) or "ts" not in approval or "channel" not in approval:
        return
    try:
        slack.post(approval["channel"], thread.timeline(timeline[told:]), thread_ts=approval["ts"])
    except (RequestRefused, MessageGone) as error:
        # a locked thread takes no reply, nor does a deleted card's: the record has it all
        logger.warning("thread_not_told", error_message=str(error))
    records().note(remediation["remediationId"], {"postedEntries": len(timeline)})


def tell_ending(remediation: Remediation, approval: Approval | None, *, or_post: bool) -> str:
    """Show how it ended on its card, or else, if `or_post`, in a notice in its route's channel.

    What Slack refuses for good is logged and counted: the outcome stands, and what follows from it.

    Returns
    -------
    str
        The ts of the notice; empty if none was posted.

    Raises
    ------
    SlackUnavailable
    """
    slack, message = patient_slack(), card.closed(remediation, approval)
    if approval is not None:
        _announced(slack, remediation, approval)
        if _rewritten(slack, approval, message):
            tell_thread(slack, remediation, approval)
            return ""
    try:
        return slack.post(channel_of(remediation), message)[1] if or_post else ""
    except RequestRefused as error:
        logger.error("ending_not_told", error_message=str(error))
        count("UnexpectedError")
        return ""


def post_ending(remediation: Remediation, approval: Approval, channel: str, thread_ts: str) -> str:
    """Show how it ended on a card of its own, in a thread; returns its ts, empty if Slack refuses it.

    Raises
    ------
    SlackUnavailable
    """
    try:
        return patient_slack().post(channel, card.closed(remediation, approval), thread_ts=thread_ts)[1]
    except RequestRefused as error:
        logger.error("ending_not_told", error_message=str(error))
        count("UnexpectedError")
        return ""


def _announced(slack: Slack, remediation: Remediation, approval: Approval) -> None:
    try:
        announce_break_glass(slack, remediation, approval)
    except RequestRefused as error:
        logger.error("glass_not_announced", error_message=str(error))
        count("UnexpectedError")


def _rewritten(slack: Slack, approval: Approval, message: card.Message) -> bool:
    try:
        return slack.rewrite(approval, message)
    except RequestRefused as error:  # such as in an archived channel: the card can't be changed any more
        logger.warning("card_not_updated", error_word=type(error).__name__, error_message=str(error))
        return False


def channel_of(remediation: Remediation) -> str:
    """The channel of the remediation's route."""
    return rules().named(remediation.get("route", "")).channel
