"""What a person can set in a message or a modal: values from the page in, Slack's state objects out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

from local.slack.block_kit import DATE, TIME, interactive_elements

Json = dict[str, Any]
Chosen: TypeAlias = str | list[str] | None
"""A value as a form has it: text, an option's value, a date, a time, or several options' values."""
Values: TypeAlias = Mapping[str, Mapping[str, Chosen]]
"""Chosen values by block id and action id."""

_ONE_OPTION = frozenset({"static_select", "overflow"})
_OPTIONS = "multi_static_select"
_PLAIN_VALUES = {
    "plain_text_input": ("value", "initial_value"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
}
_FORMATS = {"datepicker": DATE, "timepicker": TIME}


class InvalidChoiceError(ValueError):
    """A value that the element, as shown, doesn't let a person choose."""


def is_stateful(element: Json) -> bool:
    return element["type"] not in {"button", "overflow"}


def stateful_elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each block with each of its elements that keep a state."""
    for block in blocks:
        for element in interactive_elements(block):
            if is_stateful(element):
                yield block, element


def initial(element: Json) -> Chosen:
    """What is chosen before anyone chooses."""
    kind = element["type"]
    if kind == _OPTIONS:
        return [option["value"] for option in element.get("initial_options", [])]
    if kind in _ONE_OPTION:
        return element["initial_option"]["value"] if "initial_option" in element else None
    return element.get(_PLAIN_VALUES[kind][1])


def state_of(element: Json, chosen: Chosen) -> Json:
    """Slack's state object of an element.

    Raises
    ------
    InvalidChoiceError
    """
    kind = element["type"]
    if kind == _OPTIONS:
        wanted = chosen if isinstance(chosen, list) else [] if chosen is None else [chosen]
        return {"type": kind, "selected_options": [_option(element, value) for value in wanted]}
    if isinstance(chosen, list):
        raise InvalidChoiceError(f"A {kind} has one value.")
    if kind in _ONE_OPTION:
        return {"type": kind, "selected_option": _option(element, chosen) if chosen else None}
    if chosen and kind in _FORMATS and not _FORMATS[kind].fullmatch(chosen):
        raise InvalidChoiceError(f"{chosen!r} is nothing to choose in a {kind}.")
    return {"type": kind, _PLAIN_VALUES[kind][0]: chosen or None}


def state_values(blocks: list[Json], chosen: Values) -> Json:
    """`state.values` of a message or view: what was chosen, or else is chosen at first.

    Raises
    ------
    InvalidChoiceError
        Something was chosen that isn't there.
    """
    values: Json = {}
    for block, element in stateful_elements(blocks):
        mine = chosen.get(block["block_id"], {})
        name = element["action_id"]
        value = mine[name] if name in mine else initial(element)
        values.setdefault(block["block_id"], {})[name] = state_of(element, value)
    unknown = [
        (block_id, action_id)
        for block_id, actions in chosen.items()
        for action_id in actions
        if action_id not in values.get(block_id, {})
    ]
    if unknown:
        raise InvalidChoiceError(f"There is no input {unknown[0][1]!r} in block {unknown[0][0]!r}.")
    return values


def incomplete(blocks: list[Json], values: Json) -> dict[str, str]:
    """What keeps Slack's own client from submitting a modal: an explanation by block id."""
    problems: dict[str, str] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        state = values[block["block_id"]][element["action_id"]]
        value = next(part for name, part in state.items() if name != "type")
        problem = _problem(element, value, optional=block.get("optional", False))
        if problem:
            problems[block["block_id"]] = problem
    return problems


def _problem(element: Json, value: Any, *, optional: bool) -> str | None:
    if not value:
        return None if optional else "Please complete this required field."
    if isinstance(value, str):
        least, most = element.get("min_length", 0), element.get("max_length", 3000)
        if len(value) < least:
            return f"Please enter at least {least} characters."
        if len(value) > most:
            return f"Please enter at most {most} characters."
    most_options = element.get("max_selected_items")
    if isinstance(value, list) and most_options and len(cast("list[Any]", value)) > most_options:
        return f"Please select at most {most_options}."
    return None


def _option(element: Json, value: str) -> Json:
    for option in element["options"]:
        if option["value"] == value:
            return option
    raise InvalidChoiceError(f"There is no option {value!r}.")
