"""Plain values in and out of the table, and several items in one call."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.errors import Throttled
from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.table import Table
from tests.handlers.conftest import TABLE, Bench

_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)
_KEYS = [{"pk": f"thing#{number}", "sk": "thing"} for number in range(4)]


class _Kept:
    """DynamoDB with one item."""

    def put_item(self, *, Item: Mapping[str, Any], **_: Any) -> None:  # noqa: N803  # AWS's name
        self.item = Item

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {"Item": self.item}


class _Leaving:
    """DynamoDB that answers for `at_once` of the keys and leaves the others for the next call."""

    def __init__(self, at_once: int) -> None:
        self._client: Any = boto3.client("dynamodb")
        self._at_once = at_once
        self.calls = 0

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803  # AWS's name
        self.calls += 1
        asked = RequestItems[TABLE]
        now, later = asked["Keys"][: self._at_once], asked["Keys"][self._at_once :]
        answer: Any = (
            self._client.batch_get_item(RequestItems={TABLE: {**asked, "Keys": now}})
            if now
            else {"Responses": {}}
        )
        return {**answer, "UnprocessedKeys": {TABLE: {**asked, "Keys": later}} if later else {}}


@pytest.fixture
def table(bench: Bench) -> Table:
    del bench  # which has the table
    table = Table(TABLE)
    for number in (0, 1, 3):
        table.put(_KEYS[number], {"number": number})
    return table


def _leaving(at_once: int) -> tuple[Table, _Leaving]:
    client: Any = _Leaving(at_once)
    return Table(TABLE, client), client


@given(_PLAIN)
def test_values_come_back_as_they_were(value: Any) -> None:
    client: Any = _Kept()
    table = Table(TABLE, client)
    table.put(_KEYS[0], {"value": value})
    assert table.get(_KEYS[0]) == {"value": value}


def test_numbers_and_words_of_the_vocabulary_come_back_as_plain_ones(table: Table) -> None:
    values = {"number": 7, "outcome": Outcome.ENCRYPTED, "several": {1, 2}, "yes": True}
    table.put(_KEYS[2], {**values, "pair": (1, "a")})
    found: Any = table.get(_KEYS[2])
    assert found == {**values, "pair": [1, "a"]}
    assert [type(found[name]) for name in ("number", "outcome", "yes")] == [int, str, bool]


def test_a_float_is_refused_as_it_would_come_back_as_another_number(table: Table) -> None:
    with pytest.raises(TypeError, match="Float"):
        table.put(_KEYS[2], {"value": 0.5})
    assert table.get(_KEYS[2]) is None


def test_a_fraction_that_someone_else_wrote_is_not_cut() -> None:
    client: Any = _Kept()
    client.item = {"value": {"N": "0.5"}}
    assert Table(TABLE, client).get(_KEYS[0]) == {"value": Decimal("0.5")}


def test_items_come_in_the_order_of_their_keys(table: Table) -> None:
    asked = [_KEYS[3], _KEYS[2], _KEYS[0], _KEYS[3]]
    assert table.get_each(asked) == [{"number": 3}, None, {"number": 0}, {"number": 3}]
    assert table.get_each([]) == []


@pytest.mark.usefixtures("table")
def test_what_dynamodb_left_is_asked_again() -> None:
    table, client = _leaving(at_once=2)
    assert table.get_each(_KEYS) == [{"number": 0}, {"number": 1}, None, {"number": 3}]
    assert client.calls == 2


@pytest.mark.usefixtures("table")
def test_what_dynamodb_leaves_again_and_again_is_a_throttle() -> None:
    table, client = _leaving(at_once=0)
    with pytest.raises(Throttled, match="4 items unread"):
        table.get_each(_KEYS)
    assert client.calls == 3
