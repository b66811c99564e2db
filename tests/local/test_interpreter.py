"""What replaces moto's evaluation of JSONata comes to the same as evaluating all that moto writes."""

from __future__ import annotations

import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
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

from local.aws.interpreter import evaluate

_PATH = re.compile(r"\$states((?:\.\w+)+)")
_EXPRESSION = re.compile(r"\{% (.*?) %\}")
_NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9).map(lambda number: round(number, 6))
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_STATES = st.fixed_dictionaries(
    {
        name: st.dictionaries(st.sampled_from(("a", "b", "outcome")), _JSON)
        for name in ("input", "context", "result", "errorOutput")
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


@given(data=st.data())
def test_the_machines_own_expressions(own: list[str], data: st.DataObject) -> None:
    expression = data.draw(st.sampled_from(own))
    states: dict[str, Any] = {"input": {}, "context": {}, "result": {}, "errorOutput": {}}
    for path in sorted(set(_PATH.findall(expression))):
        if data.draw(st.booleans(), label=path):
            _put(states, path.split(".")[1:], data.draw(_JSON))
    written = _written(expression, states=states)
    assert _outcome(evaluate, written) == _outcome(_whole, written)


def _put(members: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        members = members.setdefault(name, {})
    members[path[-1]] = value


@pytest.mark.parametrize("text", ['it says "no"', "a\\b", "two\nlines", "$x:=1;", ");$x"])
def test_a_text_that_moto_does_not_escape(text: str) -> None:
    """A variable that is a text stands between quotes just as it is."""
    written = _written("$said", said=text)
    assert _outcome(evaluate, written) == _outcome(_whole, written)


def test_a_function_declared_first_is_left_where_it_stands() -> None:
    written = '($twice:=function($x){ $x * 2 };$states:={"input":{"a":2}};$twice($states.input.a))'
    assert evaluate(written) == 4


def test_an_expression_is_parsed_once_whatever_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str | None] = []

    class Counted(Jsonata):
        def __init__(self, expr: str | None) -> None:
            parsed.append(expr)
            super().__init__(expr)

    monkeypatch.setattr("local.aws.interpreter.Jsonata", Counted)
    found = [evaluate(_written("$states.input.once + 1", states={"input": {"once": n}})) for n in range(5)]
    assert found == [1, 2, 3, 4, 5]
    assert parsed == ["($states.input.once + 1)"]


def test_a_value_is_no_number_of_json() -> None:
    """What can't be read as JSON is left to the parser, as before."""
    for value in ("NaN", "1" + 400 * "0"):
        written = f"($states:={{'a':{value}}};$states.a)".replace("'", '"')
        assert _outcome(evaluate, written) == _outcome(_whole, written)


def test_a_character_beyond_the_bmp_is_one() -> None:
    assert evaluate(_written("$length($states.input.a)", states={"input": {"a": "😀"}})) == 1


def test_executions_evaluate_side_by_side() -> None:
    """A function with an argument left open is parsed when it is evaluated."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            written = [
                _written("($f := $substring(?, 0, 4); $f($said))", said=f"{n:04}x") for n in range(200)
            ]
            assert list(pool.map(evaluate, written)) == [f"{n:04}" for n in range(200)]
    finally:
        sys.setswitchinterval(before)
