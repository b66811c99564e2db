"""The question about an endpoint: put on record, posted, linked to the one it replaces, reminded of."""

from __future__ import annotations

from datetime import datetime, timedelta

from lambdas.domain.approval.decision import is_last_reminder, new_approval_id
from lambdas.domain.approval.people import email_of
from lambdas.domain.approval.question import asked_in_words, is_unseen, new_question
from lambdas.domain.approval.routes import Mode, Route
from lambdas.domain.errors import EndpointChanged, InvalidInput, RemediationError
from lambdas.domain.messages import card, thread
from lambdas.domain.record import (
    Approval,
    Digest,
    Remediation,
    from_iso,
    happened,
    holder_of,
    iso,
    required_fact,
)
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.records.digests import digests
from lambdas.gateways.records.records import records
from lambdas.gateways.settings import rules
from lambdas.gateways.slack import Slack, bot_token
from lambdas.services.observability import count, count_error, logger


def route_of(remediation: Remediation) -> Route:
    """The route that the endpoint took, which says whom to ask.

    Raises
    ------
    InvalidInput
        The route was removed from the settings before anyone was asked. The default route's people may be the
        wrong ones.
    """
    name = remediation.get("route", "")
    approval = records().approval(remediation.get("approvalId", ""))
    if approval is None and rules().find(name) is None:
        raise InvalidInput(
            f"The settings no longer have the route {name} that this endpoint took, so nobody was asked. "
            f"Start a new remediation: `sealpoint remediate {remediation['endpointName']}`."
        )
    return rules().route_for(name, approval)


def with_changer(remediation: Remediation, slack: Slack) -> Remediation:
    """The record, with the Slack user whose email the principal's session is named after."""
    if "changedBySlackUser" in remediation:
        return remediation
    email = email_of(remediation["trigger"]["principalArn"])
    user = slack.user_by_email(email) if email else ""
    return records().note(remediation["remediationId"], {"changedBySlackUser": user})


def open_question(remediation: Remediation, route: Route, task_token: str, now: datetime) -> Approval:
    """The question on record, for whose answer this task token waits.

    Raises
    ------
    EndpointChanged
        A newer change claimed the endpoint.
    """
    if "approvalId" not in remediation:
        # the record learns the id first: a question without a record could never be found again
        asks_nobody = remediation.get("approvalMode") == Mode.AUTOMATIC
        entry = happened(now, asked_in_words(remediation, route, "")) if asks_nobody else None
        remediation = records().name_approval(remediation["remediationId"], new_approval_id(), entry)
    approval_id = required_fact(remediation, "approvalId")
    records().keep_token(approval_id, task_token, now)  # before anyone can decide
    found = records().approval(approval_id)
    if found is None:
        approval = new_question(remediation, route, now)
        if not records().open_approval(approval):
            raise EndpointChanged("A newer change to the endpoint is being assessed instead.")
        return approval
    if not is_unseen(found, digest_of(remediation)):
        return found
    # the time to decide starts when people can see the question
    return records().note_approval(approval_id, {"deadline": iso(now + route.deadline)})


def digest_of(remediation: Remediation) -> Digest | None:
    """The digest that asks about a remediation, if there is one."""
    return digests().find(remediation["digestId"]) if "digestId" in remediation else None


def note_asked(remediation: Remediation, approval: Approval, route: Route, now: datetime) -> Remediation:
    """Record that people can see the question, once; returns the record."""
    if "askedAt" in remediation or remediation.get("approvalMode") == Mode.AUTOMATIC:
        return remediation
    facts = {"askedAt": iso(now), "deadline": approval["deadline"]}
    entry = happened(now, asked_in_words(remediation, route, approval["deadline"]))
    if approval["status"] == ApprovalStatus.PENDING:
        count("ApprovalRequested")
    return records().note_asked(remediation["remediationId"], facts, entry)


def note_asked_in_digest(remediation: Remediation, approval: Approval) -> tuple[Remediation, Approval]:
    """Record that people can see a question in its digest, once that is posted, and its deadline."""
    digest = digest_of(remediation)
    if digest is None or "postedAt" not in digest or "askedAt" in remediation:
        return remediation, approval
    deadline = max(approval["deadline"], digest["deadline"])
    if approval["status"] == ApprovalStatus.PENDING and approval["deadline"] != deadline:
        approval = records().note_approval(approval["approvalId"], {"deadline": deadline})
    asked_at = from_iso(max(digest["postedAt"], approval["createdAt"]))
    route = rules().route_for(remediation.get("route", ""), approval)
    return note_asked(remediation, approval, route, asked_at), approval


def ask_in_digest(remediation: Remediation, approval: Approval) -> None:
    """From now on the endpoint can be decided in its digest."""
    logger.info("approval_requested_in_digest", digest_id=approval.get("digestId"))
    note_asked_in_digest(remediation, approval)


def ask_on_card(
    remediation: Remediation, approval: Approval, route: Route, slack: Slack, now: datetime
) -> Approval:
    """Post the question's card, once, and link the superseded card to it; returns the question."""
    if "ts" not in approval:
        approval = _post(remediation, approval, route, slack, now)
    else:  # perhaps by a try that died right after
        note_asked(remediation, approval, route, now)
    _link_superseded(remediation, _with_permalink(approval, slack), slack)
    return approval


def _post(
    remediation: Remediation, approval: Approval, route: Route, slack: Slack, now: datetime
) -> Approval:
    channel, ts = slack.post(route.channel, card.message(remediation, approval))
    # on record before anything else can fail: a card that isn't can never be updated
    before = approval
    approval = records().note_approval(approval["approvalId"], {"channel": channel, "ts": ts})
    remediation = note_asked(records().remediation(remediation["remediationId"]), approval, route, now)
    posted = {holder_of(remediation): len(remediation.get("timeline", []))}  # the thread starts here
    approval = records().note_approval(approval["approvalId"], {"postedEntries": posted})
    if approval["status"] != before["status"] or "approvals" in approval:
        slack.rewrite(approval, card.message(remediation, approval))  # clicked before we knew its ts
    logger.info("approval_requested", channel=channel, ts=ts, mode=route.mode)
    return approval


def _with_permalink(approval: Approval, slack: Slack) -> Approval:
    """The question with the link to its card, if Slack returns one."""
    if "permalink" in approval or "ts" not in approval or "channel" not in approval:
        return approval
    try:
        permalink = slack.permalink(approval["channel"], approval["ts"])
    except RemediationError as error:
        logger.warning("no_permalink", error_name=type(error).__name__, error_message=str(error))
        return approval
    return records().note_approval(approval["approvalId"], {"permalink": permalink})


def _link_superseded(remediation: Remediation, approval: Approval, slack: Slack) -> None:
    """Link the superseded card to this one; best effort."""
    older_id, here = remediation.get("supersedes"), approval.get("permalink")
    older = records().find_remediation(older_id) if older_id else None
    if older is None or not here or older.get("supersededByLink") == here:
        return
    asked = records().approval(older.get("approvalId", ""))
    if asked and "outcome" in older:  # otherwise its own last step shows the link
        try:
            slack.rewrite(asked, card.message({**older, "supersededByLink": here}, asked))
        except RemediationError as error:
            logger.warning("older_card_not_linked", error_name=type(error).__name__, error_message=str(error))
            return
    records().note(older["remediationId"], {"supersededByLink": here})


def remind(
    remediation: Remediation, approval: Approval, route: Route, reminder: timedelta, now: datetime
) -> Approval:
    """Remind people in the card's thread; the last reminder also goes to the channel.

    A reminder that can't be posted is no reason to stop asking.

    Parameters
    ----------
    reminder
        How long between reminders; zero if there is only the last call, which counts for the alarm.
    """
    last = is_last_reminder(now, from_iso(approval["deadline"]), reminder)
    if last:
        count("ApprovalAboutToExpire")
    if reminder and "ts" in approval and "channel" in approval:
        message = thread.reminder(remediation, approval, route.approvers, last=last)
        try:
            slack = Slack(bot_token())
            slack.post(approval["channel"], message, thread_ts=approval["ts"], broadcast=last)
        except RemediationError as error:
            logger.warning("reminder_not_posted", error_name=type(error).__name__, error_message=str(error))
            count_error(error)
    # a workflow that is woken meanwhile, for whatever reason, reminds nobody before the next one is due
    return records().note_approval(approval["approvalId"], {"remindedAt": iso(now)})
