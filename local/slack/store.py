"""What the workspace holds: messages, what only one person sees, open modals."""

from __future__ import annotations

import copy
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local.slack.people import APP_ID, BOT_ID, BOT_USER_ID, TEAM_ID, Channel, User, UserGroup

if TYPE_CHECKING:
    from local.clock import Clock

Json = dict[str, Any]

_MICROSECONDS = 1_000_000
_TS_STEP = 100  # microseconds between the messages of one moment: the clock may stand still
_TRIGGER_SECONDS = 3.0  # https://docs.slack.dev/interactivity/handling-user-interaction/#modal_responses


@dataclass(frozen=True)
class Message:
    """A message as it is now.

    `edited_ts` is None until the first edit. `thread_ts` is the parent's ts where it is a reply.
    """

    channel: str
    ts: str
    author: str
    text: str
    blocks: list[Json]
    thread_ts: str | None
    edited_ts: str | None = None

    @property
    def is_from_app(self) -> bool:
        return self.author == BOT_USER_ID

    def as_slack(self) -> Json:
        """The message object that the Web API answers and interaction payloads carry."""
        body: Json = {"type": "message", "user": self.author, "ts": self.ts, "text": self.text}
        body["team"] = TEAM_ID
        if self.is_from_app:
            body |= {"bot_id": BOT_ID, "app_id": APP_ID}
        if self.blocks:
            body["blocks"] = copy.deepcopy(self.blocks)
        if self.thread_ts:
            body["thread_ts"] = self.thread_ts
        if self.edited_ts:
            body["edited"] = {"user": self.author, "ts": self.edited_ts}
        return body


@dataclass(frozen=True)
class Ephemeral:
    """A message that only one user sees."""

    user: str
    channel: str
    ts: str
    text: str
    blocks: list[Json]
    thread_ts: str | None


@dataclass(frozen=True)
class View:
    """A modal that a user has open. `content` is what the app sent, with the ids that Slack adds."""

    id: str
    user: str
    content: Json
    hash: str
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    notice: str | None = None

    def as_slack(self, state: Json | None = None) -> Json:
        """The view object that the Web API answers and interaction payloads carry."""
        defaults: Json = {
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            "close": None,
            "submit": None,
        }
        return {
            **defaults,
            **copy.deepcopy(self.content),
            "id": self.id,
            "team_id": TEAM_ID,
            "state": {"values": state or {}},
            "hash": self.hash,
            "previous_view_id": None,
            "root_view_id": self.id,
            "app_id": APP_ID,
            "app_installed_team_id": TEAM_ID,
            "bot_id": BOT_ID,
        }


@dataclass
class _Trigger:
    user: str
    expires: float
    exchanged: bool = False


class Store:
    """The workspace's contents. Every method may be called from any thread.

    Parameters
    ----------
    clock
        Gives messages their ts. Triggers expire on real time, as the person who clicked does wait.
    """

    def __init__(
        self,
        clock: Clock,
        channels: Iterable[Channel],
        users: Iterable[User],
        user_groups: Iterable[UserGroup],
    ) -> None:
        self._clock = clock
        self.channels = {channel.id: channel for channel in channels}
        self.users = {user.id: user for user in users}
        self.user_groups = {group.id: group for group in user_groups}
        self._changed = threading.Condition(threading.RLock())
        self._version = 0
        self._last_microsecond = 0
        self._messages: dict[tuple[str, str], Message] = {}
        self._ephemerals: list[Ephemeral] = []
        self._views: dict[str, list[View]] = {}
        self._guide: Json | None = None
        self._triggers: dict[str, _Trigger] = {}

    # -- time

    @property
    def version(self) -> int:
        """Grows with every change that someone could see."""
        with self._changed:
            return self._version

    @property
    def guide(self) -> Json | None:
        """What a demo says above the messages: `steps`, which of them it is `at`, and a `hint`."""
        return self._guide

    @guide.setter
    def guide(self, guide: Json | None) -> None:
        if guide != self._guide:
            self._guide = guide
            self.touch()

    def wait_for_change(self, version: int, real_seconds: float) -> int:
        """The version once it is no longer `version`, or after `real_seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != version, real_seconds)
            return self._version

    def touch(self) -> None:
        """Count a change, which wakes everyone who waits for one."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def next_ts(self) -> str:
        """A moment as Slack writes it, given out once: seconds, a point, six digits."""
        with self._changed:
            now = round(self._clock.now() * _MICROSECONDS)
            self._last_microsecond = max(now, self._last_microsecond + _TS_STEP)
            seconds, fraction = divmod(self._last_microsecond, _MICROSECONDS)
            return f"{seconds}.{fraction:06d}"

    # -- messages

    def find_channel(self, name_or_id: str) -> Channel | None:
        """By id, or by name with or without its #."""
        found = self.channels.get(name_or_id)
        name = name_or_id.removeprefix("#")
        return found or next((channel for channel in self.channels.values() if channel.name == name), None)

    def add_message(
        self,
        channel: str,
        author: str,
        *,
        text: str,
        blocks: list[Json],
        thread_ts: str | None = None,
    ) -> Message:
        with self._changed:
            message = Message(channel, self.next_ts(), author, text, blocks, thread_ts)
            self._messages[channel, message.ts] = message
            self.touch()
            return message

    def edit_message(self, channel: str, ts: str, *, text: str, blocks: list[Json]) -> Message:
        with self._changed:
            message = self._messages[channel, ts]
            edited = replace(message, text=text, blocks=blocks, edited_ts=self.next_ts())
            self._messages[channel, ts] = edited
            self.touch()
            return edited

    def message(self, channel: str, ts: str) -> Message | None:
        with self._changed:
            return self._messages.get((channel, ts))

    def messages(self, channel: str) -> list[Message]:
        """A channel's messages and thread replies, oldest first."""
        with self._changed:
            return [message for (where, _), message in self._messages.items() if where == channel]

    # -- visible to one person

    def add_ephemeral(
        self, user: str, channel: str, *, text: str, blocks: list[Json], thread_ts: str | None
    ) -> Ephemeral:
        with self._changed:
            ephemeral = Ephemeral(user, channel, self.next_ts(), text, blocks, thread_ts)
            self._ephemerals.append(ephemeral)
            self.touch()
            return ephemeral

    def ephemerals(self, user: str) -> list[Ephemeral]:
        """What only this user sees, oldest first."""
        with self._changed:
            return [ephemeral for ephemeral in self._ephemerals if ephemeral.user == user]

    # -- triggers and modals

    def new_trigger(self, user: str) -> str:
        """A trigger id that opens one modal for `user` within three seconds."""
        moment = time.monotonic()
        trigger = f"{round(moment * 1000)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        with self._changed:
            self._triggers[trigger] = _Trigger(user, moment + _TRIGGER_SECONDS)
        return trigger

    def expire_triggers(self) -> None:
        """Let every trigger id be older than three seconds."""
        with self._changed:
            for trigger in self._triggers.values():
                trigger.expires = 0.0

    def exchange_trigger(self, trigger_id: str) -> str:
        """The user whom a trigger id was made for; it is used up.

        Raises
        ------
        LookupError
            With Slack's word for why not.
        """
        with self._changed:
            trigger = self._triggers.get(trigger_id)
            if trigger is None:
                raise LookupError("invalid_trigger_id")
            if trigger.exchanged:
                raise LookupError("exchanged_trigger_id")
            if time.monotonic() > trigger.expires:
                raise LookupError("expired_trigger_id")
            trigger.exchanged = True
            return trigger.user

    def views(self, user: str) -> list[View]:
        """The user's open modals, the topmost last."""
        with self._changed:
            return list(self._views.get(user, []))

    def view(self, view_id: str) -> View | None:
        """An open modal of any user."""
        with self._changed:
            views = [view for stack in self._views.values() for view in stack]
            return next((view for view in views if view.id == view_id), None)

    def open_view(self, user: str, content: Json) -> View:
        """A modal as the user's only one."""
        view_id = f"V0{secrets.token_hex(5).upper()}"
        view = View(view_id, user, content, self._new_hash())
        with self._changed:
            self._views[user] = [view]
            self.touch()
        return view

    def update_view(self, view: View, content: Json) -> View:
        """Other contents for an open modal."""
        fresh = replace(view, content=content, hash=self._new_hash(), errors={}, notice=None)
        return self._replace_view(fresh)

    def note_on_view(self, view: View, *, errors: Mapping[str, str], notice: str | None) -> View:
        """Errors under a modal's inputs (by block id), or a notice for the whole."""
        return self._replace_view(replace(view, errors=dict(errors), notice=notice))

    def close_view(self, view: View) -> None:
        with self._changed:
            self._views[view.user] = [other for other in self.views(view.user) if other.id != view.id]
            self.touch()

    def _replace_view(self, view: View) -> View:
        with self._changed:
            stack = self._views.get(view.user, [])
            self._views[view.user] = [view if other.id == view.id else other for other in stack]
            self.touch()
            return view

    def _new_hash(self) -> str:
        return f"{int(self._clock.now())}.{secrets.token_hex(4)}"
