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

    `as_whole`: a violation inside is preceded by Slack's "failed to match all allowed schemas".
    """

    shapes: Mapping[str, Shape]
    as_whole: bool = False


Kind: TypeAlias = Text | OneOf | Number | Flag | ListOf | Shape | Typed
Rule: TypeAlias = Callable[[Json, str], Iterator[Violation]]


# -- rules that span fields


def _either(*names: str) -> Rule:
    def rule(value: Json, pointer: str) -> Iterator[Violation]:
        if not any(name in value for name in names):
            yield Violation(pointer, "must define either " + " or ".join(f"`{name}`" for name in names))

    return rule


def _options(value: Json) -> list[Any]:
    options = value.get("options")
    return cast("list[Any]", options) if isinstance(options, list) else []


def _initial_is_an_option(value: Json, pointer: str) -> Iterator[Violation]:
    known = _options(value)
    if "initial_option" in value and value["initial_option"] not in known:
        yield Violation(f"{pointer}/initial_option", "must be one of the options")
    chosen = value.get("initial_options")
    initial = cast("list[Any]", chosen) if isinstance(chosen, list) else []
    for index, option in enumerate(initial):
        if option not in known:
            yield Violation(f"{pointer}/initial_options/{index}", "must be one of the options")
    most = value.get("max_selected_items")
    if isinstance(most, int) and len(initial) > most:
        yield Violation(f"{pointer}/initial_options", f"no more than {most} items allowed")


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
    return Typed({"plain_text": _plain_shape(longest)}, as_whole=True)


def _any_text(longest: int) -> Typed:
    return Typed(
        {"plain_text": _plain_shape(longest), "mrkdwn": _mrkdwn_shape(longest)},
        as_whole=True,
    )


_STYLE = OneOf(("primary", "danger"))
_CONFIRM = Shape(
    {"title": _plain(100), "text": _any_text(300), "confirm": _plain(30), "deny": _plain(30)},
    {"style": _STYLE},
)
_OPTION = Shape({"text": _plain(75), "value": Text(150)}, {"description": _plain(75)})
_LINK_OPTION = Shape({"text": _plain(75), "value": Text(150)}, {"description": _plain(75), "url": _URL})
_ACTION: Mapping[str, Kind] = {"action_id": _ID}
_CONFIRMED: Mapping[str, Kind] = {"confirm": _CONFIRM}
_FOCUSED: Mapping[str, Kind] = {**_ACTION, "focus_on_load": Flag(), "placeholder": _plain(150)}
_PICKED: Mapping[str, Kind] = {**_FOCUSED, **_CONFIRMED}
_OPTIONS: Mapping[str, Kind] = {"options": ListOf(_OPTION, 100)}
DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

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
    "static_select": Shape(_OPTIONS, {**_PICKED, "initial_option": _OPTION}, (_initial_is_an_option,)),
    "multi_static_select": Shape(
        _OPTIONS,
        {**_PICKED, "initial_options": ListOf(_OPTION, 100), "max_selected_items": Number(1)},
        (_initial_is_an_option,),
    ),
    "overflow": Shape({"options": ListOf(_LINK_OPTION, 5)}, {**_ACTION, **_CONFIRMED}),
    "datepicker": Shape({}, {**_PICKED, "initial_date": Text(pattern=DATE)}),
    "timepicker": Shape({}, {**_PICKED, "initial_time": Text(pattern=TIME), "timezone": Text(shortest=1)}),
    "plain_text_input": Shape(
        {},
        {
            **_FOCUSED,
            "initial_value": Text(3000),
            "multiline": Flag(),
            "min_length": Number(0, 3000),
            "max_length": Number(1, 3000),
        },
        (_lengths_agree,),
    ),
}


def _elements(*names: str) -> Typed:
    return Typed({name: _ELEMENTS[name] for name in names})


_PICKERS = ("static_select", "datepicker", "timepicker")
_IN_ACTIONS = _elements("button", "overflow", *_PICKERS)
_IN_CONTEXT = Typed({"plain_text": _plain_shape(3000), "mrkdwn": _mrkdwn_shape(3000)})
# a menu of several choices is not for actions: https://github.com/slackapi/python-slack-sdk/issues/1631
_IN_INPUT = _elements("plain_text_input", "multi_static_select", *_PICKERS)

_NAMED: Mapping[str, Kind] = {"block_id": _ID}

BLOCKS = Typed(
    {
        "section": Shape(
            {},
            {**_NAMED, "text": _any_text(3000), "fields": ListOf(_any_text(2000), 10)},
            (_either("fields", "text"),),
        ),
        "header": Shape({"text": _plain(150)}, _NAMED),
        "divider": Shape({}, _NAMED),
        "context": Shape({"elements": ListOf(_IN_CONTEXT, 10)}, _NAMED),
        "actions": Shape({"elements": ListOf(_IN_ACTIONS, 25)}, _NAMED),
        "input": Shape(
            {"label": _plain(2000), "element": _IN_INPUT},
            {**_NAMED, "hint": _plain(2000), "optional": Flag()},
        ),
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
            },
            (_submit_for_input,),
        )
    },
    as_whole=True,
)

# Real in Slack, unknown here: their refusal says which of the two lacks them.
_NOT_HERE = frozenset(
    {
        # blocks and elements
        "alert", "card", "carousel", "channels_select", "checkboxes", "color", "container", "context_actions",
        "conversations_select", "data_table", "datetimepicker", "email_text_input", "external_select",
        "feedback_buttons", "file", "file_input", "home", "icon_button", "image", "markdown",
        "multi_channels_select", "multi_conversations_select", "multi_external_select", "multi_users_select",
        "number_input", "plan", "radio_buttons", "rich_text", "rich_text_input", "table", "task_card", "team",
        "url_text_input", "users_select", "video", "workflow_button",
        # their properties
        "accessory", "clear_on_close", "dispatch_action", "dispatch_action_config", "expand", "external_id",
        "notify_on_close", "option_groups",
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
    places = [*_dicts(block.get("elements")), block.get("element")]
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
        yield Violation(f"{pointer}/type", f"unsupported type: {name}{_lack(name)}")
        return
    inside = list(_check_shape(found, shape, pointer, extra=("type",)))
    if inside and kind.as_whole:
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
            yield Violation(pointer, f"invalid additional property: {name}{_lack(name)}")
    for rule in shape.rules:
        yield from rule(found, pointer)


def _lack(name: str) -> str:
    return " (Slack has it, this stand-in does not)" if name in _NOT_HERE else ""


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
