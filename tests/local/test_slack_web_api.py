"""The Web API, as slack_sdk calls it and as raw HTTP."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from local.clock import Clock
from local.slack import SlackServer, SlackStandIn
from tests.local.conftest import (
    ADA,
    ARCHIVED,
    BOT_TOKEN,
    GENERAL,
    GRACE,
    GROUP,
    LEADS,
    START,
    UNINVITED,
    data,
)

SECTION: dict[str, Any] = {"type": "section", "text": {"type": "mrkdwn", "text": "*Hello*"}}
MODAL: dict[str, Any] = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Why?"},
    "blocks": [SECTION],
}


def refusal(client: WebClient, method: str, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        client.api_call(method, json=arguments)
    return str(caught.value.response["error"])


def post_raw(url: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(url, body, headers)  # noqa: S310  # our own server's address
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)


def test_auth_test_says_who_the_app_is(client: WebClient, server: SlackServer) -> None:
    answer = data(client.auth_test())
    assert (answer["user"], answer["url"]) == ("sealpoint", f"{server.url}/")
    assert answer["bot_id"].startswith("B")


@pytest.mark.parametrize(("token", "word"), [("xoxb-other", "invalid_auth"), (None, "not_authed")])
def test_a_call_needs_the_apps_token(
    server: SlackServer, slack: SlackStandIn, token: str | None, word: str
) -> None:
    stranger = WebClient(token, base_url=server.api_url)
    assert refusal(stranger, "chat.postMessage", channel=GENERAL.id, text="x") == word
    assert slack.messages(GENERAL.id) == []


def test_a_message_is_posted_with_its_blocks(client: WebClient, slack: SlackStandIn) -> None:
    answer = data(client.chat_postMessage(channel=GENERAL.id, text="Hello", blocks=[SECTION]))
    [message] = slack.messages(GENERAL.id)
    assert (answer["ts"], answer["channel"]) == (message.ts, GENERAL.id)
    assert message.blocks[0]["text"] == {**SECTION["text"], "verbatim": False}
    assert answer["message"]["blocks"] == message.blocks
    assert (message.text, message.thread_ts, message.edited_ts) == ("Hello", None, None)


def test_a_form_with_blocks_as_json_says_the_same_as_a_json_body(
    server: SlackServer, slack: SlackStandIn
) -> None:
    url, authorization = f"{server.api_url}chat.postMessage", {"Authorization": f"Bearer {BOT_TOKEN}"}
    fields = {"channel": GENERAL.id, "text": "Hello", "blocks": json.dumps([SECTION])}
    form = urllib.parse.urlencode(fields).encode()
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}
    json_type = {"Content-Type": "application/json; charset=utf-8"}
    assert post_raw(url, form, authorization | form_type)["ok"]
    assert post_raw(url, json.dumps(fields).encode(), authorization | json_type)["ok"]
    assert post_raw(url, json.dumps({**fields, "token": BOT_TOKEN}).encode(), json_type)["ok"]
    texts = [message.blocks[0]["text"]["text"] for message in slack.messages(GENERAL.id)]
    assert texts == ["*Hello*"] * 3


@pytest.mark.parametrize(
    ("body", "content_type", "word"),
    [
        (b"{", "application/json", "invalid_json"),
        (b"[1]", "application/json", "json_not_object"),
        (b"<x/>", "application/xml", "invalid_post_type"),
    ],
)
def test_a_body_that_is_none(server: SlackServer, body: bytes, content_type: str, word: str) -> None:
    headers = {"Authorization": f"Bearer {BOT_TOKEN}", "Content-Type": content_type}
    answer = post_raw(f"{server.api_url}chat.postMessage", body, headers)
    assert answer == {"ok": False, "error": word}


def test_ts_are_slacks_unique_and_by_the_clock(client: WebClient, clock: Clock) -> None:
    first, second = (data(client.chat_postMessage(channel=GENERAL.id, text="x"))["ts"] for _ in range(2))
    clock.advance(60)
    third = data(client.chat_postMessage(channel=GENERAL.id, text="x"))["ts"]
    assert (first, second) == (f"{START:.6f}", f"{START + 0.0001:.6f}")
    assert third == f"{START + 60:.6f}"


@pytest.mark.parametrize(
    ("method", "arguments", "word"),
    [
        ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": UNINVITED.id, "text": "x"}, "not_in_channel"),
        ("chat.postMessage", {"channel": ARCHIVED.id, "text": "x"}, "is_archived"),
        ("chat.postMessage", {"text": "x"}, "invalid_arguments"),
        ("chat.postMessage", {"channel": GENERAL.id}, "no_text"),
        ("chat.postMessage", {"channel": GENERAL.id, "text": ""}, "no_text"),
        ("chat.postMessage", {"channel": GENERAL.id, "blocks": "{"}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": GENERAL.id, "blocks": {"blocks": []}}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": GENERAL.id, "blocks": ["x"]}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": GENERAL.id, "blocks": [{"type": "x"}]}, "invalid_blocks"),
        (
            "chat.postMessage",
            {"channel": GENERAL.id, "text": "x", "metadata": {"event_type": "e", "event_payload": {}}},
            "invalid_metadata_format",
        ),
        (
            "chat.postMessage",
            {"channel": GENERAL.id, "text": "x", "thread_ts": "1.000000"},
            "cannot_reply_to_",
        ),
        (
            "chat.postMessage",
            {"channel": GENERAL.id, "text": "x", "attachments": [{}]},
            "invalid_attachments",
        ),
        ("chat.update", {"channel": GENERAL.id, "ts": "1700000000.000100", "text": "x"}, "message_not_found"),
        ("chat.postEphemeral", {"channel": GENERAL.id, "user": "U0NONE", "text": "x"}, "user_not_in_channel"),
        ("chat.postEphemeral", {"channel": LEADS.id, "user": GRACE.id, "text": "x"}, "user_not_in_channel"),
        ("chat.postEphemeral", {"channel": GENERAL.id, "user": ADA.id, "text": "x" * 4001}, "msg_too_long"),
        ("chat.getPermalink", {"channel": GENERAL.id, "message_ts": "1.000000"}, "message_not_found"),
        ("users.lookupByEmail", {"email": "nobody@example.com"}, "users_not_found"),
        ("usergroups.users.list", {"usergroup": "S0NONE"}, "no_such_subteam"),
        ("views.open", {"trigger_id": "1.2.abc", "view": MODAL}, "invalid_trigger_id"),
        ("views.open", {"trigger_id": "1.2.abc", "view": {"type": "modal"}}, "invalid_arguments"),
        ("views.open", {"trigger_id": "1.2.abc"}, "invalid_arguments"),
        (
            "views.open",
            {"trigger_id": "1", "view": {**MODAL, "callback_id": "c" * 250_000}},
            "view_too_large",
        ),
        ("views.update", {"view_id": "V1", "view": MODAL}, "not_found"),
        ("views.update", {"view_id": "V1"}, "invalid_arguments"),
        ("conversations.list", {}, "unknown_method"),
    ],
)
def test_refused_in_slacks_words(
    client: WebClient, slack: SlackStandIn, method: str, arguments: dict[str, Any], word: str
) -> None:
    assert refusal(client, method, **arguments).startswith(word)
    assert slack.messages(GENERAL.id) == []
    assert slack.calls[-1].error is not None


def test_invalid_blocks_say_what_and_where(client: WebClient) -> None:
    long = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=GENERAL.id, text="x", blocks=[SECTION, long])
    answer = caught.value.response
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] failed to match all allowed schemas [json-pointer:/blocks/1/text]",
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]",
    ]
    assert answer["errors"] == [
        text.removeprefix("[ERROR] ") for text in answer["response_metadata"]["messages"]
    ]


def test_all_blocks_together_have_a_limit_too(client: WebClient) -> None:
    block = {"type": "section", "text": {"type": "plain_text", "text": "x" * 3000}}
    assert client.chat_postMessage(channel=GENERAL.id, text="x", blocks=[block] * 4)["ok"]
    too_long = [*[block] * 4, {"type": "section", "text": {"type": "plain_text", "text": "x"}}]
    assert refusal(client, "chat.postMessage", channel=GENERAL.id, blocks=too_long) == "msg_blocks_too_long"


def test_a_posted_text_is_cut_and_an_updated_one_refused(client: WebClient, slack: SlackStandIn) -> None:
    answer = data(client.chat_postMessage(channel=GENERAL.id, text="x" * 40_001))
    assert answer["warning"] == "message_truncated"
    assert len(slack.messages(GENERAL.id)[0].text) == 40_000
    update: dict[str, Any] = {"channel": GENERAL.id, "ts": answer["ts"]}
    assert refusal(client, "chat.update", **update, text="x" * 4001) == "msg_too_long"
    assert client.chat_update(**update, text="x" * 4000)["ok"]


def test_an_update_keeps_the_blocks_that_it_does_not_mention(client: WebClient, slack: SlackStandIn) -> None:
    first = data(client.chat_postMessage(channel=GENERAL.id, text="One", blocks=[SECTION]))
    place: dict[str, Any] = {"channel": GENERAL.id, "ts": first["ts"]}
    second = data(client.chat_update(**place, text="Two"))
    assert second["message"]["blocks"] == first["message"]["blocks"]
    third = data(client.chat_update(**place, text="Three", blocks=[]))
    [message] = slack.messages(GENERAL.id)
    assert (message.text, message.blocks) == ("Three", [])
    assert second["message"]["edited"]["ts"] > first["ts"]
    assert "blocks" not in third["message"]


def test_a_refused_update_changes_nothing(client: WebClient, slack: SlackStandIn) -> None:
    posted = data(client.chat_postMessage(channel=GENERAL.id, text="One", blocks=[SECTION]))
    update = {"channel": GENERAL.id, "ts": posted["ts"], "text": "Two", "blocks": [{"type": "nothing"}]}
    assert refusal(client, "chat.update", **update) == "invalid_blocks"
    [message] = slack.messages(GENERAL.id)
    assert (message.text, message.edited_ts) == ("One", None)


def test_another_persons_message_cannot_be_updated(client: WebClient, slack: SlackStandIn) -> None:
    said = slack.say(ADA.id, GENERAL.id, "Mine")
    assert refusal(client, "chat.update", channel=GENERAL.id, ts=said.ts, text="x") == "cant_update_message"


def test_replies_belong_to_the_parent_even_where_a_reply_is_named(
    client: WebClient, slack: SlackStandIn
) -> None:
    parent = data(client.chat_postMessage(channel=GENERAL.id, text="Parent"))["ts"]
    reply = data(client.chat_postMessage(channel=GENERAL.id, text="Reply", thread_ts=parent))["ts"]
    client.chat_postMessage(channel=GENERAL.id, text="Reply to reply", thread_ts=reply)
    assert [message.thread_ts for message in slack.messages(GENERAL.id)] == [None, parent, parent]
    link = data(client.chat_getPermalink(channel=GENERAL.id, message_ts=reply))["permalink"]
    assert link.endswith(
        f"/archives/{GENERAL.id}/p{reply.replace('.', '')}?thread_ts={parent}&cid={GENERAL.id}"
    )


def test_a_channel_can_be_named(client: WebClient, slack: SlackStandIn) -> None:
    assert data(client.chat_postMessage(channel="#general", text="x"))["channel"] == GENERAL.id
    assert len(slack.messages(GENERAL.id)) == 1


def test_an_ephemeral_message_is_for_one_person_and_no_message_of_the_channel(
    client: WebClient, slack: SlackStandIn
) -> None:
    answer = data(
        client.chat_postEphemeral(channel=GENERAL.id, user=ADA.id, text="Only you", blocks=[SECTION])
    )
    [ephemeral] = slack.ephemerals(ADA.id)
    assert (ephemeral.ts, ephemeral.text, ephemeral.channel) == (answer["message_ts"], "Only you", GENERAL.id)
    assert slack.ephemerals(GRACE.id) == []
    assert slack.messages(GENERAL.id) == []
    update = {"channel": GENERAL.id, "ts": ephemeral.ts, "text": "x"}
    assert refusal(client, "chat.update", **update) == "message_not_found"


def test_people_and_groups_are_found(client: WebClient) -> None:
    found = data(client.users_lookupByEmail(email="ADA@example.com"))["user"]
    assert (found["id"], found["name"], found["profile"]["email"]) == (ADA.id, "ada", ADA.email)
    assert data(client.usergroups_users_list(usergroup=GROUP.id))["users"] == [ADA.id, GRACE.id]


def test_calls_are_logged_without_the_token(client: WebClient, slack: SlackStandIn) -> None:
    client.api_call("chat.postMessage", json={"channel": GENERAL.id, "text": "x"})
    client.api_call("users.lookupByEmail", params={"email": ADA.email, "token": BOT_TOKEN})
    refusal(client, "chat.update", channel=GENERAL.id, ts="1.000000", text="x")
    assert [(call.method, call.error) for call in slack.calls] == [
        ("chat.postMessage", None),
        ("users.lookupByEmail", None),
        ("chat.update", "message_not_found"),
    ]
    assert slack.calls[0].arguments == {"channel": GENERAL.id, "text": "x"}
    assert slack.calls[0].time == START
    assert BOT_TOKEN not in str(slack.calls)


def test_a_workspace_is_not_empty_and_served_once(
    slack: SlackStandIn, server: SlackServer, clock: Clock
) -> None:
    assert server.url
    with pytest.raises(RuntimeError, match="already"):
        slack.serve()
    with pytest.raises(ValueError, match="at least one"):
        SlackStandIn(clock=clock, bot_token="t", signing_secret="s", channels=[], users=[ADA])
