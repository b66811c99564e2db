from __future__ import annotations

import base64
import contextlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.messages.interactions import (
    Click,
    MalformedRequest,
    PageSubmission,
    PageTurn,
    Review,
    Submission,
    body_text,
    header,
    parse,
)
from tests.unit.strategies import json_values


def _body(**changes: Any) -> str:
    payload = {
        "type": "block_actions",
        "user": {"id": "U1"},
        "channel": {"id": "C1"},
        "container": {"type": "message", "message_ts": "1795.000100", "channel_id": "C1"},
        "actions": [{"action_id": "approve", "value": "an-id_0"}],
        "trigger_id": "t.1",
        **changes,
    }
    return urlencode({"payload": json.dumps(payload)})


def test_a_click_is_taken_apart() -> None:
    assert parse(_body()) == Click("approve", "an-id_0", "U1", "C1", "1795.000100", "t.1")


def test_a_click_on_a_link_decides_nothing() -> None:
    assert parse(_body(actions=[{"action_id": "open_endpoint", "url": "https://example.com"}])) is None


def _submitted(**changes: Any) -> str:
    state = {
        "values": {
            "reason": {"reason": {"type": "plain_text_input", "value": "later"}},
            "ask-again": {"ask-again": {"selected_option": {"value": "30"}}},
            "odd": {"odd": {"value": 7}, "none": None},
        }
    }
    view = {"callback_id": "deny", "private_metadata": "an-id_0", "state": state, **changes}
    return urlencode({"payload": json.dumps({"type": "view_submission", "user": {"id": "U1"}, "view": view})})


def test_a_modal_is_taken_apart() -> None:
    values = {"reason": "later", "ask-again": "30"}
    assert parse(_submitted()) == Submission("deny", "an-id_0", "U1", values)


@pytest.mark.parametrize("state", [None, [], {"values": 1}, {"values": {"reason": 1}}])
def test_a_modal_without_answers_has_none(state: Any) -> None:
    assert parse(_submitted(state=state)) == Submission("deny", "an-id_0", "U1", {})


def test_a_click_for_the_list_is_taken_apart() -> None:
    action = {"action_id": "review", "value": "a-digest"}
    assert parse(_body(actions=[action])) == Review("a-digest", "U1", "C1", "t.1")


_CHOSEN = {
    "values": {
        "an-id": {"decision": {"selected_option": {"value": "encrypt"}}},
        "reason#1": {"reason": {"type": "plain_text_input", "value": None}},
    }
}


def _turn(value: Any = "3", **changes: Any) -> str:
    view = {"id": "V1", "hash": "h.1", "private_metadata": "a-digest/2", "state": _CHOSEN, **changes}
    payload = {
        "type": "block_actions", "user": {"id": "U1"}, "container": {"type": "view", "view_id": "V1"},
        "view": view, "actions": [{"action_id": "digest-next", "value": value}],
    }  # fmt: skip
    return urlencode({"payload": json.dumps(payload)})


def test_a_turned_page_is_taken_apart() -> None:
    values = {"an-id": "encrypt", "reason#1": ""}
    assert parse(_turn()) == PageTurn("a-digest", 3, 2, "U1", "V1", "h.1", values)


def test_a_submitted_page_is_taken_apart() -> None:
    body = _submitted(callback_id="digest", private_metadata="a-digest/2", state=_CHOSEN)
    assert parse(body) == PageSubmission("a-digest", 2, "U1", {"an-id": "encrypt", "reason#1": ""})


@pytest.mark.parametrize(
    "metadata", ["", "a-digest", "a-digest/", "a-digest/x", "a b/1", "a/1/2", None, 7, "a/999999"]
)
def test_a_page_of_nothing_is_refused(metadata: Any) -> None:
    for body in (
        _turn(private_metadata=metadata),
        _submitted(callback_id="digest", private_metadata=metadata),
    ):
        with pytest.raises(MalformedRequest):
            parse(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no form at all",
        "payload=",
        "payload=%7B",
        "payload=[]",
        "payload=null",
        "other=1",
        "payload=%FF%FE",
        "payload=" + "[" * 100_000,
        _body(type="view_submission"),
        _turn(""),
        _turn(3),
        _turn("-1"),
        _body(actions=[{"action_id": "digest-next", "value": "1"}]),
        _body(actions=[{"action_id": "review", "value": "a b"}]),
        _submitted(callback_id="approve"),
        _submitted(private_metadata="a b"),
        _body(actions=[]),
        _body(actions="x"),
        _body(actions=[1]),
        _body(actions=[{"action_id": "delete_everything", "value": "an-id"}]),
        _body(actions=[{"action_id": ["approve"], "value": "an-id"}]),
        _body(actions=[{"action_id": "approve"}]),
        _body(actions=[{"action_id": "approve", "value": "x" * 65}]),
        _body(actions=[{"action_id": "approve", "value": "a b"}]),
        _body(user=None),
        _body(user={"id": ""}),
        _body(channel={"id": 7}),
    ],
)
def test_anything_else_is_refused_in_words(body: str) -> None:
    with pytest.raises(MalformedRequest, match=r"\.$"):
        parse(body)


@given(st.text(max_size=200) | json_values.map(lambda value: urlencode({"payload": json.dumps(value)})))
def test_no_body_crashes_the_parser(body: str) -> None:
    with contextlib.suppress(MalformedRequest):
        assert parse(body) is None


@given(st.dictionaries(st.sampled_from(["type", "user", "channel", "actions", "view"]), json_values))
def test_no_payload_crashes_the_parser(changes: dict[str, Any]) -> None:
    with contextlib.suppress(MalformedRequest):
        parse(_body(**changes))


def test_the_raw_body_is_read_in_base64_too() -> None:
    encoded = base64.b64encode("payload=ü".encode()).decode()
    assert body_text({"body": encoded, "isBase64Encoded": True}) == "payload=ü"
    assert body_text({"body": "payload=ü", "isBase64Encoded": False}) == "payload=ü"
    assert body_text({}) == ""


@pytest.mark.parametrize("body", ["not base64!", base64.b64encode(b"\xff\xfe").decode()])
def test_a_body_that_is_no_text_is_malformed(body: str) -> None:
    with pytest.raises(MalformedRequest):
        body_text({"body": body, "isBase64Encoded": True})


def test_headers_are_found_in_any_case() -> None:
    assert header({"headers": {"X-Slack-Signature": "v0=1"}}, "x-slack-signature") == "v0=1"
    assert header({}, "x-slack-signature") is None
