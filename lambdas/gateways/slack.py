"""Slack: its Web API, and the proof that a request really came from it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.signature import SignatureVerifier

from lambdas.domain.errors import (
    MessageGone,
    ModalChanged,
    NoSuchUser,
    RemediationError,
    RequestRefused,
    SlackUnavailable,
)
from lambdas.domain.messages.card import Message
from lambdas.domain.plain_text import cleaned
from lambdas.domain.record import Approval
from lambdas.gateways.settings import required
from lambdas.gateways.slack_client import SlackClient
from lambdas.gateways.slack_secret import SlackSecret

if TYPE_CHECKING:
    from slack_sdk.web import SlackResponse

_Call = Callable[[SlackClient], "SlackResponse"]

logger = Logger(child=True)

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_WORD = re.compile(r"[a-z0-9_]+")
# Slack's words for a fault of its own, or a temporary one (https://docs.slack.dev/reference/methods/chat.postMessage)
_PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
# Slack's words for credentials that may have been rotated since they were read
_STALE_CREDENTIALS = frozenset({"invalid_auth", "token_revoked", "token_expired", "account_inactive"})
_MESSAGE_GONE = "message_not_found"
_NO_SUCH_USER = "users_not_found"
_MODAL_CHANGED = frozenset({"hash_conflict", "not_found"})  # of views.update
# How long group membership is cached, so that a click rarely waits for Slack
_MEMBERS_KEPT_SECONDS = 60
_SIGNED_FOR_SECONDS = 5 * 60
# How long a workflow's step waits where Slack asks for a pause. The workflow itself waits out a longer one.
LONGEST_PAUSE_SECONDS = 15


class Slack:
    """The Web API, as the app's bot. Every call may raise `SlackUnavailable` or `RequestRefused`.

    Parameters
    ----------
    timeout
        Seconds that one call may take. It is short where Slack itself is waiting for us.
    longest_pause
        Seconds to wait, once, where Slack responds with 429 and a Retry-After of no more than this.
    """

    def __init__(
        self,
        token: SlackSecret,
        *,
        timeout: int = 10,
        longest_pause: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._token = token
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
        posted = self._call(
            lambda client: client.chat_postMessage(
                channel=channel,
                **message,
                thread_ts=thread_ts,
                reply_broadcast=broadcast or None,
                unfurl_links=False,
            )
        )
        return posted["channel"], posted["ts"]

    def permalink(self, channel: str, ts: str) -> str:
        found = self._call(lambda client: client.chat_getPermalink(channel=channel, message_ts=ts))
        return str(found["permalink"])

    def open_modal(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Open a modal for the person who clicked. A click's trigger expires after three seconds."""
        self._call(lambda client: client.views_open(trigger_id=trigger_id, view=dict(view)))

    def update_modal(self, view_id: str, view_hash: str, view: Mapping[str, Any]) -> None:
        """Replace the content of an open modal.

        Raises
        ------
        ModalChanged
            The modal was closed, or its content is no longer the one that `view_hash` belongs to.
        """
        self._call(lambda client: client.views_update(view_id=view_id, hash=view_hash, view=dict(view)))

    def user_by_email(self, email: str) -> str:
        """The id of the user with an email; empty if Slack knows none."""
        try:
            found = self._call(lambda client: client.users_lookupByEmail(email=email))
        except NoSuchUser:
            return ""
        return str(found["user"]["id"])

    def is_in_any_group(self, user: str, groups: Iterable[str]) -> bool:
        """Whether someone is in one of the user groups. A group that Slack doesn't show has no members."""
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
        found = self._call(lambda client: client.usergroups_users_list(usergroup=group))
        members = frozenset[str](found["users"])
        _group_members[group] = (time.monotonic(), members)
        return members

    def update(self, channel: str, ts: str, message: Message) -> None:
        """Rewrite a message.

        Raises
        ------
        MessageGone
            Someone deleted it.
        """
        self._call(lambda client: client.chat_update(channel=channel, ts=ts, **message))

    def rewrite(self, approval: Approval, message: Message) -> bool:
        """Rewrite a request's card and every copy of it; False if there is none, or no longer any."""
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

    def post_ephemeral(self, channel: str, user: str, text: str) -> None:
        """Show one person a message in a channel that nobody else sees."""
        self._call(lambda client: client.chat_postEphemeral(channel=channel, user=user, text=text))

    def _call(self, call: _Call) -> Any:
        """Call once, and once more where that may help: with fresh credentials, or after Slack's pause."""
        response = self._response(call)
        stale, pause = _word(response) in _STALE_CREDENTIALS, _retry_after(response)
        if stale or 0 < pause <= self._longest_pause:
            if not stale:
                self._sleep(pause)
            response = self._response(call, fresh=stale)
        if response.status_code != HTTPStatus.OK or response.get("ok") is not True:
            raise _translated(response)
        return response.data

    def _response(
        self, call: Callable[[SlackClient], SlackResponse], *, fresh: bool = False
    ) -> SlackResponse:
        client = SlackClient(self._token.value(fresh=fresh), self._timeout)
        try:
            return call(client)
        except SlackApiError as error:
            return error.response
        except (SlackClientError, OSError, HTTPException, ValueError) as error:
            # `from None`: such an error may quote the token
            raise SlackUnavailable(f"Slack could not be reached: {type(error).__name__}") from None


_group_members: dict[str, tuple[float, frozenset[str]]] = {}


def forget_group_members() -> None:
    """Forget who is in which group, so that Slack is asked again."""
    _group_members.clear()


@cache
def bot_token() -> SlackSecret:
    return SlackSecret(required("SLACK_TOKEN_SECRET_ARN"), "bot_token")


@cache
def signing_secret() -> SlackSecret:
    return SlackSecret(required("SLACK_SIGNING_SECRET_ARN"), "signing_secret")


def patient_slack() -> Slack:
    """Slack, for a step that can wait where Slack asks for a pause."""
    return Slack(bot_token(), longest_pause=LONGEST_PAUSE_SECONDS)


def is_from_slack(
    secret: SlackSecret, *, body: str, timestamp: str | None, signature: str | None, now: float
) -> bool:
    """Whether a request is signed by Slack and at most five minutes old.

    A signature that doesn't match is checked again with a freshly read secret: it may have been rotated.
    https://docs.slack.dev/authentication/verifying-requests-from-slack/
    """
    timestamp, signature = timestamp or "", signature or ""
    # what slack_sdk's verifier would raise an error on
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        return False
    if abs(now - int(timestamp)) > _SIGNED_FOR_SECONDS:
        return False  # no secret makes a stale request fresh
    return any(
        SignatureVerifier(secret.value(fresh=fresh)).is_valid(body, timestamp, signature)
        for fresh in (False, True)
    )


def _word(response: SlackResponse) -> str:
    """Slack's word for what is wrong; empty where the response has none."""
    word = str(response.get("error", ""))
    return word if _WORD.fullmatch(word) else ""


def _retry_after(response: SlackResponse) -> float:
    """The seconds for which Slack asks for a pause; 0 where it doesn't."""
    pause = str(response.headers.get("retry-after", ""))
    limited = response.status_code == HTTPStatus.TOO_MANY_REQUESTS
    return float(pause) if limited and pause.isdigit() else 0.0


def _translated(response: SlackResponse) -> RemediationError:
    word, status = _word(response), response.status_code
    passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
    if not word or passing or word in _PASSING:
        return SlackUnavailable(f"Slack did not answer as it should ({status} {word or 'no word'}).")
    if word == _MESSAGE_GONE:
        return MessageGone("The message is no longer in Slack.")
    if word == _NO_SUCH_USER:
        return NoSuchUser("Slack knows no such user.")
    if word in _MODAL_CHANGED:
        return ModalChanged("The modal was closed, or shows something else already.")
    metadata: Any = response.get("response_metadata") or {}
    messages = metadata.get("messages")
    return RequestRefused(
        f"Slack refused: {word}" + (f" ({cleaned('; '.join(messages))})" if messages else "") + "."
    )
