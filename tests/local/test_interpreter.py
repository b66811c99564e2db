"""What replaces moto's evaluation of JSONata comes to the same as evaluating all that moto writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from moto.stepfunctions.parser.asl.jsonata.jsonata import (
    compose_jsonata_expression,
    encode_jsonata_variable_declarations,
)

from local.interpreter import evaluate

_EXPRESSION = re.compile(r"\{% (.*?) %\}")
_NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9).map(lambda number: round(number, 6))
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_NAMES = ("input", "context", "result", "errorOutput", "Payload", "Execution", "Input", "Task", "Token")
_STATES = st.fixed_dictionaries(
    {
        name: st.dictionaries(st.sampled_from([*_NAMES, "outcome", "batches", "a"]), _JSON)
        for name in _NAMES[:4]
    }
)


def _written(expression: str, **variables: Any) -> str:
    """An expression as moto hands it over, its variables declared in front of it."""
    declared = encode_jsonata_variable_declarations({f"${name}": value for name, value in variables.items()})
    return compose_jsonata_expression(expression, [declared])


def _outcome(evaluated: Any, written: str) -> tuple[str, str]:
    try:
        return "value", json.dumps(evaluated(written))
    except JException as error:
        return "error", error.error


def _whole(written: str) -> Any:
    return Jsonata(written).evaluate(None)


_SAMPLES = (
    "$states", "$states.input", "$states.input.a", "$states.input.a[0]", "$states.input.a.b", "$states.*.a",
    "$exists($states.input.a)", "$type($states.input.a)", "$string($states.input)", "$count($states.input.a)",
    "$states.input.a = null", "[$states.input.a]", "[1, $states.input.a]", "$append($states.input.a, 1)",
    "$map($states.input.a, function($one) { $type($one) })", "($x := $states.input.a; [$x, $x])",
    "$merge([$states.input, {'b': $states.result.a}])", "$keys($states.input)", "$states.input.a & 'x'",
    "$sort($keys($states.input))", "$states.input.a{$string($): 1}", "$lookup($states.input, 'a')",
)  # fmt: skip


@given(states=_STATES, expression=st.sampled_from(_SAMPLES), about=st.sampled_from(("", "$exists", "$type")))
def test_declared_values_are_as_if_written(states: Any, expression: str, about: str) -> None:
    written = _written(expression, states=states)
    written = f"{about}({written})" if about else written
    assert _outcome(evaluate, written) == _outcome(_whole, written)


@pytest.fixture(scope="session")
def own(assembly: Path) -> list[str]:
    """The expressions of the synthesized state machines; they are JSON within the template's JSON."""
    texts = [template.read_text() for template in assembly.glob("*.template.json")]
    found = {json.loads(f'"{one}"') for text in texts for one in _EXPRESSION.findall(text)}
    return sorted(json.loads(f'"{one}"') for one in found)


@given(states=_STATES, data=st.data())
def test_the_machines_own_expressions(own: list[str], states: Any, data: st.DataObject) -> None:
    written = _written(data.draw(st.sampled_from(own)), states=states)
    assert _outcome(evaluate, written) == _outcome(_whole, written)


@pytest.mark.parametrize("text", ['it says "no"', "a\\b", "two\nlines", "$x:=1;", ");$x"])
def test_a_text_that_moto_does_not_escape(text: str) -> None:
    """A variable that is a text stands between quotes just as it is."""
    written = _written("$said", said=text)
    assert _outcome(evaluate, written) == _outcome(_whole, written)


def test_a_function_declared_first_is_left_where_it_stands() -> None:
    written = '($twice:=function($x){ $x * 2 };$states:={"input":{"a":2}};$twice($states.input.a))'
    assert evaluate(written) == 4
