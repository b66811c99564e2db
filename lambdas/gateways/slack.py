"""Slack: its Web API, and the proof that a request really came from it."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from lambdas.domain.errors import (
    MessageGone,
    ModalChanged,
    NoSuchUser,
    RemediationError,
    RequestRefused,
    SlackUnavailable,
)
from lambdas.domain.messages.card import Message
from lambdas.domain.record import Approval
from lambdas.gateways import slack_web_api
from lambdas.gateways.environment import required
from lambdas.gateways.slack_secret import SlackSecret
from lambdas.gateways.slack_web_api import SLACK_URL, Answer, NoAnswer

logger = Logger(child=True)

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
# Slack's words for a fault of its own, or of the moment (https://docs.slack.dev/reference/methods/chat.postMessage)
_PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
# Slack's words for credentials that may have been rotated since they were read
_STALE_CREDENTIALS = frozenset({"invalid_auth", "token_revoked", "token_expired", "account_inactive"})
_MESSAGE_GONE = "message_not_found"
_NO_SUCH_USER = "users_not_found"
_MODAL_CHANGED = frozenset({"hash_conflict", "not_found"})  # of views.update
# Slack's answer about a group's members is believed for so long, so that a click rarely waits for it
_MEMBERS_KEPT_SECONDS = 60
_SIGNED_FOR_SECONDS = 5 * 60
# How long a call of the workflow's may wait where Slack asks for it; beyond, the workflow itself does.
LONGEST_PAUSE_SECONDS = 15
_SERVER_FAULT = 500
_TOO_MANY_REQUESTS = 429


class Slack:
    """The Web API, as the app's bot. Every call may raise `SlackUnavailable` or `RequestRefused`.

    Parameters
    ----------
    timeout
        Seconds that one call may take; short where Slack itself is waiting for us.
    longest_pause
        Seconds to wait, once, where Slack answers 429 with a Retry-After of no more.
    """

    def __init__(
        self,
        secret: SlackSecret,
        *,
        timeout: int = 10,
        longest_pause: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._secret = secret
        self._timeout = timeout
        self._longest_pause = longest_pause
        self._sleep = sleep

    def post(
        self, channel: str, message: Message, *, thread_ts: str | None = None, broadcast: bool = False
    ) -> tuple[str, str]:
        """Post a message, or a reply in a thread; returns its channel id and ts.

        Parameters
        ----------
        broadcast
            Show a thread's reply in the channel, too.
        """
        answer = self._call(
            "chat.postMessage",
            channel=channel,
            **message,
            thread_ts=thread_ts,
            reply_broadcast=broadcast or None,
            unfurl_links=False,
        )
        return answer["channel"], answer["ts"]

    def permalink(self, channel: str, ts: str) -> str:
        return str(self._call("chat.getPermalink", channel=channel, message_ts=ts)["permalink"])

    def open_modal(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Open a modal for the person whose click the trigger is of; a trigger lives three seconds."""
        self._call("views.open", trigger_id=trigger_id, view=view)

    def update_modal(self, view_id: str, view_hash: str, view: Mapping[str, Any]) -> None:
        """Show something else in an open modal.

        Raises
        ------
        ModalChanged
            It shows something else already than what `view_hash` is of, or was closed.
        """
        self._call("views.update", view_id=view_id, hash=view_hash, view=view)

    def user_by_email(self, email: str) -> str:
        """The id of the user with an email; empty if Slack knows none."""
        try:
            answer = self._call("users.lookupByEmail", email=email)
        except NoSuchUser:
            return ""
        return str(answer["user"]["id"])

    def is_in_any_group(self, user: str, groups: Iterable[str]) -> bool:
        """Whether someone is in one of the user groups; one that Slack refuses to show has no members."""
        unreached: SlackUnavailable | None = None
        for group in groups:
            try:
                if user in self._members(group):
                    return True
            except RequestRefused as error:
                logger.warning("group_not_shown", group=group, error_message=str(error))
                _group_members[group] = (time.monotonic(), frozenset())  # a click has no time to ask again
            except SlackUnavailable as error:
                unreached = error
        if unreached is not None:
            raise unreached
        return False

    def _members(self, group: str) -> frozenset[str]:
        read_at, members = _group_members.get(group, (float("-inf"), frozenset[str]()))
        if time.monotonic() - read_at < _MEMBERS_KEPT_SECONDS:
            return members
        answer = self._call("usergroups.users.list", usergroup=group)
        members = frozenset(answer["users"])
        _group_members[group] = (time.monotonic(), members)
        return members

    def update(self, channel: str, ts: str, message: Message) -> None:
        """Rewrite a message.

        Raises
        ------
        MessageGone
            Someone deleted it.
        """
        self._call("chat.update", channel=channel, ts=ts, **message)

    def rewrite(self, approval: Approval, message: Message) -> bool:
        """Rewrite a question's card, and every copy of it; False if there is none, or none any more."""
        if "ts" not in approval or "channel" not in approval:
            return False
        shown = False
        for ts in (approval["ts"], *approval.get("otherTs", ())):
            try:
                self.update(approval["channel"], ts, message)
            except MessageGone:
                continue
            shown = True
        return shown

    def whisper(self, channel: str, user: str, text: str) -> None:
        """Tell one person something in a channel, seen by nobody else."""
        self._call("chat.postEphemeral", channel=channel, user=user, text=text)

    def _call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Call once, and once more where that may help: with fresh credentials, or after Slack's pause."""
        answer = self._answer(method, arguments)
        stale = answer.word in _STALE_CREDENTIALS
        if stale or 0 < answer.retry_after <= self._longest_pause:
            if not stale:
                self._sleep(answer.retry_after)
            answer = self._answer(method, arguments, fresh=stale)
        if not answer.succeeded:
            raise _translated(answer)
        return answer.body

    def _answer(self, method: str, arguments: Mapping[str, Any], *, fresh: bool = False) -> Answer:
        token = self._secret.credentials(fresh=fresh).bot_token
        base_url = os.environ.get("SLACK_API_URL") or SLACK_URL
        try:
            return slack_web_api.call(base_url, method, arguments, token=token, timeout=self._timeout)
        except NoAnswer as error:
            raise SlackUnavailable(f"Slack could not be reached: {error}") from None


_group_members: dict[str, tuple[float, frozenset[str]]] = {}


def forget_group_members() -> None:
    """Ask Slack anew who is in which group."""
    _group_members.clear()


@cache
def slack_secret() -> SlackSecret:
    return SlackSecret(required("SLACK_SECRET_ARN"))


def patient_slack() -> Slack:
    """Slack, for a step that can wait where Slack asks for it."""
    return Slack(slack_secret(), longest_pause=LONGEST_PAUSE_SECONDS)


def is_from_slack(
    secret: SlackSecret, *, body: str, timestamp: str | None, signature: str | None, now: float
) -> bool:
    """Whether a request is signed by Slack and at most five minutes old.

    A signature that doesn't fit is tried once more against a freshly read secret: it may have been rotated.
    https://docs.slack.dev/authentication/verifying-requests-from-slack/
    """
    timestamp, signature = timestamp or "", signature or ""
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        return False
    if abs(now - int(timestamp)) > _SIGNED_FOR_SECONDS:
        return False  # whoever signed it: no secret makes a stale request fresh
    return any(
        hmac.compare_digest(
            _signature(secret.credentials(fresh=fresh).signing_secret, timestamp, body), signature
        )
        for fresh in (False, True)
    )


def _signature(signing_secret: str, timestamp: str, body: str) -> str:
    signed = hmac.new(signing_secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256)
    return f"v0={signed.hexdigest()}"


def _translated(answer: Answer) -> RemediationError:
    word, status = answer.word, answer.status
    if not word or status >= _SERVER_FAULT or status == _TOO_MANY_REQUESTS or word in _PASSING:
        return SlackUnavailable(f"Slack did not answer as it should ({status} {word or 'no word'}).")
    if word == _MESSAGE_GONE:
        return MessageGone("The message is no longer in Slack.")
    if word == _NO_SUCH_USER:
        return NoSuchUser("Slack knows no such user.")
    if word in _MODAL_CHANGED:
        return ModalChanged("The modal was closed, or shows something else already.")
    metadata: Any = answer.body.get("response_metadata") or {}
    messages = metadata.get("messages")
    return RequestRefused(f"Slack refused: {word}" + (f" ({'; '.join(messages)})" if messages else "") + ".")
