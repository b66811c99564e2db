"""The Web API, each method with Slack's own words for its errors: https://docs.slack.dev/reference/methods"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from local.slack import block_kit
from local.slack.people import (
    APP_NAME,
    BOT_ID,
    BOT_USER_ID,
    TEAM_DOMAIN,
    TEAM_ID,
    TEAM_NAME,
    Channel,
    User,
)

if TYPE_CHECKING:
    from local.slack.faults import Faults
    from local.slack.store import Json, Message, Store

_LONGEST_POSTED = 40_000  # cut there: https://docs.slack.dev/changelog/2018-truncating-really-long-messages
_LONGEST_TEXT = 4_000  # past it chat.update and chat.postEphemeral say msg_too_long
_LARGEST_VIEW = 250_000
_TS = re.compile(r"\d{1,12}\.\d{6}")


class SlackError(Exception):
    """A refusal: Slack's word for it, and what it adds."""

    def __init__(self, word: str, messages: list[str] | None = None) -> None:
        super().__init__(word)
        self.word = word
        self.messages = messages or []

    def body(self) -> Json:
        body: Json = {"ok": False, "error": self.word}
        if self.messages:
            body["errors"] = self.messages
            body["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return body


class RateLimited(SlackError):
    def __init__(self) -> None:
        super().__init__("ratelimited")


@dataclass(frozen=True)
class _Content:
    """What a message is to say. `None` is "not mentioned", which an update keeps as it was."""

    text: str | None
    blocks: list[Json] | None


class WebApi:
    """The methods, on what the workspace holds.

    Parameters
    ----------
    now
        Unix time.
    base_url
        The address of the workspace, without a slash at its end.
    """

    def __init__(
        self, store: Store, faults: Faults, now: Callable[[], float], base_url: Callable[[], str]
    ) -> None:
        self._store = store
        self._faults = faults
        self._now = now
        self._base_url = base_url
        self._methods: Mapping[str, Callable[[Json], Json]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.getPermalink": self._get_permalink,
            "views.open": self._open_view,
            "views.update": self._update_view,
            "users.lookupByEmail": self._lookup_by_email,
            "usergroups.users.list": self._list_group_users,
            "conversations.info": self._channel_info,
        }

    def call(self, method: str, arguments: Json) -> Json:
        """The answer to a call that is authenticated.

        Raises
        ------
        SlackError
        """
        act = self._methods.get(method)
        if act is None:
            raise SlackError("unknown_method")
        return {"ok": True, **act(arguments)}

    # -- methods

    def _auth_test(self, _arguments: Json) -> Json:
        return {
            "url": f"{self._base_url()}/",
            "team": TEAM_NAME,
            "user": APP_NAME.lower(),
            "team_id": TEAM_ID,
            "user_id": BOT_USER_ID,
            "bot_id": BOT_ID,
            "is_enterprise_install": False,
        }

    def _post_message(self, arguments: Json) -> Json:
        channel = self._writable_channel(arguments)
        content = _content(arguments)
        _require_something(content)
        thread_ts = self._thread(arguments, channel)
        if not self._faults.may_post(channel.id, self._now()):
            raise RateLimited
        text = content.text or ""
        message = self._store.add_message(
            channel.id,
            BOT_USER_ID,
            text=text[:_LONGEST_POSTED],
            blocks=content.blocks or [],
            thread_ts=thread_ts,
        )
        answer: Json = {"channel": channel.id, "ts": message.ts, "message": message.as_slack()}
        if len(text) > _LONGEST_POSTED:
            answer["warning"] = "message_truncated"
            answer["response_metadata"] = {"warnings": ["message_truncated"]}
        return answer

    def _update(self, arguments: Json) -> Json:
        channel = self._writable_channel(arguments, archived="is_inactive")
        message = self._message(channel, arguments, "ts")
        if not message.is_from_app:
            raise SlackError("cant_update_message")
        content = _content(arguments)
        _require_something(content)
        _require_short(content)
        # blocks that aren't mentioned stay; an empty list removes them
        updated = self._store.edit_message(
            channel.id,
            message.ts,
            text=content.text or "",
            blocks=message.blocks if content.blocks is None else content.blocks,
        )
        return {
            "channel": channel.id,
            "ts": updated.ts,
            "text": updated.text,
            "message": updated.as_slack(),
        }

    def _post_ephemeral(self, arguments: Json) -> Json:
        channel = self._writable_channel(arguments)
        user = _required_text(arguments, "user")
        content = _content(arguments)
        _require_something(content)
        _require_short(content)
        if user not in self._store.users or not channel.has_member(user):
            raise SlackError("user_not_in_channel")
        ephemeral = self._store.add_ephemeral(
            user,
            channel.id,
            text=content.text or "",
            blocks=content.blocks or [],
            thread_ts=self._thread(arguments, channel),
        )
        return {"message_ts": ephemeral.ts}

    def _get_permalink(self, arguments: Json) -> Json:
        channel = self._channel(arguments)
        message = self._message(channel, arguments, "message_ts")
        link = f"{self._base_url()}/archives/{channel.id}/p{message.ts.replace('.', '')}"
        if message.thread_ts:
            link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
        return {"channel": channel.id, "permalink": link}

    def _open_view(self, arguments: Json) -> Json:
        view = _decoded(arguments.get("view"), "invalid_arguments")
        if view is None:
            raise SlackError("invalid_arguments", ["missing required field: view"])
        content = checked_view(view)
        try:
            user = self._store.exchange_trigger(_required_text(arguments, "trigger_id"))
        except LookupError as error:
            raise SlackError(str(error)) from None
        return {"view": self._store.open_view(user, content).as_slack()}

    def _update_view(self, arguments: Json) -> Json:
        given = _decoded(arguments.get("view"), "invalid_arguments")
        if given is None:
            raise SlackError("invalid_arguments", ["missing required field: view"])
        content = checked_view(given)
        view = self._store.view(_required_text(arguments, "view_id"))
        if view is None:
            raise SlackError("not_found")
        if arguments.get("hash") not in (None, "", view.hash):
            raise SlackError("hash_conflict")
        return {"view": self._store.update_view(view, content).as_slack()}

    def _lookup_by_email(self, arguments: Json) -> Json:
        email = _required_text(arguments, "email").lower()
        for user in self._store.users.values():
            if user.email.lower() == email:
                return {"user": _user_object(user)}
        raise SlackError("users_not_found")

    def _list_group_users(self, arguments: Json) -> Json:
        group = self._store.user_groups.get(_required_text(arguments, "usergroup"))
        if group is None:
            raise SlackError("no_such_subteam")
        return {"users": list(group.users)}

    def _channel_info(self, arguments: Json) -> Json:
        channel = self._channel(arguments)
        return {
            "channel": {
                "id": channel.id,
                "name": channel.name,
                "is_channel": True,
                "is_archived": channel.archived,
                "is_member": channel.app_is_member,
            }
        }

    # -- what they share

    def _channel(self, arguments: Json) -> Channel:
        channel = self._store.find_channel(_required_text(arguments, "channel"))
        if channel is None:
            raise SlackError("channel_not_found")
        return channel

    def _writable_channel(self, arguments: Json, *, archived: str = "is_archived") -> Channel:
        channel = self._channel(arguments)
        if not channel.app_is_member:
            raise SlackError("not_in_channel")
        if channel.archived:
            raise SlackError(archived)
        return channel

    def _message(self, channel: Channel, arguments: Json, name: str) -> Message:
        message = self._store.message(channel.id, _required_text(arguments, name))
        if message is None:
            raise SlackError("message_not_found")
        return message

    def _thread(self, arguments: Json, channel: Channel) -> str | None:
        """The ts of the parent, also where that of a reply is given."""
        thread_ts = arguments.get("thread_ts")
        if thread_ts is None:
            return None
        parent = self._store.message(channel.id, str(thread_ts)) if _TS.fullmatch(str(thread_ts)) else None
        if parent is None:
            raise SlackError("cannot_reply_to_message")
        return parent.thread_ts or parent.ts


def checked_view(view: Any) -> Json:
    """A modal as Slack keeps it.

    Raises
    ------
    SlackError
    """
    if len(json.dumps(view)) > _LARGEST_VIEW:
        raise SlackError("view_too_large")
    violations = block_kit.check_view(view)
    if violations:
        raise SlackError("invalid_arguments", [str(violation) for violation in violations])
    content = cast("Json", view)
    return {**content, "blocks": block_kit.with_ids(content["blocks"])}


def _content(arguments: Json) -> _Content:
    text = arguments.get("text")
    if arguments.get("attachments"):
        raise SlackError("invalid_attachments", ["this stand-in takes no attachments: use blocks"])
    if arguments.get("metadata"):
        raise SlackError("invalid_metadata_format", ["this stand-in takes no metadata"])
    return _Content(None if text is None else str(text), _blocks(arguments))


def _blocks(arguments: Json) -> list[Json] | None:
    blocks = _decoded(arguments.get("blocks"), "invalid_blocks_format")
    if blocks is None:
        return None
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    found = cast("list[Any]", blocks)
    if not all(isinstance(block, dict) for block in found):
        raise SlackError("invalid_blocks_format")
    violations = block_kit.check_blocks(found)
    if violations:
        raise SlackError("invalid_blocks", [str(violation) for violation in violations])
    if block_kit.text_length(found) > block_kit.TEXT_IN_BLOCKS:
        raise SlackError("msg_blocks_too_long")
    return block_kit.with_ids(found)


def _decoded(value: Any, error: str) -> Any:
    """A JSON argument: as JSON in a JSON body, as a string of JSON in a form."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise SlackError(error) from None


def _require_something(content: _Content) -> None:
    if not content.text and not content.blocks:
        raise SlackError("no_text")


def _require_short(content: _Content) -> None:
    if content.text is not None and len(content.text) > _LONGEST_TEXT:
        raise SlackError("msg_too_long")


def _required_text(arguments: Json, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise SlackError("invalid_arguments", [f"missing required field: {name}"])
    return value


def _user_object(user: User) -> Json:
    return {
        "id": user.id,
        "team_id": TEAM_ID,
        "name": user.handle,
        "real_name": user.name,
        "deleted": False,
        "is_bot": False,
        "profile": {
            "real_name": user.name,
            "display_name": user.name,
            "email": user.email,
            "team": TEAM_DOMAIN,
        },
    }
