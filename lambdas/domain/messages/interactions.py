"""A request from Slack's interactivity, taken apart.

https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from lambdas.domain import backout
from lambdas.domain.approval.decision import DECISIONS
from lambdas.domain.messages import digest_list, modals
from lambdas.domain.plain_text import cleaned_all
from lambdas.domain.sweep import digest

_ACTIONS = {*DECISIONS, backout.ACTION_ID}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # an approval's, or a digest's
_PAGE = re.compile(r"[0-9]{1,5}")
_TS = re.compile(r"[0-9]{1,16}\.[0-9]{1,9}")


class MalformedRequest(Exception):
    """The request is not what Slack sends; the message says how, and quotes none of it."""


@dataclass(frozen=True, slots=True)
class Click:
    """Someone pressed a decision's button."""

    action_id: str
    approval_id: str
    user_id: str
    channel_id: str
    message_ts: str  # of the card that was clicked
    trigger_id: str  # lets a modal be opened, for three seconds


@dataclass(frozen=True, slots=True)
class Submission:
    """Someone submitted a modal; `values` are its inputs by block."""

    callback_id: str
    approval_id: str
    user_id: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Review:
    """Someone wants to see the list behind a digest's card."""

    digest_id: str
    user_id: str
    channel_id: str
    trigger_id: str


@dataclass(frozen=True, slots=True)
class PageTurn:
    """Someone wants to see another page of a digest's list; `values` are their choices so far."""

    digest_id: str
    number: int  # of the page they want
    shown: int  # of the page they see
    user_id: str
    view_id: str
    view_hash: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class PageSubmission:
    """Someone submitted a page of a digest's list."""

    digest_id: str
    number: int
    user_id: str
    values: dict[str, str]


Interaction = Click | Submission | Review | PageTurn | PageSubmission


def header(event: Mapping[str, Any], name: str) -> str | None:
    """A header of an API Gateway event (payload 2.0, lower-cased names)."""
    headers = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def body_text(event: Mapping[str, Any]) -> str:
    """The raw body as Slack signed it, decoded if API Gateway passed it on in base64.

    Raises
    ------
    MalformedRequest
        It claims to be base64 and isn't, or it is not UTF-8.
    """
    body = str(event.get("body") or "")
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        return raw.decode()
    except (binascii.Error, ValueError):
        raise MalformedRequest("The body is not UTF-8 text.") from None


def parse(body: str) -> Interaction | None:
    """What is in a request's form; None for a click that decides nothing, such as a link's.

    Raises
    ------
    MalformedRequest
    """
    payload = _payload(body)
    match payload.get("type"):
        case "block_actions":
            return _click(payload)
        case "view_submission":
            return _submission(payload)
        case _:
            raise MalformedRequest("Only clicks on buttons and modals are accepted.")


def _submission(payload: Mapping[str, Any]) -> Submission | PageSubmission:
    view = _view(payload)
    user_id = _id_of(payload, "user")
    callback_id = view.get("callback_id")
    if callback_id == digest_list.CALLBACK_ID:
        digest_id, number = _page(view)
        return PageSubmission(digest_id, number, user_id, modals.all_values(view.get("state")))
    if callback_id not in (modals.DENY, modals.BREAK_GLASS):
        raise MalformedRequest("There is no such modal.")
    return Submission(
        callback_id=callback_id,
        approval_id=_known_id(view.get("private_metadata")),
        user_id=user_id,
        values=modals.values(view.get("state")),
    )


def _click(payload: Mapping[str, Any]) -> Click | Review | PageTurn | None:
    action = _first_action(payload)
    action_id, user_id = action.get("action_id"), _id_of(payload, "user")
    if action_id in (digest_list.PREVIOUS, digest_list.NEXT):
        return _page_turn(payload, action, user_id)
    if action_id == digest.ACTION_ID:
        channel_id = _id_of(payload, "channel")
        return Review(_known_id(action.get("value")), user_id, channel_id, _trigger_id(payload))
    if not isinstance(action_id, str) or action_id not in _ACTIONS:
        if "url" in action:
            return None
        raise MalformedRequest("There is no such button.")
    return Click(
        action_id=action_id,
        approval_id=_known_id(action.get("value")),
        user_id=user_id,
        channel_id=_id_of(payload, "channel"),
        message_ts=_message_ts(payload),
        trigger_id=_trigger_id(payload),
    )


def _page_turn(payload: Mapping[str, Any], action: Mapping[str, Any], user_id: str) -> PageTurn:
    view, wanted = _view(payload), action.get("value")
    if not isinstance(wanted, str) or not _PAGE.fullmatch(wanted):
        raise MalformedRequest("The button names no page.")
    digest_id, shown = _page(view)
    return PageTurn(
        digest_id=digest_id,
        number=int(wanted),
        shown=shown,
        user_id=user_id,
        view_id=_text(view.get("id")),
        view_hash=_text(view.get("hash")),
        values=modals.all_values(view.get("state")),
    )


def _page(view: Mapping[str, Any]) -> tuple[str, int]:
    found = digest_list.subject(view.get("private_metadata"))
    if found is None:
        raise MalformedRequest("The modal names no page of a digest.")
    return found


def _view(payload: Mapping[str, Any]) -> dict[str, Any]:
    view = payload.get("view")
    if not isinstance(view, dict):
        raise MalformedRequest("The payload has no view.")
    return view


def _trigger_id(payload: Mapping[str, Any]) -> str:
    return _text(payload.get("trigger_id"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _known_id(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise MalformedRequest("The request has no approval's or digest's id.")
    return value


def _payload(body: str) -> dict[str, Any]:
    try:
        forms = parse_qs(body, strict_parsing=True, errors="strict", max_num_fields=10)
        payload = json.loads(forms["payload"][0])
    except (ValueError, KeyError, RecursionError):
        raise MalformedRequest("The body is not a form with a JSON payload.") from None
    if not isinstance(payload, dict):
        raise MalformedRequest("The payload is not a JSON object.")
    return cleaned_all(payload)


def _first_action(payload: Mapping[str, Any]) -> dict[str, Any]:
    actions = payload.get("actions")
    if not isinstance(actions, list) or not actions or not isinstance(actions[0], dict):
        raise MalformedRequest("The payload names no action.")
    return actions[0]


def _message_ts(payload: Mapping[str, Any]) -> str:
    container = payload.get("container")
    ts = container.get("message_ts") if isinstance(container, dict) else None
    if not isinstance(ts, str) or not _TS.fullmatch(ts):
        raise MalformedRequest("The payload names no message.")
    return ts


def _id_of(payload: Mapping[str, Any], who: str) -> str:
    part = payload.get(who)
    found = part.get("id") if isinstance(part, dict) else None
    if not isinstance(found, str) or not found:
        raise MalformedRequest(f"The payload names no {who}.")
    return found
