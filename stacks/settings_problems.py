"""What is wrong with the settings, in words: every problem at once, by key, value and what is allowed.

A field's JSON schema says what is allowed: its numbers and words by themselves, the rest as `errorMessage`,
which editors show as well.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import ErrorDetails, PydanticCustomError

Path = tuple[str | int, ...]  # of a value within the settings, such as ("routes", 0, "approvers", 1)
_MOST_SHOWN = 80  # characters of a value


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the value at a path."""

    path: Path
    text: str


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
    refuse(*map(Unfit, unfit), *(Unfit(member, "each one once") for member in sorted(repeated)))
    return fit


def in_words(
    error: ValidationError, given: Mapping[str, Any], schema: Mapping[str, Any], texts: Mapping[Path, str]
) -> list[Problem]:
    """The problems of settings that were given.

    Parameters
    ----------
    schema
        The settings' JSON schema.
    texts
        By path: how a value was written, where it was read from a file.
    """
    # what pydantic says of a list that is empty without the members that it refused is no news
    errors = (one for one in error.errors() if one["type"] != "too_short" or not one["input"])
    # the members of one value may each have an error: it is one problem
    return list(dict.fromkeys(found for one in errors for found in _problems(one, given, schema, texts)))


def refusal(path: Path, value: Any, allowed: str) -> Problem:
    if value is None:
        return Problem(path, f"{name_of(path)} has no value. Use {allowed}.")
    return Problem(path, f"{name_of(path)}: {shown(value)} is not allowed. Use {allowed}.")


def name_of(path: Path) -> str:
    """A path as a user says it: ``routes[0].approvers``. A member of a list of words needs no number."""
    named = path[:-1] if isinstance(path[-1], int) and path[:-1] != ("routes",) else path
    name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in named)
    return name.removeprefix(".")


def shown(value: Any) -> str:
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _problems(
    error: ErrorDetails, given: Mapping[str, Any], schema: Mapping[str, Any], texts: Mapping[Path, str]
) -> Iterator[Problem]:
    location = error["loc"]
    path = _path(location, given)
    known = schema["properties"]
    in_route = location[0] == "routes" and len(location) > 2  # noqa: PLR2004  # a route has settings of its own
    if in_route:
        known = schema["$defs"]["Route"]["properties"]
    key = str(location[2 if in_route else 0])
    match error["type"]:
        case "missing":
            yield Problem(path, f"{name_of((*path, key))} is missing. Use {allowed(known[key])}.")
        case "extra_forbidden":
            meant = _meant(key, known) or " docs/settings.md lists them all."
            yield Problem(path, f"{name_of(path)} is not a setting.{meant}")
        case "refused":
            for one in error.get("ctx", {})["unfit"]:
                there = (*path, one.key) if one.key else _member(path, one.value, given)
                value = _at(there, given) if one.value is None else one.value
                yield _refused(there, value, one.allowed, known.get(key, {}), texts)
        case _:
            yield _refused(path, _at(path, given), "", known[key], texts)


def _refused(
    path: Path, value: Any, what: str, field: Mapping[str, Any], texts: Mapping[Path, str]
) -> Problem:
    """The problem of one value, with what most likely was meant."""
    if isinstance(value, (bool, int, float)):
        text = texts.get(path, json.dumps(value))
        if _takes(field, text):
            return Problem(path, f"{name_of(path)}: {text} without quotes is not text. Write '{text}'.")
    hint = _hint(path, value, field, texts)
    return Problem(path, refusal(path, value, what or allowed(field)).text + hint)


def _hint(path: Path, value: Any, field: Mapping[str, Any], texts: Mapping[Path, str]) -> str:
    match field.get("type"), value:
        case _, None if texts.get(path, "").lstrip().startswith("#"):
            return " What follows # is a comment: put text with # in quotes."
        case "integer" | "boolean", str() if re.fullmatch(r"0|[1-9][0-9]*|true|false", value):
            return f" Write {value}, without quotes."
        case "array", str() if isinstance(path[-1], str) and _takes(field, value):
            return f" Write ['{value}'], which is a list."
        case _, str():
            return _meant(value, _words(field))
        case _:
            return ""


def _meant(word: str, known: Iterable[str]) -> str:
    """The question whether one of the known words was meant; empty if none is close."""
    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return f" Did you mean '{by_lower[close[0]]}'?" if close else ""


def _words(field: Mapping[str, Any]) -> list[str]:
    """The words among which a field's values, or their members, have to be."""
    inner = [*field.get("anyOf", ()), *([field["items"]] if "items" in field else ())]
    own = (word for word in field.get("enum", ()) if isinstance(word, str))
    return [*own, *(word for one in inner for word in _words(one))]


def _takes(field: Mapping[str, Any], text: str) -> bool:
    """Whether a field is text, or has texts for members, and this could be one."""
    match field:
        case {"type": "string"}:
            return re.search(field.get("pattern", ""), text) is not None
        case {"items": inner} | {"additionalProperties": inner}:
            return _takes(inner, text)
        case _:
            return False


def _path(location: Path, given: Any) -> Path:
    """A location of pydantic's as far as it leads into what was given: it also names types and validators."""
    for length in range(len(location), 0, -1):
        try:
            _at(location[:length], given)
        except (LookupError, TypeError):
            continue
        return location[:length]
    return ()


def _at(path: Path, given: Any) -> Any:
    for step in path:
        given = given[step]
    return given


def _member(path: Path, value: Any, given: Any) -> Path:
    """The path of a list's member, the last one if it repeats, or else the path itself."""
    values = _at(path, given)
    if not isinstance(values, list) or value not in values:
        return path
    return (*path, len(values) - 1 - values[::-1].index(value))


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
