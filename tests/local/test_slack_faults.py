"""What goes wrong with the Web API on request, as slack_sdk and its callers meet it."""

from __future__ import annotations

import urllib.error
from http.client import RemoteDisconnected

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from local.clock import Clock
from local.slack import SlackServer, SlackStandIn
from tests.local.conftest import BOT_TOKEN, GENERAL, LEADS

_LOST = (RemoteDisconnected, urllib.error.URLError, ConnectionError)


@pytest.fixture
def client(server: SlackServer) -> WebClient:
    """One that tries nothing twice."""
    return WebClient(BOT_TOKEN, base_url=server.api_url, retry_handlers=[])


def post(client: WebClient, channel: str = GENERAL.id) -> None:
    client.chat_postMessage(channel=channel, text="x")


def test_the_next_calls_of_a_method_fail_and_then_no_more(client: WebClient, slack: SlackStandIn) -> None:
    slack.faults.fail("chat.postMessage", "internal_error", times=2)
    client.auth_test()
    for _ in range(2):
        with pytest.raises(SlackApiError, match="internal_error"):
            post(client)
    post(client)
    assert [call.error for call in slack.calls] == [None, "internal_error", "internal_error", None]
    assert len(slack.messages(GENERAL.id)) == 1


def test_rate_limited(client: WebClient, slack: SlackStandIn) -> None:
    slack.faults.rate_limit(retry_after=30)
    with pytest.raises(SlackApiError) as caught:
        client.auth_test()
    answer = caught.value.response
    assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (429, "ratelimited", "30")
    assert client.auth_test()["ok"]


def test_broken_down(client: WebClient, slack: SlackStandIn) -> None:
    slack.faults.break_down("chat.postMessage")
    with pytest.raises(SlackApiError) as caught:
        post(client)
    assert caught.value.response.status_code == 500
    assert slack.messages(GENERAL.id) == []


def test_a_lost_answer_leaves_the_message_posted(client: WebClient, slack: SlackStandIn) -> None:
    slack.faults.lose_answer("chat.postMessage")
    with pytest.raises(_LOST):
        post(client)
    assert len(slack.messages(GENERAL.id)) == 1
    assert (slack.calls[-1].error, slack.calls[-1].answer_lost) == (None, True)


def test_down_until_it_is_up(client: WebClient, slack: SlackStandIn) -> None:
    slack.faults.take_down()
    for _ in range(2):
        with pytest.raises(_LOST):
            post(client)
    slack.faults.bring_up()
    post(client)
    assert len(slack.messages(GENERAL.id)) == 1


def test_one_message_a_second_in_a_channel_if_asked_for(
    client: WebClient, slack: SlackStandIn, clock: Clock
) -> None:
    for _ in range(3):
        post(client)
    slack.faults.posting_limited = True
    clock.advance(1)
    post(client)
    post(client, LEADS.id)
    with pytest.raises(SlackApiError) as caught:
        post(client)
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "1")
    clock.advance(1)
    post(client)
    assert len(slack.messages(GENERAL.id)) == 5
