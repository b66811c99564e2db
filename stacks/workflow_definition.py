"""A state machine's definition: read from its YAML file, and filled in for one deployment.

YAML 1.1 reads `Yes` and `on` as booleans, `010` as 8 and `1:30` as 90, and lets the second of two equal keys
win, so that a state could vanish unnoticed. Here an unquoted scalar that isn't JSON's is a string, and a
repeated key is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

WORKFLOWS = Path(__file__).with_name("workflows")

_NUMBER_STARTS = list("-0123456789")
# Of RFC 8259: the tag, what such a scalar looks like, and its possible first characters.
_SCALARS = (
    ("null", r"null", ["n"]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]*)", _NUMBER_STARTS),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", _NUMBER_STARTS),
)
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class _JsonLoader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # none of YAML 1.1's; the name is yaml's own

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[str]()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    "in the mapping", node.start_mark, f"the key {key.value!r} is repeated", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in _SCALARS:
    _JsonLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def read_definition(workflow: str) -> dict[str, Any]:
    """Read ``workflows/<workflow>.asl.yaml``; its placeholders stay as they are."""
    return parse((WORKFLOWS / f"{workflow}.asl.yaml").read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, Any]:
    """Read YAML with JSON's scalars.

    Raises
    ------
    yaml.YAMLError
        The text isn't YAML, or a mapping repeats a key.
    """
    return yaml.load(text, _JsonLoader)  # noqa: S506  # a SafeLoader


def states(definition: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every state with its name, those within a Map included."""
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def function_of(task: Mapping[str, Any]) -> str:
    """The name of the function that a task invokes."""
    return task["Arguments"]["FunctionName"].removeprefix("${").removesuffix("}")


def has_distributed_map(definition: Mapping[str, Any]) -> bool:
    processors = (state.get("ItemProcessor", {}) for _, state in states(definition))
    return any(one.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED" for one in processors)


def filled_in(part: Any, values: Mapping[str, str], timeouts: Mapping[str, int]) -> Any:
    """A definition, or a part of it, with values for its placeholders.

    Parameters
    ----------
    timeouts
        By function: the TimeoutSeconds of each task that has none of its own.
    """
    match part:
        case str():
            return _PLACEHOLDER.sub(lambda found: values[found[1]], part)
        case list():
            return [filled_in(element, values, timeouts) for element in part]
        case dict():
            limit = {"TimeoutSeconds": timeouts[function_of(part)]} if part.get("Type") == "Task" else {}
            return {name: filled_in(member, values, timeouts) for name, member in {**limit, **part}.items()}
        case _:
            return part
