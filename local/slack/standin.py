"""The stand-in as a whole: one workspace with one app in it, on one clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from local.slack.attention import Attention
from local.slack.endpoint import ALL_SCOPES, ApiCall, Endpoint
from local.slack.faults import Faults
from local.slack.interactivity import Interaction, Interactivity, UnknownError
from local.slack.page import Page
from local.slack.server import SlackServer
from local.slack.store import Message, Store
from local.slack.web_api import WebApi

if TYPE_CHECKING:
    from local.clock import Clock
    from local.slack.people import Channel, User, UserGroup
    from local.slack.store import Json

_ANSWER_WITHIN_SECONDS = 3.0
_WEB_API = "/api/"


class SlackStandIn:
    """Slack, as far as one app with a bot token and interactive messages sees it.

    Parameters
    ----------
    clock
        Dates messages and signatures. What a person waits for (the app's answer, a trigger's three
        seconds) is real time.
    bot_token
        What the app calls the Web API with.
    signing_secret
        What requests to the app are signed with.
    channels
        At least one.
    users
        The people who can click; at least one.
    scopes
        What the bot's token may do; a method that needs another says ``missing_scope``.
    answer_within
        Real seconds that the app has to answer a click; Slack's are three.

    Examples
    --------
    >>> slack = SlackStandIn(
    ...     clock=Clock(),
    ...     bot_token="xoxb-1",
    ...     signing_secret="s",
    ...     channels=[Channel("C01", "ops")],
    ...     users=[User("U01", "Ada", "ada@example.com")],
    ... )  # doctest: +SKIP
    >>> with slack.serve() as server:  # doctest: +SKIP
    ...     WebClient("xoxb-1", base_url=server.api_url).chat_postMessage(channel="C01", text="Hello")
    """

    def __init__(
        self,
        *,
        clock: Clock,
        bot_token: str,
        signing_secret: str,
        channels: Iterable[Channel],
        users: Iterable[User],
        user_groups: Iterable[UserGroup] = (),
        scopes: Collection[str] = ALL_SCOPES,
        answer_within: float = _ANSWER_WITHIN_SECONDS,
    ) -> None:
        self.bot_token = bot_token
        self.signing_secret = signing_secret
        self.faults = Faults()
        self._server: SlackServer | None = None
        self._store = Store(clock, channels, users, user_groups)
        if not self._store.channels or not self._store.users:
            raise ValueError("a workspace has at least one channel and one user")
        self._interactivity = Interactivity(
            self._store,
            clock.now,
            signing_secret=signing_secret,
            answer_within=answer_within,
            base_url=self._base_url,
        )
        api = WebApi(self._store, self.faults, clock.now, self._base_url)
        self._endpoint = Endpoint(api, self.faults, clock.now, bot_token=bot_token, scopes=scopes)
        self.attention = Attention()
        self._page = Page(self._store, self._interactivity, clock.now, self.attention)

        # what tests and demos look at and do, each documented where it is defined
        self.messages = self._store.messages
        self.message = self._store.message
        self.ephemerals = self._store.ephemerals
        self.views = self._store.views
        self.new_trigger = self._store.new_trigger
        self.expire_triggers = self._store.expire_triggers
        self.click = self._interactivity.click
        self.click_in_view = self._interactivity.click_in_view
        self.submit_view = self._interactivity.submit
        self.close_view = self._interactivity.close

    def serve(self) -> SlackServer:
        """Listen on a free port of this machine, once."""
        if self._server is not None:
            raise RuntimeError("this stand-in is served already")
        self._server = SlackServer(self._answer, self._page.stop)
        return self._server

    @property
    def interactivity_url(self) -> str | None:
        """Where clicks are sent."""
        return self._interactivity.url

    @interactivity_url.setter
    def interactivity_url(self, url: str | None) -> None:
        self._interactivity.url = url

    def route_interactivity(self, url_for: Callable[[Json], str | None]) -> None:
        """Have the app's address chosen for each interaction's payload, as if there were several apps."""
        self._interactivity.url_for = url_for

    def show_console(self, page: Callable[[str], str | None], address: Callable[[str], str]) -> None:
        """Open links to AWS's console here.

        Parameters
        ----------
        page
            The HTML of a path below `/console/`; None where there is nothing.
        address
            What the page links in place of an address.
        """
        self._page.console = page
        self._page.link_to(address)

    def guide(self, steps: list[str], at: int, hint: str) -> None:
        """Say above the messages which step of a demo this is, and what there is to do."""
        self._store.guide = {"steps": steps, "at": at, "hint": hint}

    # -- what happened

    @property
    def users(self) -> list[User]:
        """The people of the workspace."""
        return list(self._store.users.values())

    @property
    def calls(self) -> list[ApiCall]:
        """Every call of the Web API, oldest first."""
        return list(self._endpoint.calls)

    @property
    def interactions(self) -> list[Interaction]:
        """Every request to the app, oldest first."""
        return list(self._interactivity.interactions)

    def channel(self, channel_id: str) -> Channel:
        return self._store.channels[channel_id]

    def set_channel(self, channel: Channel) -> None:
        """Change a channel, as its people do: who is in it, or whether it is archived."""
        self._store.channels[channel.id] = channel

    # -- what people do

    def say(self, user: str, channel: str, text: str, *, thread_ts: str | None = None) -> Message:
        """A message by a person. The app gets no event: it subscribes to none."""
        if thread_ts is not None and self._store.message(channel, thread_ts) is None:
            raise UnknownError(f"There is no message {thread_ts!r} in {channel!r}.")
        return self._store.add_message(channel, user, text=text, blocks=[], thread_ts=thread_ts)

    # -- inside

    def _base_url(self) -> str:
        return self._server.url if self._server else ""

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(_WEB_API):
            return self._endpoint.answer(request, request.path.removeprefix(_WEB_API))
        return self._page.answer(request)
