"""What people see of a remediation: its card and the card's thread.

A failed notification never stops the workflow.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from lambdas.domain.errors import MessageGone, RemediationError, RequestRefused, SlackUnavailable
from lambdas.domain.messages import card, thread
from lambdas.domain.messages.blocks import Message
from lambdas.domain.record import Approval, Backout, Remediation, Run, TimelineEntry, from_iso, holder_of
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import rules
from lambdas.gateways.slack import Slack, bot_token, patient_slack
from lambdas.services.observability import count, logger

_TIMEOUT_SECONDS = 5
_CARD_SURELY_POSTED = timedelta(hours=4)


def show(remediation_id: str) -> None:
    """Update the card and its thread from the record; if that fails, the last step does it."""
    try:
        remediation = records().remediation(remediation_id)
        approval = records().approval(remediation.get("approvalId", ""))
        if approval is None:
            return
        backout = records().requested_backout(approval)
        backing_out = "backout" in approval and "outcome" not in (backout or {})
        if "outcome" not in remediation or backing_out:
            slack = Slack(bot_token(), timeout=_TIMEOUT_SECONDS)
            _announce(slack, remediation, approval)
            slack.rewrite(approval, card.message(remediation, approval, backout))
            _post_timeline(slack, approval, remediation, backout)
    except RemediationError as error:
        logger.warning("card_not_updated", error_name=type(error).__name__, error_message=str(error))


def show_after_click(known: Approval, slack: Slack, *, clicked_ts: str = "") -> None:
    """Update the card for someone who has just decided.

    Parameters
    ----------
    clicked_ts
        Of the card that was clicked, which may be a second copy.
    """
    others = known.get("otherTs", [])
    if clicked_ts and "ts" in known and clicked_ts not in (known["ts"], *others):
        records().note_approval(known["approvalId"], {"otherTs": [*others, clicked_ts]})
    try:
        approval, shown = _current(known)
        slack.rewrite(approval, shown)
        # someone may have decided, or the workflow may have ended, in the meantime: show what is on record
        approval, latest = _current(approval)
        if latest != shown:
            slack.rewrite(approval, latest)
    except RemediationError as error:
        # the decision stands and the workflow has it; its last step rewrites the card
        logger.warning("card_not_updated", error_name=type(error).__name__, error_message=str(error))


def announce_break_glass(slack: Slack, remediation: Remediation, approval: Approval) -> None:
    """Notify all approvers, once, in the card's thread and its channel. May raise what Slack's methods do."""
    by = approval.get("breakGlassBy")
    if not by or approval.get("breakGlassAnnouncedFor") == by:
        return
    approvers = rules().route_for(remediation.get("route", ""), approval).approvers
    message = thread.break_glass(remediation, approval, approvers)
    try:
        if "ts" not in approval or "channel" not in approval:
            raise MessageGone("The card is not posted.")
        slack.post(approval["channel"], message, thread_ts=approval["ts"], broadcast=True)
    except (RequestRefused, MessageGone) as error:
        # the thread takes no reply: the card was deleted, or the thread is locked
        logger.warning("thread_not_updated", error_message=str(error))
        slack.post(_channel_of(remediation), message)
    records().note_thread(approval["approvalId"], {"breakGlassAnnouncedFor": by})


def report_outcome(
    remediation: Remediation, approval: Approval | None, backout: Backout | None = None, *, or_post: bool
) -> str | None:
    """Show the outcome on the card or, if there is none and `or_post` is set, in a notice in the channel.

    If Slack refuses for good, that is logged and counted, and the outcome stands.

    Returns
    -------
    str | None
        The ts of the notice, if one was posted.

    Raises
    ------
    SlackUnavailable
    """
    slack, message = patient_slack(), card.closed(remediation, approval, backout)
    if approval is not None:
        _announce(slack, remediation, approval)
        if _rewrite(slack, approval, message):
            _post_timeline(slack, approval, remediation, backout)
            return None
    return _post(slack, _channel_of(remediation), message) if or_post else None


def report_closed(remediation: Remediation, approval: Approval | None, now: datetime) -> None:
    """Report how a remediation ended to those who were asked, or to those who must know."""
    if "digestId" in remediation and approval is not None and "ts" not in approval:
        _report_in_digest(remediation, approval, now)
        return
    asked = approval is not None and "ts" in approval
    must_report = asked or ("digestId" not in remediation and card.must_be_reported(remediation))
    if ts := report_outcome(remediation, approval, or_post=must_report and "noticeTs" not in remediation):
        records().note(remediation["remediationId"], {"noticeTs": ts})


def _report_in_digest(remediation: Remediation, approval: Approval, now: datetime) -> None:
    """Post a card in the digest's thread for what was approved; the digest's card shows the rest."""
    digest = digests().find(remediation.get("digestId", ""))
    if approval["status"] != ApprovalStatus.APPROVED or digest is None:
        return
    if "ts" not in digest or "channel" not in digest:
        if "refusal" not in digest and now < from_iso(digest["createdAt"]) + _CARD_SURELY_POSTED:
            raise SlackUnavailable("The digest's card is not posted yet.")
        report_outcome(remediation, approval, or_post=True)
        return
    message = card.closed(remediation, approval)
    if ts := _post(patient_slack(), digest["channel"], message, thread_ts=digest["ts"]):
        records().note_approval(approval["approvalId"], {"channel": digest["channel"], "ts": ts})


def _post(slack: Slack, channel: str, message: Message, thread_ts: str | None = None) -> str | None:
    """Post an outcome; returns its ts, None if Slack refuses it."""
    try:
        return slack.post(channel, message, thread_ts=thread_ts)[1]
    except RequestRefused as error:
        logger.error("outcome_not_posted", error_message=str(error))
        count("UnexpectedError")
        return None


def _post_timeline(slack: Slack, approval: Approval, *runs: Run | None) -> None:
    """Post the timelines' new entries. At-least-once: may post a line twice, never skips one."""
    posted = {**approval.get("postedEntries", {})}
    new: list[TimelineEntry] = []
    for run in filter(None, runs):
        timeline, name = run.get("timeline", []), holder_of(run)
        new += timeline[posted.get(name, 0) :]
        posted[name] = len(timeline)
    if not new or "ts" not in approval or "channel" not in approval:
        return
    try:
        slack.post(approval["channel"], thread.timeline(new), thread_ts=approval["ts"])
    except (RequestRefused, MessageGone) as error:
        # the thread is locked, or the card was deleted: the record has all entries
        logger.warning("thread_not_updated", error_message=str(error))
    records().note_thread(approval["approvalId"], {"postedEntries": posted})


def _announce(slack: Slack, remediation: Remediation, approval: Approval) -> None:
    try:
        announce_break_glass(slack, remediation, approval)
    except RequestRefused as error:
        logger.error("break_glass_not_announced", error_message=str(error))
        count("UnexpectedError")


def _rewrite(slack: Slack, approval: Approval, message: Message) -> bool:
    try:
        return slack.rewrite(approval, message)
    except RequestRefused as error:  # such as in an archived channel: the card can no longer be changed
        logger.warning("card_not_updated", error_name=type(error).__name__, error_message=str(error))
        return False


def _current(known: Approval) -> tuple[Approval, Message]:
    """The question as it is on record now, and its card."""
    approval = records().approval(known["approvalId"]) or known
    remediation, backout = (
        records().remediation(known["remediationId"]),
        records().requested_backout(approval),
    )
    return approval, card.message(remediation, approval, backout)


def _channel_of(remediation: Remediation) -> str:
    """The channel of the remediation's route."""
    return rules().named(remediation.get("route", "")).channel
