"""The page of the workspace, and the JSON interface that it and scripts use.

`GET /page/api/state` returns what one user sees of one channel. `POST /page/api/click`, `/submit` and
`/close` do what that user does. `/attend` says that someone used the page, and whether a dialog is open.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from werkzeug.exceptions import BadRequest, MethodNotAllowed, NotFound, UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from local.slack.attention import Attention
from local.slack.interactivity import Delivery, Interactivity, RefusedError, UnknownError
from local.slack.mrkdwn import Names
from local.slack.people import APP_NAME, BOT_USER_ID, TEAM_NAME, User
from local.slack.render import Renderer
from local.slack.server import json_response

if TYPE_CHECKING:
    from local.slack.store import Ephemeral, Json, Message, Store, View

_HERE = Path(__file__).parent
_FILES = {
    "/": ("templates/page.html", "text/html; charset=utf-8"),
    "/static/page.css": ("static/page.css", "text/css; charset=utf-8"),
    "/static/page.js": ("static/page.js", "text/javascript; charset=utf-8"),
    "/static/icon.svg": ("static/icon.svg", "image/svg+xml"),
    **{
        f"/static/emoji/{file.name}": (f"static/emoji/{file.name}", "image/svg+xml")
        for file in sorted((_HERE / "static/emoji").glob("*.svg"))
    },
}
CONSOLE = "/console/"
"""What stands in for AWS's console begins with this."""
_LONG_POLL_SECONDS = 20.0
# Rendered text can bring no script or frame onto the page, even if the escaping were wrong
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Page:
    """Answers every request that isn't the Web API's."""

    def __init__(
        self, store: Store, interactivity: Interactivity, now: Callable[[], float], attention: Attention
    ) -> None:
        self.console: Callable[[str], str | None] = lambda _path: None
        self._store = store
        self._attention = attention
        self._interactivity = interactivity
        self._now = now
        self._stopped = False
        self._names = Names(
            users={user.id: user.name for user in store.users.values()} | {BOT_USER_ID: APP_NAME},
            channels={channel.id: channel.name for channel in store.channels.values()},
            user_groups={group.id: group.handle for group in store.user_groups.values()},
        )

    def stop(self) -> None:
        """Release those who wait for a change."""
        self._stopped = True
        self._store.touch()

    def link_to(self, address: Callable[[str], str]) -> None:
        """Have links lead elsewhere."""
        self._names = dataclasses.replace(self._names, address=address)

    def answer(self, request: Request) -> Response:
        path = "/" if request.path.startswith("/archives/") else request.path
        if path in _FILES:
            name, content_type = _FILES[path]
            return Response((_HERE / name).read_bytes(), headers=_HEADERS, content_type=content_type)
        if path == "/page/api/state":
            return self._state(request)
        if path.startswith(CONSOLE) and (shown := self.console(path.removeprefix(CONSOLE))) is not None:
            return Response(shown, headers=_HEADERS, content_type="text/html; charset=utf-8")
        actions = {
            "/page/api/click": self._click,
            "/page/api/submit": self._submit,
            "/page/api/close": self._close,
            "/page/api/attend": self._attend,
        }
        if path not in actions:
            raise NotFound("There is nothing here.")
        return self._perform(actions[path], _json_body(request))

    # -- what someone sees

    def _state(self, request: Request) -> Response:
        self._attention.see()
        known = request.args.get("after", type=int)
        version = self._store.version
        if known == version and not self._stopped:
            version = self._store.wait_for_change(version, _LONG_POLL_SECONDS)
        user = self._user(request.args.get("user", ""))
        channel_id = request.args.get("channel", "")
        if channel_id not in self._store.channels:
            channel_id = next(iter(self._store.channels))
        views = self._store.views(user.id)
        body: Json = {
            "version": version,
            "now": self._now(),
            "team": TEAM_NAME,
            "guide": self._store.guide,
            "user": user.id,
            "users": [{"id": other.id, "name": other.name} for other in self._store.users.values()],
            "channel": channel_id,
            "channels": [
                {"id": channel.id, "name": channel.name} for channel in self._store.channels.values()
            ],
            "messages": self._messages(channel_id, user.id),
            "view": self._view(views[-1]) if views else None,
        }
        return json_response(body)

    def _user(self, user_id: str) -> User:
        return self._store.users.get(user_id) or next(iter(self._store.users.values()))

    def _messages(self, channel: str, user: str) -> list[Json]:
        """The channel's messages in order, each with the replies to it."""
        ephemerals = [shown for shown in self._store.ephemerals(user) if shown.channel == channel]
        entries = [
            *((message.thread_ts, self._message(message)) for message in self._store.messages(channel)),
            *((ephemeral.thread_ts, self._ephemeral(ephemeral)) for ephemeral in ephemerals),
        ]
        entries.sort(key=lambda entry: entry[1]["ts"])
        roots = {entry["ts"]: entry for thread_ts, entry in entries if thread_ts is None}
        for thread_ts, entry in entries:
            if thread_ts is not None:
                roots[thread_ts]["replies"].append(entry)
        return list(roots.values())

    def _message(self, message: Message) -> Json:
        rendered = Renderer(self._names, f"m{message.ts}").message(message.text, message.blocks)
        return {
            "ts": message.ts,
            "author": self._names.users.get(message.author, message.author),
            "is_app": message.is_from_app,
            "is_ephemeral": False,
            "is_edited": message.edited_ts is not None,
            "html": rendered,
            "replies": [],
        }

    def _ephemeral(self, ephemeral: Ephemeral) -> Json:
        rendered = Renderer(self._names, f"e{ephemeral.ts}").message(ephemeral.text, ephemeral.blocks)
        return {
            "ts": ephemeral.ts,
            "author": APP_NAME,
            "is_app": True,
            "is_ephemeral": True,
            "is_edited": False,
            "html": rendered,
            "replies": [],
        }

    def _view(self, view: View) -> Json:
        renderer = Renderer(self._names, view.id)
        content = view.content
        return {
            "id": view.id,
            # the page draws a modal again only when this changes: someone may be typing into it
            "hash": view.hash,
            "title": renderer.text(content["title"]),
            "submit": renderer.text(content["submit"]) if "submit" in content else None,
            "close": renderer.text(content["close"]) if "close" in content else "Cancel",
            "html": renderer.blocks(content["blocks"]),
            "errors": dict(view.errors),
            "notice": view.notice,
        }

    # -- what someone does

    def _perform(self, action: Callable[[Json], Delivery | None], body: Json) -> Response:
        try:
            delivery = action(body)
        except UnknownError as error:
            return json_response({"error": str(error)}, HTTPStatus.NOT_FOUND)
        except RefusedError as error:
            return json_response({"error": str(error), "errors": error.errors}, HTTPStatus.CONFLICT)
        answer = {"ok": True} if delivery is None else {**dataclasses.asdict(delivery), "ok": delivery.ok}
        return json_response(answer)

    def _attend(self, body: Json) -> None:
        at = body.get("at")
        if not isinstance(at, int):
            raise BadRequest("at is when it happened, in milliseconds.")
        self._attention.act(in_dialog=body.get("dialog") is True, at=at)

    def _click(self, body: Json) -> Delivery:
        shared: Json = {
            "action_id": _text(body, "action_id"),
            "block_id": _optional_text(body, "block_id"),
            "chosen": _chosen(body.get("chosen")),
            "state": _values(body, "state"),
        }
        user = _text(body, "user")
        if "view_id" in body:
            return self._interactivity.click_in_view(user, view_id=_text(body, "view_id"), **shared)
        return self._interactivity.click(user, channel=_text(body, "channel"), ts=_text(body, "ts"), **shared)

    def _submit(self, body: Json) -> Delivery:
        return self._interactivity.submit(
            _text(body, "user"),
            view_id=_optional_text(body, "view_id"),
            values=_values(body, "values"),
        )

    def _close(self, body: Json) -> None:
        self._interactivity.close(_text(body, "user"), view_id=_optional_text(body, "view_id"))


def _json_body(request: Request) -> Json:
    if request.method != "POST":
        raise MethodNotAllowed(["POST"])
    if request.mimetype != "application/json":
        # another site's page can't send this type here unasked
        raise UnsupportedMediaType("Send application/json.")
    body = request.get_json()
    if not isinstance(body, dict):
        raise BadRequest("Send a JSON object.")
    return cast("Json", body)


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} is missing.")
    return value


def _optional_text(body: Json, name: str) -> str | None:
    return None if body.get(name) is None else _text(body, name)


def _chosen(value: Any) -> str | list[str] | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value)):
        return cast("list[str]", value)
    raise BadRequest("What is chosen is a text, a list of texts, or null.")


def _values(body: Json, name: str) -> dict[str, dict[str, str | list[str] | None]]:
    blocks = body.get(name) or {}
    if not isinstance(blocks, dict):
        raise BadRequest(f"{name} is an object by block id.")
    values: dict[str, dict[str, str | list[str] | None]] = {}
    for block_id, actions in cast("Json", blocks).items():
        if not isinstance(actions, dict):
            raise BadRequest(f"{name} holds an object by action id for each block.")
        values[block_id] = {key: _chosen(value) for key, value in cast("Json", actions).items()}
    return values
