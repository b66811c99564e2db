"""What is wrong with the settings, in words: every problem at once, by key, value and what is allowed.

A field's JSON schema says what is allowed: its numbers and words by themselves, the rest as `errorMessage`,
which editors show as well.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import ErrorDetails, PydanticCustomError


@dataclass(frozen=True, slots=True)
class Unfit:
    """A value that can't be used.

    Attributes
    ----------
    allowed
        Empty where the field's schema says it.
    key
        The member of an object that has the value; empty for the field itself.
    """

    value: Any
    allowed: str = ""
    key: str = ""


def refuse(*unfit: Unfit) -> None:
    """Refuse each of the values, if there are any, from within a validator."""
    if unfit:
        raise PydanticCustomError("refused", "refused", {"unfit": unfit})


def each_once(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Validate a list, and name the members that don't fit or repeat rather than the whole list."""
    repeated = {str(member) for member in value if value.count(member) > 1} if isinstance(value, list) else ()
    try:
        fit, unfit = validate(value), list[Any]()
    except ValidationError as error:
        fit, unfit = None, [one["input"] for one in error.errors() if one["loc"]] or [value]
    refuse(*map(Unfit, [*unfit, *sorted(repeated)]))
    return fit


def in_words(error: ValidationError, given: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """The problems of settings that were given, of which `schema` is the JSON schema."""
    # the members of one value may each have an error: it is one problem
    return list(dict.fromkeys(line for one in error.errors() for line in _lines(one, given, schema)))


def problem(key: str, value: Any, allowed: str) -> str:
    return f"'{key}' is {value!r}; allowed is {allowed}."


def _lines(error: ErrorDetails, given: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    where, values, known = "", given, schema["properties"]
    match error["loc"]:
        case ("routes", int(index), str(key), *_):  # a route is an object with settings of its own
            where, values, known = f"routes[{index}].", given["routes"][index], _of_a_route(schema)
        case ("routes", int(index)) if error["type"] == "refused":
            for one in error.get("ctx", {})["unfit"]:
                yield problem(f"routes[{index}]", given["routes"][index], one.allowed)
            return
        case location:
            key = str(location[0])
    match error["type"]:
        case "missing":
            yield f"'{where}{key}' is missing; allowed is {allowed(known[key])}."
        case "extra_forbidden":
            close = difflib.get_close_matches(key, known, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            yield f"'{where}{key}' is no setting.{hint} The settings are {', '.join(sorted(known))}."
        case "refused":
            for one in error.get("ctx", {})["unfit"]:
                name = f"{where}{key}.{one.key}" if one.key else f"{where}{key}"
                yield problem(name, one.value, one.allowed or allowed(known[key]))
        case _:
            yield problem(f"{where}{key}", values[key], allowed(known[key]))


def _of_a_route(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schema["$defs"]["Route"]["properties"]


def allowed(field: Mapping[str, Any]) -> str:
    """What a field's schema allows, in words."""
    match field:
        case {"errorMessage": str(words)}:
            return words
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"a whole number from {low} to {high}"
        case {"type": "boolean"}:
            return "true or false"
        case {"enum": [*words]}:
            return f"one of {', '.join(map(str, words))}"
        case _:
            raise ValueError(field)
