"""What people do, as the signed requests that Slack makes of it.

https://docs.slack.dev/interactivity/handling-user-interaction. Slack waits three seconds for a 200 and sends
nothing twice.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, urlencode, urlsplit

from local.slack import block_kit, inputs
from local.slack.inputs import Chosen, InvalidChoiceError, Values
from local.slack.people import APP_ID, TEAM_DOMAIN, TEAM_ID
from local.slack.web_api import SlackError, checked_view

if TYPE_CHECKING:
    from local.slack.people import User
    from local.slack.store import Json, Store, View

_NOT_CONFIGURED = "This app is not configured to handle interactive responses."
_NO_ANSWER = "This app did not answer in time."
_UNREACHABLE = "This app could not be reached."
_TROUBLE = "We had some trouble connecting. Try again?"
_LONGEST_BODY = 1_000_000


class RefusedError(Exception):
    """Slack's own client would not have let the person do this: nothing was sent."""

    def __init__(self, message: str, errors: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.errors = errors or {}


class UnknownError(RefusedError):
    """There is no such user, channel, message or modal."""


@dataclass(frozen=True)
class Delivery:
    """How the app answered: its HTTP status and body, or the problem that the person is shown.

    `seconds` is the real time it took.
    """

    status: int | None
    body: str
    seconds: float
    problem: str | None = None

    @property
    def ok(self) -> bool:
        return self.problem is None


@dataclass(frozen=True)
class Interaction:
    """One request to the app: the payload, what became of it, and when (Unix time) it was sent."""

    payload: Json
    delivery: Delivery
    at: float


@dataclass(frozen=True)
class _Place:
    """Where a person acts: a message, an ephemeral one, or a modal."""

    container: Json
    blocks: list[Json]
    details: Json


class Interactivity:
    """Turns what people do into requests.

    Parameters
    ----------
    answer_within
        Real seconds that the app has for its answer; Slack's are three.
    base_url
        The address of the workspace, without a slash at its end.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], float],
        *,
        signing_secret: str,
        answer_within: float,
        base_url: Callable[[], str],
    ) -> None:
        self.url: str | None = None
        self.url_for: Callable[[Json], str | None] | None = None  # where there are several apps
        self.interactions: list[Interaction] = []
        self._store = store
        self._now = now
        self._signing_secret = signing_secret
        self._answer_within = answer_within
        self._base_url = base_url
        self._verification_token = secrets.token_hex(12)

    def click(
        self,
        user_id: str,
        *,
        channel: str,
        ts: str,
        action_id: str,
        block_id: str | None = None,
        chosen: Chosen = None,
        state: Values | None = None,
    ) -> Delivery:
        """Use an element of a message: press a button, or choose from a menu (`chosen`: the option's value).

        A confirm dialog counts as confirmed. `state` is what other elements of the message are set to.

        Raises
        ------
        UnknownError
            No such user, channel or message.
        RefusedError
            The message, as it is shown now, has no such element or option.
        """
        user = self._user(user_id)
        place = self._message_place(user, channel, ts)
        return self._act(
            user, place, action_id=action_id, block_id=block_id, chosen=chosen, state=state or {}
        )

    def click_in_view(
        self,
        user_id: str,
        *,
        view_id: str,
        action_id: str,
        block_id: str | None = None,
        chosen: Chosen = None,
        state: Values | None = None,
    ) -> Delivery:
        """Use an element of an open modal, other than its submit button. Raises what `click` does."""
        user = self._user(user_id)
        view = self._view(user, view_id)
        content = view.content["blocks"]
        try:
            shown = view.as_slack(inputs.state_values(content, state or {}))
        except InvalidChoiceError as error:
            raise RefusedError(str(error)) from None
        place = _Place({"type": "view", "view_id": view.id}, content, {"view": shown})
        return self._act(
            user, place, action_id=action_id, block_id=block_id, chosen=chosen, state=state or {}
        )

    def submit(self, user_id: str, *, view_id: str | None = None, values: Values | None = None) -> Delivery:
        """Submit a modal, the topmost by default, and do with it what the app answers.

        Raises
        ------
        UnknownError
            No such user or modal.
        RefusedError
            The modal has no submit button, or an input isn't filled in as it must be: `errors` says which.
        """
        user = self._user(user_id)
        view = self._view(user, view_id)
        blocks = view.content["blocks"]
        if "submit" not in view.content:
            raise RefusedError("The modal has no submit button.")
        try:
            state = inputs.state_values(blocks, values or {})
        except InvalidChoiceError as error:
            raise RefusedError(str(error)) from None
        problems = inputs.incomplete(blocks, state)
        if problems:
            raise RefusedError("The modal is not complete.", problems)
        delivery = self._send(
            {
                **self._header("view_submission", user),
                "trigger_id": self._store.new_trigger(user.id),
                "view": view.as_slack(state),
                "response_urls": [],
            }
        )
        return self._follow(view, delivery)

    def close(self, user_id: str, *, view_id: str | None = None) -> None:
        """Close a modal."""
        self._store.close_view(self._view(self._user(user_id), view_id))

    # -- who and where

    def _user(self, user_id: str) -> User:
        user = self._store.users.get(user_id)
        if user is None:
            raise UnknownError(f"There is no user {user_id!r}.")
        return user

    def _view(self, user: User, view_id: str | None) -> View:
        views = self._store.views(user.id)
        if not views or view_id not in (None, views[-1].id):
            raise UnknownError("The user has no such modal open on top.")
        return views[-1]

    def _message_place(self, user: User, channel_id: str, ts: str) -> _Place:
        channel = self._store.channels.get(channel_id)
        if channel is None or not channel.has_member(user.id):
            raise UnknownError(f"There is no channel {channel_id!r}.")
        where = {"channel": {"id": channel.id, "name": channel.name}}
        container = {"type": "message", "message_ts": ts, "channel_id": channel.id}
        message = self._store.message(channel.id, ts)
        if message is not None:
            if message.thread_ts:
                container["thread_ts"] = message.thread_ts
            details = {**where, "message": message.as_slack()}
            return _Place({**container, "is_ephemeral": False}, message.blocks, details)
        for ephemeral in self._store.ephemerals(user.id):
            if (ephemeral.channel, ephemeral.ts) == (channel.id, ts):
                return _Place({**container, "is_ephemeral": True}, ephemeral.blocks, where)
        raise UnknownError(f"There is no message {ts!r} in {channel_id!r}.")

    # -- what is sent

    def _act(
        self,
        user: User,
        place: _Place,
        *,
        action_id: str,
        block_id: str | None,
        chosen: Chosen,
        state: Values,
    ) -> Delivery:
        block, element = _find(place.blocks, action_id, block_id)
        try:
            action = _action(block, element, chosen)
            if inputs.is_stateful(element):
                mine = {**state.get(block["block_id"], {}), action_id: chosen}
                state = {**state, block["block_id"]: mine}
            values = inputs.state_values(place.blocks, state)
        except InvalidChoiceError as error:
            raise RefusedError(str(error)) from None
        return self._send(
            {
                **self._header("block_actions", user),
                "container": place.container,
                "trigger_id": self._store.new_trigger(user.id),
                **place.details,
                **({} if "view" in place.details else self._message_extras(values)),
                "actions": [{**action, "action_ts": f"{self._now():.6f}"}],
            }
        )

    def _message_extras(self, values: Json) -> Json:
        path = f"actions/{TEAM_ID}/{secrets.randbelow(10**12)}/{secrets.token_hex(12)}"
        return {"state": {"values": values}, "response_url": f"{self._base_url()}/{path}"}

    def _header(self, kind: str, user: User) -> Json:
        return {
            "type": kind,
            "user": {"id": user.id, "username": user.handle, "name": user.handle, "team_id": TEAM_ID},
            "api_app_id": APP_ID,
            "token": self._verification_token,
            "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _send(self, payload: Json) -> Delivery:
        body = urlencode({"payload": json.dumps(payload, separators=(",", ":"))}).encode()
        sent = self._now()
        timestamp = str(int(sent))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json,*/*",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._signing_secret, timestamp, body),
        }
        url = self.url_for(payload) if self.url_for else self.url
        if url is None:
            delivery = Delivery(None, "", 0.0, _NOT_CONFIGURED)
        else:
            delivery = _post(url, body, headers, self._answer_within)
        self.interactions.append(Interaction(payload, delivery, sent))
        return delivery

    # -- what is done with the answer

    def _follow(self, view: View, delivery: Delivery) -> Delivery:
        """What an answer to a submission does to the modal."""
        try:
            if not delivery.ok:
                raise SlackError("not_answered")
            answer = json.loads(delivery.body) if delivery.body.strip() else {}
            self._respond(view, answer)
        except (SlackError, ValueError) as error:
            self._store.note_on_view(view, errors={}, notice=_TROUBLE)
            details = "; ".join(error.messages) if isinstance(error, SlackError) else str(error)
            return replace(delivery, problem=delivery.problem or f"{_TROUBLE} ({error}: {details})")
        return delivery

    def _respond(self, view: View, answer: Any) -> None:
        if not isinstance(answer, dict):
            raise SlackError("invalid_response", ["the answer is no JSON object"])
        response = cast("Json", answer)
        action = response.get("response_action")
        if action is None:
            self._store.close_view(view)
        elif action == "errors":
            self._store.note_on_view(view, errors=_input_errors(view, response), notice=None)
        elif action == "update":
            self._store.update_view(view, checked_view(response.get("view")))
        else:
            raise SlackError("invalid_response", [f"response_action {action!r} cannot be followed"])


def signature(signing_secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 signature: https://docs.slack.dev/authentication/verifying-requests-from-slack."""
    signed = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(signing_secret.encode(), signed, hashlib.sha256).hexdigest()


def _find(blocks: list[Json], action_id: str, block_id: str | None) -> tuple[Json, Json]:
    for block in blocks:
        if block_id not in (None, block["block_id"]):
            continue
        for element in block_kit.interactive_elements(block):
            if element["action_id"] == action_id and block["type"] != "input":
                return block, element
    raise RefusedError(f"What is shown now has no element {action_id!r}.")


def _action(block: Json, element: Json, chosen: Chosen) -> Json:
    kind = element["type"]
    action: Json = {"type": kind, "block_id": block["block_id"], "action_id": element["action_id"]}
    if kind != "button":
        return {**action, **inputs.state_of(element, chosen)}
    if chosen is not None:
        raise InvalidChoiceError("A button has no choice.")
    return {**action, **{name: element[name] for name in ("text", "value", "style") if name in element}}


def _input_errors(view: View, response: Json) -> dict[str, str]:
    errors = response.get("errors")
    known = {block["block_id"] for block in view.content["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors:
        raise SlackError("invalid_response", ["errors is no object with something in it"])
    found = cast("Json", errors)
    strange = [name for name in found if name not in known]
    if strange:
        raise SlackError("invalid_response", [f"there is no input block {name!r}" for name in strange])
    return {name: str(message) for name, message in found.items()}


def _post(url: str, body: bytes, headers: dict[str, str], seconds: float) -> Delivery:
    parts = urlsplit(url)
    began = time.monotonic()

    def took() -> float:
        return time.monotonic() - began

    connection = _connection(parts, seconds)
    try:
        connection.request("POST", parts._replace(scheme="", netloc="").geturl() or "/", body, headers)
        answer = connection.getresponse()
        text = answer.read(_LONGEST_BODY).decode("utf-8", errors="replace")
    except TimeoutError:
        return Delivery(None, "", took(), _NO_ANSWER)
    except (OSError, http.client.HTTPException):
        return Delivery(None, "", took(), _UNREACHABLE)
    finally:
        connection.close()
    if took() > seconds:
        return Delivery(answer.status, text, took(), _NO_ANSWER)
    if answer.status != HTTPStatus.OK:
        return Delivery(answer.status, text, took(), f"This app responded with status code {answer.status}.")
    return Delivery(answer.status, text, took())


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.netloc, timeout=seconds)
