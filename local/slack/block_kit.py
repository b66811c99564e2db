"""What Slack takes as Block Kit, as data, and the one reader of that data.

The limits are those of https://docs.slack.dev/reference/block-kit; the words of the violations are Slack's
where a published answer shows them ("must be less than 3001 characters [json-pointer:/blocks/0/text/text]").
Lengths are counted in code points of the text as sent, escapes (`&amp;`) and all.
"""

from __future__ import annotations

import copy
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

Json = dict[str, Any]

BLOCKS_IN_MESSAGE = 50
BLOCKS_IN_VIEW = 100
TEXT_IN_BLOCKS = 12_000
"""Characters of all texts of a message together; past it Slack answers `msg_blocks_too_long`
(not documented; said by its staff in slackapi/bolt-js issue 2509)."""


@dataclass(frozen=True)
class Violation:
    """What is wrong, and where (a JSON pointer)."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"


# -- the kinds of value that the data below is made of


@dataclass(frozen=True)
class Text:
    """A string."""

    longest: int | None = None
    shortest: int = 0
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True)
class OneOf:
    """One of a few strings."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Number:
    """A whole number."""

    least: int | None = None
    most: int | None = None


@dataclass(frozen=True)
class Flag:
    """True or false."""


@dataclass(frozen=True)
class ListOf:
    """An array."""

    items: Kind
    most: int | None = None
    least: int = 1


@dataclass(frozen=True)
class Shape:
    """An object: fields that must be there, fields that may be, and rules that span fields."""

    required: Mapping[str, Kind] = field(default_factory=dict[str, "Kind"])
    optional: Mapping[str, Kind] = field(default_factory=dict[str, "Kind"])
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Typed:
    """An object whose `type` says which shape it has.

    `told_whole`: a violation inside is preceded by Slack's "failed to match all allowed schemas".
    """

    shapes: Mapping[str, Shape]
    told_whole: bool = False


Kind: TypeAlias = Text | OneOf | Number | Flag | ListOf | Shape | Typed
Rule: TypeAlias = Callable[[Json, str], Iterator[Violation]]


# -- rules that span fields


def _either(*names: str) -> Rule:
    def rule(value: Json, pointer: str) -> Iterator[Violation]:
        if not any(name in value for name in names):
            yield Violation(pointer, "must define either " + " or ".join(f"`{name}`" for name in names))

    return rule


def _not_both(*names: str) -> Rule:
    def rule(value: Json, pointer: str) -> Iterator[Violation]:
        if all(name in value for name in names):
            yield Violation(pointer, "must define only one of " + ", ".join(f"`{name}`" for name in names))

    return rule


def _options(value: Json) -> list[Any]:
    groups = [group.get("options") for group in _dicts(value.get("option_groups"))]
    lists = [value.get("options"), *groups]
    return [option for options in lists if isinstance(options, list) for option in cast("list[Any]", options)]


def _initial_is_an_option(value: Json, pointer: str) -> Iterator[Violation]:
    known = _options(value)
    if "initial_option" in value and value["initial_option"] not in known:
        yield Violation(f"{pointer}/initial_option", "must be one of the options")
    chosen = value.get("initial_options")
    for index, option in enumerate(cast("list[Any]", chosen) if isinstance(chosen, list) else []):
        if option not in known:
            yield Violation(f"{pointer}/initial_options/{index}", "must be one of the options")


def _lengths_agree(value: Json, pointer: str) -> Iterator[Violation]:
    least, most = value.get("min_length"), value.get("max_length")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        yield Violation(f"{pointer}/min_length", "must not be more than max_length")
    initial = value.get("initial_value")
    if isinstance(initial, str) and isinstance(most, int) and len(initial) > most:
        yield Violation(f"{pointer}/initial_value", f"must be less than {most + 1} characters")


def _submit_for_input(value: Json, pointer: str) -> Iterator[Violation]:
    if "submit" not in value and any(block.get("type") == "input" for block in _dicts(value.get("blocks"))):
        yield Violation(pointer, "missing required field: submit (the view has an input block)")


def _dicts(values: Any) -> list[Json]:
    found = cast("list[Any]", values) if isinstance(values, list) else []
    return [cast("Json", value) for value in found if isinstance(value, dict)]


# -- the data

_ID = Text(255, 1)
_URL = Text(3000, 1, re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+"))
_ANY_ID = Text(shortest=1)


def _plain_shape(longest: int) -> Shape:
    return Shape({"text": Text(longest, 1)}, {"emoji": Flag()})


def _mrkdwn_shape(longest: int) -> Shape:
    return Shape({"text": Text(longest, 1)}, {"verbatim": Flag()})


def _plain(longest: int) -> Typed:
    return Typed({"plain_text": _plain_shape(longest)}, told_whole=True)


def _any_text(longest: int) -> Typed:
    return Typed(
        {"plain_text": _plain_shape(longest), "mrkdwn": _mrkdwn_shape(longest)},
        told_whole=True,
    )


_STYLE = OneOf(("primary", "danger"))
_CONFIRM = Shape(
    {"title": _plain(100), "text": _any_text(300), "confirm": _plain(30), "deny": _plain(30)},
    {"style": _STYLE},
)
_OPTION = Shape({"text": _plain(75), "value": Text(150)}, {"description": _plain(75)})
_RICH_OPTION = Shape({"text": _any_text(75), "value": Text(150)}, {"description": _any_text(75)})
_LINK_OPTION = Shape({"text": _plain(75), "value": Text(150)}, {"description": _plain(75), "url": _URL})
_OPTION_GROUP = Shape({"label": _plain(75), "options": ListOf(_OPTION, 100)})
_DISPATCH = Shape({}, {"trigger_actions_on": ListOf(OneOf(("on_enter_pressed", "on_character_entered")), 2)})

_ACTION: Mapping[str, Kind] = {"action_id": _ID}
_FOCUS: Mapping[str, Kind] = {"focus_on_load": Flag()}
_CONFIRMED: Mapping[str, Kind] = {"confirm": _CONFIRM}
_TYPED_INTO: Mapping[str, Kind] = {
    **_ACTION,
    **_FOCUS,
    "placeholder": _plain(150),
    "dispatch_action_config": _DISPATCH,
}
_PICKED: Mapping[str, Kind] = {**_ACTION, **_FOCUS, **_CONFIRMED, "placeholder": _plain(150)}
_ONE_LIST_OF_OPTIONS = (
    _either("options", "option_groups"),
    _not_both("options", "option_groups"),
    _initial_is_an_option,
)
_LISTS: Mapping[str, Kind] = {"options": ListOf(_OPTION, 100), "option_groups": ListOf(_OPTION_GROUP, 100)}
_DATE = Text(pattern=re.compile(r"\d{4}-\d{2}-\d{2}"))
_TIME = Text(pattern=re.compile(r"\d{2}:\d{2}"))

_IMAGE = Shape({"alt_text": Text(2000, 1), "image_url": _URL})

_ELEMENTS: Mapping[str, Shape] = {
    "button": Shape(
        {"text": _plain(75)},
        {
            **_ACTION,
            **_CONFIRMED,
            "value": Text(2000),
            "url": _URL,
            "style": _STYLE,
            "accessibility_label": Text(75),
        },
    ),
    "static_select": Shape({}, {**_PICKED, **_LISTS, "initial_option": _OPTION}, _ONE_LIST_OF_OPTIONS),
    "multi_static_select": Shape(
        {},
        {
            **_PICKED,
            **_LISTS,
            "initial_options": ListOf(_OPTION, 100),
            "max_selected_items": Number(1),
        },
        _ONE_LIST_OF_OPTIONS,
    ),
    "users_select": Shape({}, {**_PICKED, "initial_user": _ANY_ID}),
    "overflow": Shape({"options": ListOf(_LINK_OPTION, 5)}, {**_ACTION, **_CONFIRMED}),
    "radio_buttons": Shape(
        {"options": ListOf(_RICH_OPTION, 10)},
        {**_ACTION, **_FOCUS, **_CONFIRMED, "initial_option": _RICH_OPTION},
        (_initial_is_an_option,),
    ),
    "checkboxes": Shape(
        {"options": ListOf(_RICH_OPTION, 10)},
        {**_ACTION, **_FOCUS, **_CONFIRMED, "initial_options": ListOf(_RICH_OPTION, 10)},
        (_initial_is_an_option,),
    ),
    "datepicker": Shape({}, {**_PICKED, "initial_date": _DATE}),
    "timepicker": Shape({}, {**_PICKED, "initial_time": _TIME, "timezone": Text(shortest=1)}),
    "plain_text_input": Shape(
        {},
        {
            **_TYPED_INTO,
            "initial_value": Text(3000),
            "multiline": Flag(),
            "min_length": Number(0, 3000),
            "max_length": Number(1, 3000),
        },
        (_lengths_agree,),
    ),
    "email_text_input": Shape({}, {**_TYPED_INTO, "initial_value": Text()}),
    "url_text_input": Shape({}, {**_TYPED_INTO, "initial_value": Text()}),
    "number_input": Shape(
        {"is_decimal_allowed": Flag()},
        {**_TYPED_INTO, "initial_value": Text(), "min_value": Text(), "max_value": Text()},
    ),
    "image": _IMAGE,
}


def _elements(*names: str) -> Typed:
    return Typed({name: _ELEMENTS[name] for name in names})


_IN_ACTIONS = _elements(
    "button", "static_select", "multi_static_select", "users_select", "overflow", "radio_buttons",
    "checkboxes", "datepicker", "timepicker",
)  # fmt: skip
_ACCESSORY = Typed({**_IN_ACTIONS.shapes, "image": _IMAGE})
_IN_CONTEXT = Typed(
    {"image": _IMAGE, "plain_text": _plain_shape(3000), "mrkdwn": _mrkdwn_shape(3000)},
)
_IN_INPUT = _elements(
    "plain_text_input", "email_text_input", "url_text_input", "number_input", "static_select",
    "multi_static_select", "users_select", "radio_buttons", "checkboxes", "datepicker", "timepicker",
)  # fmt: skip

_RICH_STYLES = ("bold", "italic", "strike", "code", "underline", "highlight")
_RICH_STYLE = Shape({}, {name: Flag() for name in _RICH_STYLES})
_STYLED: Mapping[str, Kind] = {"style": _RICH_STYLE}
_RICH_LINK = Shape({"url": _URL}, {**_STYLED, "text": Text(), "unsafe": Flag()})
_RICH_TEXT = Shape({"text": Text(shortest=1)}, _STYLED)
_RICH_INLINE = Typed(
    {
        "text": _RICH_TEXT,
        "link": _RICH_LINK,
        "emoji": Shape({"name": Text(shortest=1)}, {"unicode": Text(), "skin_tone": Number(1, 6), **_STYLED}),
        "user": Shape({"user_id": _ANY_ID}, _STYLED),
        "channel": Shape({"channel_id": _ANY_ID}, _STYLED),
        "usergroup": Shape({"usergroup_id": _ANY_ID}, _STYLED),
        "broadcast": Shape({"range": OneOf(("here", "channel", "everyone"))}),
        "date": Shape(
            {"timestamp": Number(0), "format": Text(shortest=1)},
            {**_STYLED, "url": _URL, "fallback": Text(), "timezone": Text()},
        ),
    }
)
_BORDER: Mapping[str, Kind] = {"border": Number(0, 1)}
_RICH_SECTION = Shape({"elements": ListOf(_RICH_INLINE, least=0)})
_RICH_PARTS = Typed(
    {
        "rich_text_section": _RICH_SECTION,
        "rich_text_list": Shape(
            {
                "style": OneOf(("bullet", "ordered")),
                "elements": ListOf(Typed({"rich_text_section": _RICH_SECTION})),
            },
            {**_BORDER, "indent": Number(0, 8), "offset": Number(0)},
        ),
        "rich_text_preformatted": Shape(
            {"elements": ListOf(Typed({"text": _RICH_TEXT, "link": _RICH_LINK}))},
            {**_BORDER, "language": Text()},
        ),
        "rich_text_quote": Shape({"elements": ListOf(_RICH_INLINE)}, _BORDER),
    }
)

_NAMED: Mapping[str, Kind] = {"block_id": _ID}

BLOCKS = Typed(
    {
        "section": Shape(
            {},
            {
                **_NAMED,
                "text": _any_text(3000),
                "fields": ListOf(_any_text(2000), 10),
                "accessory": _ACCESSORY,
                "expand": Flag(),
            },
            (_either("fields", "text"),),
        ),
        "header": Shape({"text": _plain(150)}, _NAMED),
        "divider": Shape({}, _NAMED),
        "context": Shape({"elements": ListOf(_IN_CONTEXT, 10)}, _NAMED),
        "actions": Shape({"elements": ListOf(_IN_ACTIONS, 25)}, _NAMED),
        "image": Shape({"alt_text": Text(2000, 1), "image_url": _URL}, {**_NAMED, "title": _plain(2000)}),
        "input": Shape(
            {"label": _plain(2000), "element": _IN_INPUT},
            {**_NAMED, "hint": _plain(2000), "optional": Flag(), "dispatch_action": Flag()},
        ),
        "rich_text": Shape({"elements": ListOf(_RICH_PARTS)}, _NAMED),
    }
)

VIEWS = Typed(
    {
        "modal": Shape(
            {"title": _plain(24), "blocks": ListOf(BLOCKS, BLOCKS_IN_VIEW, least=0)},
            {
                "submit": _plain(24),
                "close": _plain(24),
                "private_metadata": Text(3000),
                "callback_id": Text(255),
                "external_id": Text(255),
                "clear_on_close": Flag(),
                "notify_on_close": Flag(),
            },
            (_submit_for_input,),
        )
    },
    told_whole=True,
)

# Real in Slack, unknown here: their refusal says whose lack it is.
_NOT_HERE = frozenset(
    {
        "alert", "card", "carousel", "container", "context_actions", "data_table", "file", "markdown", "plan",
        "table", "task_card", "video", "channels_select", "conversations_select", "datetimepicker",
        "external_select", "feedback_buttons", "file_input", "icon_button", "multi_channels_select",
        "multi_conversations_select", "multi_external_select", "multi_users_select", "rich_text_input",
        "workflow_button", "color", "team", "home",
    }
)  # fmt: skip


# -- reading it


def check_blocks(blocks: list[Any]) -> list[Violation]:
    """What Slack would refuse in a message's blocks; empty if nothing."""
    kind = ListOf(BLOCKS, BLOCKS_IN_MESSAGE, least=0)
    return [*_check(blocks, kind, "/blocks"), *_unique(blocks, "/blocks")]


def check_view(view: Any) -> list[Violation]:
    """What Slack would refuse in a modal; empty if nothing."""
    violations = list(_check(view, VIEWS, "/view"))
    if isinstance(view, dict):
        violations += _unique(cast("Json", view).get("blocks"), "/view/blocks")
    return violations


def text_length(blocks: list[Json]) -> int:
    """Characters of all texts in valid blocks together."""
    return sum(len(text) for block in blocks for text in _texts(block))


def with_ids(blocks: list[Json]) -> list[Json]:
    """Valid blocks as Slack keeps them: each block and element with an id, each text with its defaults."""
    kept = copy.deepcopy(blocks)
    for block in kept:
        block.setdefault("block_id", _new_id())
        for element in interactive_elements(block):
            element.setdefault("action_id", _new_id())
        _fill_text_defaults(block)
    return kept


def interactive_elements(block: Json) -> list[Json]:
    """The elements of a block that a person can use, in order."""
    places = [*_dicts(block.get("elements")), block.get("accessory"), block.get("element")]
    known = [*_IN_ACTIONS.shapes, *_IN_INPUT.shapes]  # a list: what is looked up may be unhashable
    return [place for place in _dicts(places) if place.get("type") in known]


def _check(value: Any, kind: Kind, pointer: str) -> Iterator[Violation]:
    match kind:
        case Text():
            yield from _check_text(value, kind, pointer)
        case OneOf():
            if value not in kind.values:
                yield Violation(pointer, f"must be a valid enum value: {', '.join(kind.values)}")
        case Number():
            yield from _check_number(value, kind, pointer)
        case Flag():
            if not isinstance(value, bool):
                yield Violation(pointer, "must provide a boolean")
        case ListOf():
            yield from _check_list(value, kind, pointer)
        case Shape():
            yield from _check_shape(value, kind, pointer, extra=())
        case Typed():
            yield from _check_typed(value, kind, pointer)


def _check_text(value: Any, kind: Text, pointer: str) -> Iterator[Violation]:
    if not isinstance(value, str):
        yield Violation(pointer, "must provide a string")
        return
    if len(value) < kind.shortest:
        yield Violation(pointer, f"must be more than {kind.shortest - 1} characters")
    elif kind.longest is not None and len(value) > kind.longest:
        yield Violation(pointer, f"must be less than {kind.longest + 1} characters")
    elif kind.pattern and not kind.pattern.fullmatch(value):
        yield Violation(pointer, "must match the format of this field")


def _check_number(value: Any, kind: Number, pointer: str) -> Iterator[Violation]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield Violation(pointer, "must provide a number")
    elif kind.least is not None and value < kind.least:
        yield Violation(pointer, f"must be at least {kind.least}")
    elif kind.most is not None and value > kind.most:
        yield Violation(pointer, f"must be at most {kind.most}")


def _check_list(value: Any, kind: ListOf, pointer: str) -> Iterator[Violation]:
    if not isinstance(value, list):
        yield Violation(pointer, "must provide an array")
        return
    items = cast("list[Any]", value)
    if len(items) < kind.least:
        yield Violation(pointer, f"no less than {kind.least} items allowed")
    if kind.most is not None and len(items) > kind.most:
        yield Violation(pointer, f"no more than {kind.most} items allowed")
    for index, item in enumerate(items):
        yield from _check(item, kind.items, f"{pointer}/{index}")


def _check_typed(value: Any, kind: Typed, pointer: str) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield Violation(pointer, "must provide an object")
        return
    found = cast("Json", value)
    name = found.get("type")
    if not isinstance(name, str):
        yield Violation(pointer, "missing required field: type")
        return
    shape = kind.shapes.get(name)
    if shape is None:
        lack = " (Slack has it, this stand-in does not)" if name in _NOT_HERE else ""
        yield Violation(f"{pointer}/type", f"unsupported type: {name}{lack}")
        return
    inside = list(_check_shape(found, shape, pointer, extra=("type",)))
    if inside and kind.told_whole:
        yield Violation(pointer, "failed to match all allowed schemas")
    yield from inside


def _check_shape(value: Any, shape: Shape, pointer: str, extra: tuple[str, ...]) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield Violation(pointer, "must provide an object")
        return
    found = cast("Json", value)
    for name in shape.required:
        if name not in found:
            yield Violation(pointer, f"missing required field: {name}")
    for name, part in found.items():
        kind = shape.required.get(name) or shape.optional.get(name)
        if kind is not None:
            yield from _check(part, kind, f"{pointer}/{name}")
        elif name not in extra:
            yield Violation(pointer, f"invalid additional property: {name}")
    for rule in shape.rules:
        yield from rule(found, pointer)


def _unique(blocks: Any, pointer: str) -> list[Violation]:
    """Block ids are unique in a message or view, action ids in a block."""
    violations: list[Violation] = []
    block_ids: set[str] = set()
    for index, block in enumerate(cast("list[Any]", blocks) if isinstance(blocks, list) else []):
        if not isinstance(block, dict):
            continue
        where = f"{pointer}/{index}"
        found = cast("Json", block)
        violations += _repeated("block_id", [found], block_ids, where)
        violations += _repeated("action_id", interactive_elements(found), set(), where)
    return violations


def _repeated(name: str, owners: list[Json], seen: set[str], pointer: str) -> Iterator[Violation]:
    for owner in owners:
        value = owner.get(name)
        if not isinstance(value, str):
            continue
        if value in seen:
            yield Violation(pointer, f"`{name}` {value!r} already exists")
        seen.add(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, part in cast("Json", value).items():
            if name == "text" and isinstance(part, str):
                yield part
            else:
                yield from _texts(part)


def _fill_text_defaults(value: Any) -> None:
    if isinstance(value, list):
        for item in cast("list[Any]", value):
            _fill_text_defaults(item)
    elif isinstance(value, dict):
        found = cast("Json", value)
        if found.get("type") == "plain_text":
            found.setdefault("emoji", True)
        elif found.get("type") == "mrkdwn":
            found.setdefault("verbatim", False)
        for part in found.values():
            _fill_text_defaults(part)


def _new_id() -> str:
    return secrets.token_urlsafe(4)[:5]
