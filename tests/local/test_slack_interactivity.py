"""What people do, as the app receives it: the payloads, their signature, and what its answers do."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock as SignatureClock
from slack_sdk.signature import SignatureVerifier

from local.clock import Clock
from local.slack import RefusedError, SlackServer, SlackStandIn, UnknownError
from tests.local.conftest import ADA, GENERAL, GRACE, LEADS, SIGNING_SECRET, START, App, data

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


APPROVE: Json = {
    "type": "button",
    "action_id": "approve",
    "text": plain("Approve"),
    "style": "primary",
    "value": "a-1",
}
DENY: Json = {"type": "button", "action_id": "deny", "text": plain("Deny"), "value": "a-1"}
MENU: Json = {
    "type": "static_select",
    "action_id": "menu",
    "options": [{"text": plain("One"), "value": "1"}, {"text": plain("Two"), "value": "2"}],
}
CARD: list[Json] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Encrypt?"}},
    {"type": "actions", "block_id": "decision", "elements": [APPROVE, DENY, MENU]},
]
REASON: Json = {"type": "plain_text_input", "action_id": "text", "min_length": 3, "max_length": 20}
MODAL: Json = {
    "type": "modal",
    "title": plain("Why?"),
    "submit": plain("Send"),
    "callback_id": "reason",
    "private_metadata": "a-1",
    "blocks": [
        {"type": "input", "block_id": "reason", "label": plain("Reason"), "element": REASON},
        {"type": "input", "block_id": "menu", "label": plain("Menu"), "element": MENU, "optional": True},
        {"type": "actions", "block_id": "more", "elements": [DENY]},
    ],
}
MODAL_AGAIN: Json = {"type": "modal", "title": plain("Thanks"), "blocks": [CARD[0]]}


@pytest.fixture
def ts(client: WebClient) -> str:
    """A card with two buttons and a menu."""
    return str(data(client.chat_postMessage(channel=GENERAL.id, text="Encrypt?", blocks=CARD))["ts"])


@pytest.fixture
def opened(client: WebClient, slack: SlackStandIn, app: App, ts: str) -> str:
    """A modal that Ada has open; its id."""
    app.on_payload = lambda payload: client.views_open(trigger_id=payload["trigger_id"], view=MODAL)
    assert slack.click(ADA.id, channel=GENERAL.id, ts=ts, action_id="approve").ok
    app.on_payload = lambda _payload: None
    [view] = slack.views(ADA.id)
    return view.id


def click(slack: SlackStandIn, ts: str, action: str = "approve", user: str = ADA.id, **more: Any) -> Json:
    slack.click(user, channel=GENERAL.id, ts=ts, action_id=action, **more)
    return slack.interactions[-1].payload


def test_a_click_is_what_slack_sends(slack: SlackStandIn, app: App, ts: str) -> None:
    delivery = slack.click(ADA.id, channel=GENERAL.id, ts=ts, action_id="approve")
    assert (delivery.status, delivery.ok) == (200, True)
    [payload] = app.payloads
    [message] = slack.messages(GENERAL.id)
    assert payload == slack.interactions[0].payload
    assert payload["type"] == "block_actions"
    assert payload["user"] == {
        "id": ADA.id,
        "username": "ada",
        "name": "ada",
        "team_id": payload["team"]["id"],
    }
    assert payload["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": GENERAL.id,
        "is_ephemeral": False,
    }
    assert payload["channel"] == {"id": GENERAL.id, "name": GENERAL.name}
    assert payload["message"] == message.as_slack()
    assert payload["message"]["blocks"][1]["block_id"] == "decision"
    assert payload["actions"] == [
        {
            "type": "button",
            "action_id": "approve",
            "block_id": "decision",
            "text": {**plain("Approve"), "emoji": True},
            "value": "a-1",
            "style": "primary",
            "action_ts": f"{START:.6f}",
        }
    ]
    assert payload["state"]["values"] == {
        "decision": {"menu": {"type": "static_select", "selected_option": None}}
    }
    assert (payload["enterprise"], payload["is_enterprise_install"]) == (None, False)
    assert payload.keys() >= {"api_app_id", "token", "trigger_id", "response_url"}


def test_a_click_is_signed_as_slack_signs(slack: SlackStandIn, app: App, clock: Clock, ts: str) -> None:
    clock.advance(86_400)
    slack.click(ADA.id, channel=GENERAL.id, ts=ts, action_id="approve")
    [(headers, body)] = app.requests
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["X-Slack-Request-Timestamp"] == str(int(START) + 86_400)

    class Then(SignatureClock):
        def now(self) -> float:
            return clock.now()

    assert SignatureVerifier(SIGNING_SECRET, Then()).is_valid_request(body, headers)
    assert not SignatureVerifier("another secret", Then()).is_valid_request(body, headers)
    assert not SignatureVerifier(SIGNING_SECRET, Then()).is_valid_request(body + b"&x=1", headers)


def test_the_secrets_are_not_in_what_is_sent(slack: SlackStandIn, app: App, ts: str) -> None:
    click(slack, ts)
    for secret in (slack.bot_token, slack.signing_secret):
        assert secret not in str(app.requests)


def test_response_urls_lead_nowhere(slack: SlackStandIn, server: SlackServer, ts: str) -> None:
    url = click(slack, ts)["response_url"]
    assert url.startswith(f"{server.url}/actions/")
    with pytest.raises(HTTPError, match="404"):
        urlopen(Request(url, b"{}"))  # noqa: S310  # our own server's address


def test_a_reply_and_a_private_message_say_where_they_are(
    client: WebClient, slack: SlackStandIn, ts: str
) -> None:
    reply = data(client.chat_postMessage(channel=GENERAL.id, text="x", blocks=CARD, thread_ts=ts))["ts"]
    assert click(slack, reply)["container"]["thread_ts"] == ts
    private = data(client.chat_postEphemeral(channel=GENERAL.id, user=ADA.id, text="x", blocks=CARD))
    payload = click(slack, private["message_ts"])
    assert payload["container"]["is_ephemeral"] is True
    assert "message" not in payload
    with pytest.raises(UnknownError):
        click(slack, private["message_ts"], user=GRACE.id)


def test_a_choice_is_sent_with_its_option(slack: SlackStandIn, ts: str) -> None:
    [action] = click(slack, ts, "menu", chosen="2")["actions"]
    assert action["selected_option"]["text"]["text"] == "Two"
    state = slack.interactions[-1].payload["state"]["values"]["decision"]["menu"]
    assert state["selected_option"]["value"] == "2"
    kept = click(slack, ts, "approve", state={"decision": {"menu": "1"}})["state"]["values"]
    assert kept["decision"]["menu"]["selected_option"]["value"] == "1"


def test_nobody_clicks_what_is_not_shown(client: WebClient, slack: SlackStandIn, app: App, ts: str) -> None:
    for refused, more in (("backout", {}), ("approve", {"block_id": "other"}), ("menu", {"chosen": "3"})):
        with pytest.raises(RefusedError):
            click(slack, ts, refused, **more)
    with pytest.raises(RefusedError, match="no choice"):
        click(slack, ts, "approve", chosen="1")
    client.chat_update(channel=GENERAL.id, ts=ts, text="Decided", blocks=CARD[:1])
    with pytest.raises(RefusedError, match="no element 'approve'"):
        click(slack, ts)
    assert app.requests == []


def test_nobody_clicks_from_or_in_nowhere(client: WebClient, slack: SlackStandIn, app: App, ts: str) -> None:
    with pytest.raises(UnknownError, match="no user"):
        click(slack, ts, user="U0NOBODY")
    with pytest.raises(UnknownError, match="no message"):
        click(slack, "1.000000")
    secret = data(client.chat_postMessage(channel=LEADS.id, text="x", blocks=CARD))["ts"]
    with pytest.raises(UnknownError, match="no channel"):
        slack.click(GRACE.id, channel=LEADS.id, ts=secret, action_id="approve")
    assert app.requests == []


def test_an_app_that_refuses_is_reported_and_not_asked_again(slack: SlackStandIn, app: App, ts: str) -> None:
    app.status, app.body = 503, "Try again."
    delivery = slack.click(ADA.id, channel=GENERAL.id, ts=ts, action_id="approve")
    assert (delivery.status, delivery.body, delivery.ok) == (503, "Try again.", False)
    assert "503" in (delivery.problem or "")
    assert len(app.requests) == 1


def test_an_app_that_is_not_there(slack: SlackStandIn, ts: str) -> None:
    slack.interactivity_url = "http://127.0.0.1:9/slack/interactions"
    delivery = slack.click(ADA.id, channel=GENERAL.id, ts=ts, action_id="approve")
    assert (delivery.status, delivery.problem) == (None, "This app could not be reached.")
    slack.interactivity_url = None
    unset = slack.click(ADA.id, channel=GENERAL.id, ts=ts, action_id="approve")
    assert "not configured" in (unset.problem or "")


def test_an_app_has_only_so_long(clock: Clock, app: App) -> None:
    hasty = SlackStandIn(
        clock=clock,
        bot_token="t",
        signing_secret="s",
        channels=[GENERAL],
        users=[ADA],
        answer_within=0.2,
    )
    hasty.interactivity_url = app.url
    app.answers.clear()
    with hasty.serve() as server:
        posted = WebClient("t", base_url=server.api_url).chat_postMessage(
            channel=GENERAL.id, text="x", blocks=CARD
        )
        began = time.monotonic()
        delivery = hasty.click(ADA.id, channel=GENERAL.id, ts=data(posted)["ts"], action_id="approve")
    assert (delivery.status, delivery.problem) == (None, "This app did not answer in time.")
    assert 0.15 < delivery.seconds <= time.monotonic() - began
    assert len(app.requests) == 1


# -- modals


def test_a_trigger_opens_one_modal_soon_and_for_the_one_who_clicked(
    client: WebClient, slack: SlackStandIn, ts: str
) -> None:
    trigger = click(slack, ts, user=GRACE.id)["trigger_id"]
    view = data(client.views_open(trigger_id=trigger, view=MODAL))["view"]
    assert [(open_.id, open_.user) for open_ in slack.views(GRACE.id)] == [(view["id"], GRACE.id)]
    assert slack.views(ADA.id) == []
    assert (view["private_metadata"], view["root_view_id"], view["close"]) == ("a-1", view["id"], None)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        client.views_open(trigger_id=trigger, view=MODAL)
    late = click(slack, ts)["trigger_id"]
    slack.expire_triggers()
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        client.views_open(trigger_id=late, view=MODAL)


def test_a_refused_modal_leaves_the_trigger_usable(client: WebClient, slack: SlackStandIn, ts: str) -> None:
    trigger = click(slack, ts)["trigger_id"]
    with pytest.raises(SlackApiError, match="must be less than 25 characters"):
        client.views_open(trigger_id=trigger, view={**MODAL, "title": plain("x" * 25)})
    assert client.views_open(trigger_id=trigger, view=MODAL)["ok"]


def test_an_open_modal_is_updated_unless_it_shows_something_else_already(
    client: WebClient, slack: SlackStandIn, ts: str
) -> None:
    view = data(client.views_open(trigger_id=click(slack, ts)["trigger_id"], view=MODAL))["view"]
    other = {**MODAL, "private_metadata": "a-2"}
    first = data(client.views_update(view_id=view["id"], hash=view["hash"], view=other))["view"]
    assert (first["id"], first["private_metadata"]) == (view["id"], "a-2")
    with pytest.raises(SlackApiError, match="hash_conflict"):
        client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)
    [shown] = slack.views(ADA.id)
    assert shown.content["private_metadata"] == "a-2"


def test_a_submission_carries_the_state_and_closes_the_modal(
    slack: SlackStandIn, app: App, opened: str
) -> None:
    delivery = slack.submit_view(ADA.id, values={"reason": {"text": "Because"}, "menu": {"menu": "2"}})
    assert delivery.ok
    payload = app.payloads[-1]
    assert (payload["type"], payload["user"]["id"]) == ("view_submission", ADA.id)
    view = payload["view"]
    assert (view["id"], view["callback_id"], view["private_metadata"]) == (opened, "reason", "a-1")
    assert view["state"]["values"]["reason"]["text"] == {"type": "plain_text_input", "value": "Because"}
    assert view["state"]["values"]["menu"]["menu"]["selected_option"]["value"] == "2"
    assert view["blocks"][0]["element"]["action_id"] == "text"
    assert payload["response_urls"] == []
    assert slack.views(ADA.id) == []


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "required"),
        ({"reason": {"text": ""}}, "required"),
        ({"reason": {"text": "ab"}}, "at least 3"),
        ({"reason": {"text": "x" * 21}}, "at most 20"),
    ],
)
def test_an_incomplete_modal_is_not_submitted(
    slack: SlackStandIn, app: App, opened: str, values: Any, problem: str
) -> None:
    before = len(app.requests)
    with pytest.raises(RefusedError) as caught:
        slack.submit_view(ADA.id, values=values)
    assert list(caught.value.errors) == ["reason"]
    assert problem in caught.value.errors["reason"]
    assert len(app.requests) == before
    assert [view.id for view in slack.views(ADA.id)] == [opened]


def test_values_must_fit_the_modal(slack: SlackStandIn, opened: str) -> None:
    with pytest.raises(RefusedError, match="no input 'text' in block 'other'"):
        slack.submit_view(ADA.id, values={"other": {"text": "x"}})
    with pytest.raises(RefusedError, match="no option '9'"):
        slack.submit_view(ADA.id, values={"reason": {"text": "Because"}, "menu": {"menu": "9"}})
    with pytest.raises(UnknownError):
        slack.submit_view(GRACE.id, view_id=opened, values={"reason": {"text": "Because"}})


def submit(slack: SlackStandIn, app: App, answer: Any) -> bool:
    app.body = answer if isinstance(answer, str) else json.dumps(answer)
    return slack.submit_view(ADA.id, values={"reason": {"text": "Because"}}).ok


def test_errors_stay_under_the_inputs(slack: SlackStandIn, app: App, opened: str) -> None:
    assert submit(slack, app, {"response_action": "errors", "errors": {"reason": "Say more."}})
    [view] = slack.views(ADA.id)
    assert (view.id, dict(view.errors)) == (opened, {"reason": "Say more."})
    assert submit(slack, app, "")
    assert slack.views(ADA.id) == []


@pytest.mark.usefixtures("opened")
def test_an_answer_can_update_the_modal(slack: SlackStandIn, app: App) -> None:
    assert submit(slack, app, {"response_action": "update", "view": MODAL_AGAIN})
    [updated] = slack.views(ADA.id)
    assert updated.content["title"]["text"] == "Thanks"
    with pytest.raises(RefusedError, match="no submit"):
        slack.submit_view(ADA.id)
    slack.close_view(ADA.id)
    assert slack.views(ADA.id) == []


@pytest.mark.parametrize(
    "answer",
    [
        "not JSON",
        [],
        {"response_action": "explode"},
        {"response_action": "push", "view": MODAL},
        {"response_action": "errors", "errors": {"nowhere": "x"}},
        {"response_action": "errors"},
        {"response_action": "update", "view": {**MODAL, "title": plain("x" * 25)}},
        {"response_action": "update"},
    ],
)
def test_an_answer_that_cannot_be_followed_is_shown_as_trouble(
    slack: SlackStandIn, app: App, opened: str, answer: Any
) -> None:
    assert not submit(slack, app, answer)
    [view] = slack.views(ADA.id)
    assert view.id == opened
    assert "trouble connecting" in (view.notice or "")


def test_an_app_that_fails_keeps_the_modal_open(slack: SlackStandIn, app: App, opened: str) -> None:
    app.status = 500
    delivery = slack.submit_view(ADA.id, values={"reason": {"text": "Because"}})
    assert (delivery.status, delivery.ok) == (500, False)
    assert [view.id for view in slack.views(ADA.id)] == [opened]


def test_a_button_in_a_modal(slack: SlackStandIn, app: App, opened: str) -> None:
    state = {"reason": {"text": "So far"}}
    assert slack.click_in_view(ADA.id, view_id=opened, action_id="deny", state=state).ok
    payload = app.payloads[-1]
    assert payload["container"] == {"type": "view", "view_id": opened}
    assert payload["view"]["state"]["values"]["reason"]["text"]["value"] == "So far"
    assert payload["actions"][0]["block_id"] == "more"
    assert "message" not in payload
    with pytest.raises(RefusedError):
        slack.click_in_view(ADA.id, view_id=opened, action_id="text", chosen="an input sends nothing")


CHOICES: Json = {
    "type": "modal",
    "title": plain("When?"),
    "submit": plain("Send"),
    "blocks": [
        {"type": "input", "block_id": name, "label": plain(name), "element": {**element, "action_id": name}}
        for name, element in {
            "date": {"type": "datepicker", "initial_date": "2026-01-31"},
            "time": {"type": "timepicker"},
            "some": {"type": "multi_static_select", "options": MENU["options"], "max_selected_items": 1},
        }.items()
    ],
}


def test_dates_times_and_several_choices(client: WebClient, slack: SlackStandIn, app: App, ts: str) -> None:
    client.views_open(trigger_id=click(slack, ts)["trigger_id"], view=CHOICES)
    chosen: Json = {"time": {"time": "09:30"}, "some": {"some": ["1", "2"]}}
    with pytest.raises(RefusedError) as caught:
        slack.submit_view(ADA.id, values=chosen)
    assert caught.value.errors == {"some": "Please select at most 1."}
    for wrong in ({"time": {"time": "noon"}}, {"date": {"date": "2026-31-01"}}, {"some": {"some": ["3"]}}):
        with pytest.raises(RefusedError):
            slack.submit_view(ADA.id, values={**chosen, "some": {"some": ["1"]}, **wrong})
    assert slack.submit_view(ADA.id, values={**chosen, "some": {"some": ["2"]}}).ok
    values = app.payloads[-1]["view"]["state"]["values"]
    assert values["date"]["date"] == {"type": "datepicker", "selected_date": "2026-01-31"}
    assert values["time"]["time"] == {"type": "timepicker", "selected_time": "09:30"}
    assert values["some"]["some"] == {
        "type": "multi_static_select",
        "selected_options": [MENU["options"][1] | {"text": {**plain("Two"), "emoji": True}}],
    }


def test_an_overflow_menu_sends_what_was_chosen_and_keeps_no_state(
    client: WebClient, slack: SlackStandIn
) -> None:
    more = {"type": "overflow", "action_id": "more", "options": MENU["options"]}
    blocks = [{"type": "actions", "block_id": "b", "elements": [more]}]
    posted = str(data(client.chat_postMessage(channel=GENERAL.id, text="x", blocks=blocks))["ts"])
    payload = click(slack, posted, "more", chosen="2")
    assert payload["actions"][0]["selected_option"]["value"] == "2"
    assert payload["state"]["values"] == {}


# -- the page's own JSON interface


def api(
    server: SlackServer, path: str, body: Any, content_type: str = "application/json"
) -> tuple[int, Json]:
    request = Request(  # noqa: S310  # our own server's address
        f"{server.url}/page/api/{path}", json.dumps(body).encode(), {"Content-Type": content_type}
    )
    try:
        with urlopen(request) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_scripts_click_as_the_page_does(server: SlackServer, app: App, ts: str) -> None:
    app.body = "thanks"
    where = {"user": ADA.id, "channel": GENERAL.id, "ts": ts}
    status, answer = api(server, "click", {**where, "action_id": "approve", "block_id": "decision"})
    assert (status, answer["ok"], answer["status"], answer["body"]) == (200, True, 200, "thanks")
    assert app.payloads[0]["user"]["id"] == ADA.id
    status, answer = api(server, "click", {**where, "action_id": "backout"})
    assert (status, answer["error"]) == (409, "What is shown now has no element 'backout'.")
    assert api(server, "click", {**where, "ts": "1.000000", "action_id": "approve"})[0] == 404
    assert api(server, "click", {"user": ADA.id})[0] == 400
    assert api(server, "click", [])[0] == 400
    assert api(server, "click", {**where, "action_id": "approve"}, "text/plain")[0] == 415
    assert len(app.requests) == 1


def test_scripts_submit_and_close(server: SlackServer, slack: SlackStandIn, opened: str) -> None:
    status, answer = api(server, "submit", {"user": ADA.id, "view_id": opened, "values": {}})
    assert (status, list(answer["errors"])) == (409, ["reason"])
    values = {"reason": {"text": "Because"}}
    assert api(server, "submit", {"user": ADA.id, "view_id": opened, "values": values})[0] == 200
    assert slack.views(ADA.id) == []
    assert api(server, "close", {"user": ADA.id, "view_id": opened})[0] == 404
    assert api(server, "submit", {"user": ADA.id, "values": {"reason": "text"}})[0] == 400
