"""Requests checked against botocore's own model of the service, refused in the service's own words.

botocore's ParamValidator can't do it: it refuses a null that the service takes for absent, takes true for an
Integer, and knows neither patterns, enums nor maxima, so that a walk like this one would be needed beside it.

Fields that the model doesn't know pass: the service may be newer than any SDK (and the other way round).
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session

from local.sagemaker.errors import ServiceError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

Json = dict[str, Any]


@cache
def service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("sagemaker")


def check_request(operation: str, request: Json) -> None:
    """Raise what the service would answer to a request of the wrong form.

    Raises
    ------
    ServiceError
        `SerializationException` for a value of the wrong JSON type (the service can't read the request),
        `ValidationException` listing every violated constraint otherwise.
    """
    shape = service_model().operation_model(operation).input_shape
    violations = list(_violations(shape, request, "")) if shape else []
    if violations:
        count = f"{len(violations)} validation error{'s' if len(violations) > 1 else ''} detected: "
        raise invalid(count + "; ".join(violations))


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    _check_type(shape, value)
    yield from (_violation(value, path, constraint) for constraint in _constraints(shape, value))
    match shape.type_name:
        case "structure":
            yield from _structure_violations(cast("StructureShape", shape), value, path)
        case "list":
            yield from _list_violations(cast("ListShape", shape), value, path)
        case "map":
            yield from _map_violations(cast("MapShape", shape), value, path)
        case _:
            pass


def _structure_violations(shape: StructureShape, value: Json, path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        at = f"{path}.{_camel(name)}" if path else _camel(name)
        if value.get(name) is not None:
            yield from _violations(member, value[name], at)
        elif name in shape.required_members:
            yield f"Value null at '{at}' failed to satisfy constraint: Member must not be null"


def _list_violations(shape: ListShape, value: list[Any], path: str) -> Iterator[str]:
    if shape.member.type_name == "structure":
        for position, item in enumerate(value, start=1):
            yield from _violations(shape.member, item, f"{path}.{position}.member")
    else:
        # a list of plain values is blamed as a whole
        yield from _blame_whole("Member", shape.member, value, value, path)


def _map_violations(shape: MapShape, value: Json, path: str) -> Iterator[str]:
    yield from _blame_whole("Map keys", shape.key, list(value), value, path)
    yield from _blame_whole("Map value", shape.value, list(value.values()), value, path)


def _blame_whole(what: str, shape: Shape, items: list[Any], value: Any, path: str) -> Iterator[str]:
    for item in items:
        _check_type(shape, item)
    broken = {constraint: None for item in items for constraint in _constraints(shape, item)}
    if broken:
        yield _violation(value, path, f"{what} must satisfy constraint: [{', '.join(broken)}]")


def _violation(value: Any, path: str, constraint: str) -> str:
    return f"Value '{_shown(value)}' at '{path}' failed to satisfy constraint: {constraint}"


def _constraints(shape: Shape, value: Any) -> Iterator[str]:
    """The constraints on this value alone that it breaks."""
    limits = shape.metadata
    match shape.type_name:
        case "string" | "list" | "map":
            measure, noun = len(value), "length"
        case "integer" | "long" | "float" | "double":
            measure, noun = value, "value"
        case _:
            return
    if "min" in limits and measure < limits["min"]:
        yield f"Member must have {noun} greater than or equal to {limits['min']}"
    if shape.type_name == "string":
        allowed = cast("StringShape", shape).enum
        if allowed and value not in allowed:
            yield f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        pattern = limits.get("pattern")
        if pattern and not compiled(pattern).fullmatch(value):
            # recorded for a name of CreateEndpointConfig that is too long, too: only its pattern is named
            yield f"Member must satisfy regular expression pattern: {pattern}"
            return
    if "max" in limits and measure > limits["max"]:
        yield f"Member must have {noun} less than or equal to {limits['max']}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer()


_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "structure": (lambda v: isinstance(v, dict), "Structure"),
    "map": (lambda v: isinstance(v, dict), "Map"),
    "list": (lambda v: isinstance(v, list), "Collection"),
    "string": (lambda v: isinstance(v, str), "String"),
    "boolean": (lambda v: isinstance(v, bool), "Boolean"),
    "integer": (_is_integer, "Integer"),
    "long": (_is_integer, "Long"),
    "float": (_is_number, "Float"),
    "double": (_is_number, "Double"),
    "timestamp": (_is_number, "Date"),
}


def _check_type(shape: Shape, value: Any) -> None:
    fits, name = _TYPES[shape.type_name]
    if fits(value):
        return
    article = "an" if name[0] in "AEIOU" else "a"
    if isinstance(value, (dict, list)):
        raise ServiceError("SerializationException", "Start of structure or map found where not expected.")
    raise ServiceError("SerializationException", f"{_token(value)} can not be converted to {article} {name}")


def _token(value: Any) -> str:
    match value:
        case bool():
            return f"{str(value).upper()}_VALUE"
        case None:
            return "NULL_VALUE"
        case str():
            return "STRING_VALUE"
        case _:
            return "NUMBER_VALUE"


def _shown(value: Any) -> str:
    """A value as the service's messages print it."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(_shown(item) for item in cast('list[Any]', value))}]"
        case dict():
            items = cast("Json", value).items()
            return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in items) + "}"
        case _:
            return str(value)


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""The model's patterns are Java's: Python's `re` knows all they use but `\p{L}` and its like."""
    return re.compile(re.sub(r"\\p\{(\w)\}", lambda found: _category(found[1]), pattern))


@cache
def _category(letter: str) -> str:
    return _categories()[letter]


@cache
def _categories() -> dict[str, str]:
    """Every major Unicode category as the inside of a character class."""
    runs: defaultdict[str, list[list[int]]] = defaultdict(list)
    for code in range(sys.maxunicode + 1):
        of_category = runs[unicodedata.category(chr(code))[0]]
        if of_category and of_category[-1][1] == code - 1:
            of_category[-1][1] = code
        else:
            of_category.append([code, code])
    return {
        letter: "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
        for letter, ranges in runs.items()
    }
