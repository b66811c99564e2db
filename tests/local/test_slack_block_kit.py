"""What the Block Kit rules take and refuse, at each limit and one past it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.slack.block_kit import BLOCKS, check_blocks, check_view, text_length, with_ids

Json = dict[str, Any]
Sized = Callable[[int], Json]


def plain(length: int = 1, **extra: Any) -> Json:
    return {"type": "plain_text", "text": "x" * length, **extra}


def mrkdwn(length: int = 1) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def button(number: int = 0, **extra: Any) -> Json:
    return {"type": "button", "action_id": f"a{number}", "text": plain(), **extra}


def actions(*elements: Json, **extra: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **extra}


def option(number: int = 0, *, text: int = 1, **extra: Any) -> Json:
    return {"text": plain(text), "value": f"v{number}", **extra}


def options(count: int) -> list[Json]:
    return [option(number) for number in range(count)]


def select(**extra: Any) -> Json:
    return {"type": "static_select", "action_id": "s", **extra}


def confirm(**extra: Any) -> Json:
    parts = {"title": plain(), "text": plain(), "confirm": plain(), "deny": plain()}
    return button(confirm={**parts, **extra})


def section(**extra: Any) -> Json:
    return {"type": "section", **extra}


def text_input(**extra: Any) -> Json:
    return field({"type": "plain_text_input", "action_id": "t", **extra})


def field(element: Json, **extra: Any) -> Json:
    return {"type": "input", "label": plain(), "element": element, **extra}


def several(**extra: Any) -> Json:
    return field({"type": "multi_static_select", "options": options(3), **extra})


def modal(**extra: Any) -> Json:
    return {"type": "modal", "title": plain(), "blocks": [], **extra}


# (name, block made at a size, the largest size allowed, pointer below the block, what Slack says one past it)
SIZES: list[tuple[str, Sized, int, str, str]] = [
    ("section text", lambda n: section(text=mrkdwn(n)), 3000, "/text/text", "less than 3001 characters"),
    ("section plain", lambda n: section(text=plain(n)), 3000, "/text/text", "less than 3001 characters"),
    ("section field", lambda n: section(fields=[mrkdwn(n)]), 2000, "/fields/0/text", "less than 2001 char"),
    ("section fields", lambda n: section(fields=[mrkdwn()] * n), 10, "/fields", "no more than 10 items"),
    ("header", lambda n: {"type": "header", "text": plain(n)}, 150, "/text/text", "less than 151 characters"),
    (
        "context",
        lambda n: {"type": "context", "elements": [mrkdwn()] * n},
        10,
        "/elements",
        "no more than 10",
    ),
    (
        "context text",
        lambda n: {"type": "context", "elements": [mrkdwn(n)]},
        3000,
        "/elements/0/text",
        "3001",
    ),
    ("actions", lambda n: actions(*(button(i) for i in range(n))), 25, "/elements", "no more than 25 items"),
    ("block_id", lambda n: {"type": "divider", "block_id": "b" * n}, 255, "/block_id", "less than 256"),
    ("button text", lambda n: actions(button(text=plain(n))), 75, "/elements/0/text/text", "less than 76"),
    ("button value", lambda n: actions(button(value="v" * n)), 2000, "/elements/0/value", "less than 2001"),
    ("action_id", lambda n: actions(button(action_id="a" * n)), 255, "/elements/0/action_id", "than 256"),
    (
        "button label",
        lambda n: actions(button(accessibility_label="a" * n)),
        75,
        "/elements/0/acc",
        "than 76",
    ),
    (
        "button url",
        lambda n: actions(button(url="https:" + "u" * (n - 6))),
        3000,
        "/elements/0/url",
        "than 3001",
    ),
    (
        "confirm title",
        lambda n: actions(confirm(title=plain(n))),
        100,
        "/elements/0/confirm/title/text",
        "101",
    ),
    ("confirm text", lambda n: actions(confirm(text=mrkdwn(n))), 300, "/elements/0/confirm/text/text", "301"),
    (
        "confirm yes",
        lambda n: actions(confirm(confirm=plain(n))),
        30,
        "/elements/0/confirm/confirm/text",
        "31",
    ),
    ("confirm no", lambda n: actions(confirm(deny=plain(n))), 30, "/elements/0/confirm/deny/text", "31"),
    ("select options", lambda n: actions(select(options=options(n))), 100, "/elements/0/options", "than 100"),
    (
        "option text",
        lambda n: actions(select(options=[option(text=n)])),
        75,
        "/elements/0/options/0/text/t",
        "76",
    ),
    (
        "option value",
        lambda n: actions(select(options=[option(value="v" * n)])),
        150,
        "/elements/0/options/0/value",
        "less than 151",
    ),
    (
        "option note",
        lambda n: actions(select(options=[option(description=plain(n))])),
        75,
        "/elements/0/options/0/description/text",
        "less than 76",
    ),
    (
        "placeholder",
        lambda n: actions(select(options=options(1), placeholder=plain(n))),
        150,
        "/elements/0/placeholder/text",
        "less than 151",
    ),
    (
        "overflow",
        lambda n: actions({"type": "overflow", "action_id": "o", "options": options(n)}),
        5,
        "/elements/0/options",
        "no more than 5",
    ),
    ("input label", lambda n: text_input() | {"label": plain(n)}, 2000, "/label/text", "less than 2001"),
    ("input hint", lambda n: text_input() | {"hint": plain(n)}, 2000, "/hint/text", "less than 2001"),
    ("initial value", lambda n: text_input(initial_value="x" * n), 3000, "/element/initial_value", "3001"),
    ("max_length", lambda n: text_input(max_length=n), 3000, "/element/max_length", "at most 3000"),
]


@pytest.mark.parametrize(
    ("make", "most", "pointer", "said"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES]
)
def test_the_limit_is_taken_and_one_more_refused(make: Sized, most: int, pointer: str, said: str) -> None:
    assert check_blocks([make(most)]) == []
    refused = [str(violation) for violation in check_blocks([make(most + 1)])]
    assert any(said in text and f"[json-pointer:/blocks/0{pointer}" in text for text in refused), refused


VIEW_SIZES: list[tuple[str, Sized, int, str]] = [
    ("title", lambda n: modal(title=plain(n)), 24, "/title/text"),
    ("submit", lambda n: modal(submit=plain(n)), 24, "/submit/text"),
    ("close", lambda n: modal(close=plain(n)), 24, "/close/text"),
    ("private_metadata", lambda n: modal(private_metadata="m" * n), 3000, "/private_metadata"),
    ("callback_id", lambda n: modal(callback_id="c" * n), 255, "/callback_id"),
    ("blocks", lambda n: modal(blocks=[{"type": "divider"}] * n), 100, "/blocks"),
]


@pytest.mark.parametrize(
    ("make", "most", "pointer"), [row[1:] for row in VIEW_SIZES], ids=[row[0] for row in VIEW_SIZES]
)
def test_a_view_has_limits_of_its_own(make: Sized, most: int, pointer: str) -> None:
    assert check_view(make(most)) == []
    refused = check_view(make(most + 1))
    assert any(violation.pointer == f"/view{pointer}" for violation in refused), refused


def test_a_message_has_at_most_fifty_blocks() -> None:
    assert check_blocks([{"type": "divider"}] * 50) == []
    assert [str(found) for found in check_blocks([{"type": "divider"}] * 51)] == [
        "no more than 50 items allowed [json-pointer:/blocks]"
    ]


def test_a_long_text_is_refused_in_slacks_own_words() -> None:
    assert [str(found) for found in check_blocks([section(text=mrkdwn(3001))])] == [
        "failed to match all allowed schemas [json-pointer:/blocks/0/text]",
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ]


def test_the_text_is_measured_as_it_is_sent_escapes_and_all() -> None:
    assert check_blocks([section(text={"type": "mrkdwn", "text": "<" * 3000})]) == []
    escaped = "&lt;" * 3000
    assert check_blocks([section(text={"type": "mrkdwn", "text": escaped})]) != []


# (block, pointer of the violation, part of what it says)
REFUSED: list[tuple[Json, str, str]] = [
    ({"type": "sectoin"}, "/type", "unsupported type: sectoin"),
    ({"type": "video"}, "/type", "Slack has it"),
    ({}, "", "missing required field: type"),
    ({"type": 7}, "", "missing required field: type"),
    (section(), "", "must define either `fields` or `text`"),
    (section(text="just words"), "/text", "must provide an object"),
    (section(text={"type": "markdown", "text": "x"}), "/text/type", "unsupported type: markdown"),
    (section(text=plain(0)), "/text/text", "must be more than 0 characters"),
    (section(text={"type": "mrkdwn", "text": None}), "/text/text", "must provide a string"),
    (section(text={"type": "mrkdwn"}), "/text", "missing required field: text"),
    (section(text={"type": "mrkdwn", "text": "x", "emoji": True}), "/text", "additional property: emoji"),
    (section(text=plain(verbatim=True)), "/text", "invalid additional property: verbatim"),
    (section(text=plain(emoji="yes")), "/text/emoji", "must provide a boolean"),
    (section(text=plain(), colour="red"), "", "invalid additional property: colour"),
    (section(fields=[]), "/fields", "no less than 1 items allowed"),
    (section(fields={"0": plain()}), "/fields", "must provide an array"),
    (section(text=plain(), accessory=button()), "", "invalid additional property: accessory (Slack has it"),
    ({"type": "header", "text": mrkdwn()}, "/text/type", "unsupported type: mrkdwn"),
    ({"type": "divider", "block_id": ""}, "/block_id", "must be more than 0 characters"),
    ({"type": "context", "elements": [button()]}, "/elements/0/type", "unsupported type: button"),
    ({"type": "context", "elements": []}, "/elements", "no less than 1 items allowed"),
    (actions(), "/elements", "no less than 1 items allowed"),
    (
        actions({"type": "multi_static_select", "options": options(1)}),
        "/elements/0/type",
        "unsupported type: multi_static_select",
    ),
    (actions({"type": "overflow"}), "/elements/0", "missing required field: options"),
    (actions({"type": "radio_buttons", "options": options(1)}), "/elements/0/type", "Slack has it"),
    (actions({"type": "buton", "text": plain()}), "/elements/0/type", "unsupported type: buton"),
    (actions({"type": "button", "text": mrkdwn()}), "/elements/0/text/type", "unsupported type: mrkdwn"),
    (actions({"type": "button"}), "/elements/0", "missing required field: text"),
    (actions(button(style="default")), "/elements/0/style", "primary, danger"),
    (actions(button(value=3)), "/elements/0/value", "must provide a string"),
    (actions(button(url="not a link")), "/elements/0/url", "format"),
    (actions(button(confirm={"title": plain()})), "/elements/0/confirm", "missing required field: text"),
    (actions(confirm(title=mrkdwn())), "/elements/0/confirm/title/type", "unsupported type: mrkdwn"),
    (actions(confirm(type="confirm")), "/elements/0/confirm", "invalid additional property: type"),
    (actions(button(1), button(1)), "", "`action_id` 'a1' already exists"),
    (actions(select()), "/elements/0", "missing required field: options"),
    (actions(select(options=[])), "/elements/0/options", "no less than 1 items"),
    (
        actions(select(options=options(2), initial_option=option(2))),
        "/elements/0/initial_option",
        "must be one of the options",
    ),
    (
        actions(select(options=[{"text": mrkdwn(), "value": "v"}])),
        "/elements/0/options/0/text/type",
        "unsupported type: mrkdwn",
    ),
    (
        actions(select(options=[option(url="https://example.com")])),
        "/elements/0/options/0",
        "invalid additional property: url",
    ),
    (text_input(min_length=5, max_length=4), "/element/min_length", "must not be more than max_length"),
    (text_input(max_length=2, initial_value="xxx"), "/element/initial_value", "less than 3 characters"),
    (text_input(min_length=True), "/element/min_length", "must provide a number"),
    (field(button()), "/element/type", "unsupported type: button"),
    ({"type": "input", "label": mrkdwn(), "element": select(options=options(1))}, "/label/type", "mrkdwn"),
    ({"type": "input", "label": plain()}, "", "missing required field: element"),
    (field({"type": "datepicker", "initial_date": "tomorrow"}), "/element/initial_date", "format"),
    (field({"type": "datepicker", "initial_date": "2026-13-01"}), "/element/initial_date", "format"),
    (field({"type": "timepicker", "initial_time": "24:00"}), "/element/initial_time", "format"),
    (field({"type": "timepicker", "timezone": ""}), "/element/timezone", "more than 0 characters"),
    (several(initial_options=[option(3)]), "/element/initial_options/0", "must be one of the options"),
    (several(max_selected_items=0), "/element/max_selected_items", "must be at least 1"),
    (
        several(max_selected_items=1, initial_options=options(2)),
        "/element/initial_options",
        "no more than 1 items",
    ),
]


@pytest.mark.parametrize(("block", "pointer", "said"), REFUSED)
def test_refused(block: Json, pointer: str, said: str) -> None:
    found = check_blocks([block])
    assert any(one.pointer == f"/blocks/0{pointer}" and said in one.message for one in found), found


TAKEN: list[Json] = [
    section(text=mrkdwn(), fields=[plain(), mrkdwn()]),
    {"type": "context", "elements": [plain(), mrkdwn()]},
    actions({"type": "overflow", "options": [option(url="https://example.com")]}),
    actions(select(options=options(2), initial_option=option(1))),
    actions({"type": "datepicker", "initial_date": "2026-12-31"}, {"type": "timepicker"}),
    actions(button(0, style="primary"), button(1, style="danger", value="x", url="mailto:a@example.com")),
    actions({"type": "button", "text": plain()}, {"type": "button", "text": plain()}),
    field({"type": "timepicker", "initial_time": "23:59", "timezone": "Europe/Berlin"}, optional=True),
    several(max_selected_items=2, initial_options=options(2)),
]


@pytest.mark.parametrize("block", TAKEN)
def test_taken(block: Json) -> None:
    assert check_blocks([block]) == []


def test_action_ids_may_repeat_in_other_blocks_but_block_ids_may_not() -> None:
    assert check_blocks([actions(button()), actions(button())]) == []
    twice = {"type": "divider", "block_id": "same"}
    assert [one.message for one in check_blocks([twice, twice])] == ["`block_id` 'same' already exists"]


VIEWS_REFUSED: list[tuple[Any, str, str]] = [
    ({"type": "home", "blocks": []}, "/view/type", "Slack has it"),
    ({"type": "modal", "blocks": []}, "/view", "missing required field: title"),
    (modal(submit_disabled=True), "/view", "invalid additional property: submit_disabled"),
    (modal(title=mrkdwn()), "/view/title/type", "unsupported type: mrkdwn"),
    (modal(blocks=[text_input()]), "/view", "missing required field: submit"),
    (modal(blocks=[{"type": "divider", "block_id": "b"}] * 2), "/view/blocks/1", "already exists"),
    ([], "/view", "must provide an object"),
]


@pytest.mark.parametrize(("view", "pointer", "said"), VIEWS_REFUSED)
def test_views_refused(view: Any, pointer: str, said: str) -> None:
    found = check_view(view)
    assert any(one.pointer == pointer and said in one.message for one in found), found


def test_ids_and_defaults_are_added_as_slack_adds_them() -> None:
    sent = [section(text=plain()), actions({"type": "button", "text": plain()})]
    kept = with_ids(sent)
    assert "block_id" not in sent[0], "what was sent stays as it was"
    assert kept[1]["elements"][0]["action_id"]
    assert kept[0]["text"]["emoji"] is True
    assert kept[0]["block_id"] != kept[1]["block_id"]
    assert check_blocks(kept) == []


def test_all_texts_count_towards_the_message() -> None:
    blocks = [section(text=mrkdwn(10), fields=[plain(5)]), actions(button(text=plain(3), value="not a text"))]
    assert text_length([*blocks, {"type": "divider"}]) == 18


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "text",
                    "elements",
                    "fields",
                    "options",
                    "initial_options",
                    "blocks",
                    "element",
                    "block_id",
                    "action_id",
                    "min_length",
                    "confirm",
                ]
            ),
            inner | st.sampled_from([*BLOCKS.shapes, "modal", "button", "static_select", "mrkdwn"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.lists(_JSON, max_size=3), _JSON)
def test_anything_at_all_is_judged_and_nothing_breaks(blocks: list[Any], view: Any) -> None:
    for found in (*check_blocks(blocks), *check_view(view)):
        assert found.message
        assert found.pointer.startswith(("/blocks", "/view"))
    assert check_view(view) or (isinstance(view, dict) and view["type"] == "modal")
