"""A state machine's definition: read from its YAML file, and filled in for one deployment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stacks.strict_yaml import parse

WORKFLOWS = Path(__file__).with_name("workflows")

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def read_definition(workflow: str) -> dict[str, Any]:
    """Read ``workflows/<workflow>.asl.yaml``; its placeholders stay as they are."""
    return parse((WORKFLOWS / f"{workflow}.asl.yaml").read_text(encoding="utf-8"))


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
