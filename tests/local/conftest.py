"""A Slack workspace for each test, and an app that answers its clicks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs

import pytest
from slack_sdk import WebClient
from slack_sdk.web import SlackResponse
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from local.clock import Clock
from local.slack import Channel, SlackServer, SlackStandIn, User, UserGroup

START = 1_700_000_000.0
BOT_TOKEN = "xoxb-local-token"
SIGNING_SECRET = "the-signing-secret"
ADA = User(id="U0ADA", name="Ada", email="ada@example.com")
GRACE = User(id="U0GRACE", name="Grace Hopper", email="grace@example.com")
GENERAL = Channel(id="C0GENERAL", name="general")
LEADS = Channel(id="C0LEADS", name="leads", members=(ADA.id,))
UNINVITED = Channel(id="C0OTHER", name="other", app_is_member=False)
ARCHIVED = Channel(id="C0OLD", name="old", archived=True)
GROUP = UserGroup(id="S0SRE", handle="sre", users=(ADA.id, GRACE.id))


@dataclass
class App:
    """What stands where the Lambda will: keeps the requests, and answers as the test says."""

    url: str = ""
    status: int = 200
    body: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    on_payload: Callable[[dict[str, Any]], object] = lambda _payload: None
    answers: threading.Event = field(default_factory=threading.Event)

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [json.loads(parse_qs(body.decode())["payload"][0]) for _, body in self.requests]

    def answer(self, request: Request) -> Response:
        body = request.get_data()
        self.requests.append((dict(request.headers.items()), body))
        self.on_payload(self.payloads[-1])
        self.answers.wait(30)
        return Response(self.body, self.status)


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def data(response: SlackResponse) -> dict[str, Any]:
    """An answer's body."""
    return cast("dict[str, Any]", response.data)


@pytest.fixture
def clock() -> Clock:
    return Clock(speed=0, start=START)


@pytest.fixture
def app() -> Iterator[App]:
    app = App()
    app.answers.set()
    server = make_server(
        "127.0.0.1", 0, Request.application(app.answer), threaded=True, request_handler=_Quiet
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    app.url = f"http://127.0.0.1:{server.server_port}/slack/interactions"
    yield app
    app.answers.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def slack(clock: Clock, app: App) -> SlackStandIn:
    slack = SlackStandIn(
        clock=clock,
        bot_token=BOT_TOKEN,
        signing_secret=SIGNING_SECRET,
        channels=[GENERAL, LEADS, UNINVITED, ARCHIVED],
        users=[ADA, GRACE],
        user_groups=[GROUP],
    )
    slack.interactivity_url = app.url
    return slack


@pytest.fixture
def server(slack: SlackStandIn) -> Iterator[SlackServer]:
    with slack.serve() as server:
        yield server


@pytest.fixture
def client(server: SlackServer) -> WebClient:
    return WebClient(BOT_TOKEN, base_url=server.api_url)
