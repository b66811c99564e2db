"""YAML with JSON's scalars, read in one way only.

YAML 1.1 reads `Yes` and `on` as booleans, `010` as 8 and `1:30` as 90, and lets the second of two equal keys
win, so that a state or a setting could vanish unnoticed. Here an unquoted scalar that isn't JSON's is a
string, and a repeated key is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

_NUMBER_STARTS = list("-0123456789")
# Of RFC 8259: the tag, what such a scalar looks like, and its possible first characters.
_SCALARS = (
    ("null", r"null", ["n"]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]*)", _NUMBER_STARTS),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", _NUMBER_STARTS),
)


class JsonLoader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # none of YAML 1.1's; the name is yaml's own

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key in repeated_keys(node):
            raise yaml.constructor.ConstructorError(
                "in the mapping", node.start_mark, f"the key {key.value!r} is repeated", key.start_mark
            )
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in _SCALARS:
    JsonLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def repeated_keys(node: yaml.MappingNode) -> Iterator[yaml.Node]:
    """Each key that an earlier one of the mapping equals."""
    seen = set[str]()
    for key, _ in node.value:
        if str(key.value) in seen:
            yield key
        seen.add(str(key.value))


def parse(text: str) -> dict[str, Any]:
    """Read YAML with JSON's scalars.

    Raises
    ------
    yaml.YAMLError
        The text isn't YAML, or a mapping repeats a key.
    """
    return yaml.load(text, JsonLoader)  # noqa: S506  # a SafeLoader
