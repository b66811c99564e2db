"""The state machines' files: what of YAML they may use, and how they are filled in."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from stacks.strict_yaml import parse
from stacks.workflow_definition import filled_in, function_of, read_definition, states
from tests.infrastructure.test_retries import MACHINES


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("null", None), ("true", True), ("false", False),
        ("0", 0), ("-3", -3), ("30", 30), ("1.5", 1.5), ("1e3", 1000.0), ("-0.25E-2", -0.0025),
    ],
)  # fmt: skip
def test_jsons_scalars_are_read_as_json_does(written: str, read: Any) -> None:
    value = parse(f"key: {written}")["key"]
    assert (value, type(value)) == (read, type(read))


@pytest.mark.parametrize(
    "written",
    [
        "Yes", "no", "on", "Off", "True", "NULL", "~", "y", "010", "0o10", "0x1F", "0b1", "1:30", "1_000",
        "+1", ".5", "1.", ".inf", ".NaN", "2026-01-01", "2026-01-01T00:00:00Z", "=", "Unencrypted?",
        "${CheckEncryption}", "arn:${Partition}:states:::lambda:invoke",
    ],
)  # fmt: skip
def test_every_other_scalar_is_a_string(written: str) -> None:
    assert parse(f"key: {written}") == {"key": written}
    assert parse(f"{written}: key") == {written: "key"}


def test_a_merge_key_is_a_key_like_any_other() -> None:
    assert parse("<<: {a: 1}") == {"<<": {"a": 1}}


@pytest.mark.parametrize("text", ["a: 1\na: 1", "{a: 1, a: 2}", "b:\n  - {a: 1, 'a': 2}"])
def test_a_repeated_key_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(yaml.constructor.ConstructorError, match=r"(?s)the key 'a' is repeated.*line"):
        parse(text)


def test_no_python_object_is_made() -> None:
    with pytest.raises(yaml.constructor.ConstructorError):
        parse("!!python/object/apply:os.getcwd []")


def test_placeholders_and_time_outs_are_filled_in_at_any_depth() -> None:
    task = {"Type": "Task", "Resource": "arn:${Partition}:x", "Arguments": {"FunctionName": "${One}"}}
    waits = {**task, "TimeoutSeconds": "{% $states.input.waitSeconds %}"}
    definition = {"States": {"Map": {"ItemProcessor": {"States": {"Task": task, "Waits": waits}}}}}
    filled = filled_in(definition, {"Partition": "aws", "One": "arn:one"}, {"One": 45})
    inner = filled["States"]["Map"]["ItemProcessor"]["States"]
    expected = {"Type": "Task", "Resource": "arn:aws:x", "Arguments": {"FunctionName": "arn:one"}}
    assert inner["Task"] == {**expected, "TimeoutSeconds": 45}
    assert inner["Waits"] == {**expected, "TimeoutSeconds": "{% $states.input.waitSeconds %}"}
    assert "TimeoutSeconds" not in task


def test_a_function_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError, match="Missing"):
        filled_in({"FunctionName": "${Missing}"}, {}, {})


@pytest.mark.parametrize("machine", MACHINES)
def test_a_task_is_named_after_its_function(machine: str) -> None:
    tasks = {name: state for name, state in states(read_definition(machine)) if state["Type"] == "Task"}
    assert tasks
    assert {name: function_of(task) for name, task in tasks.items()} == {name: name for name in tasks}


@pytest.mark.parametrize("machine", MACHINES)
def test_states_are_in_reading_order(machine: str) -> None:
    """Each comes after one that leads to it."""
    definition = read_definition(machine)
    reached = {definition["StartAt"]}
    for name, state in definition["States"].items():
        assert name in reached
        rules = [*state.get("Choices", []), *state.get("Catch", [])]
        reached |= {state.get("Next"), state.get("Default"), *(rule["Next"] for rule in rules)}
