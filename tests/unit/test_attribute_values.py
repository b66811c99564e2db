"""DynamoDB's attribute values: boto3's own converter is the second opinion."""

from __future__ import annotations

from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.vocabulary import Outcome
from lambdas.gateways.records.attribute_values import from_item, to_item

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@given(st.dictionaries(st.text(), PLAIN))
def test_values_come_back_as_they_were(values: dict[str, Any]) -> None:
    assert from_item(to_item(values)) == values


@given(PLAIN)
def test_what_is_sent_is_what_boto3_would_send(value: Any) -> None:
    ours = to_item({"it": value})["it"]
    assert ours == TypeSerializer().serialize(value)
    assert TypeDeserializer().deserialize(ours) == value


def test_a_word_of_the_vocabulary_is_text() -> None:
    assert to_item({"outcome": Outcome.ENCRYPTED}) == {"outcome": {"S": "ENCRYPTED"}}
    assert type(to_item({"outcome": Outcome.ENCRYPTED})["outcome"]["S"]) is str


@pytest.mark.parametrize("value", [0.5, b"bytes", {1, 2}])
def test_what_would_not_come_back_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="hold no"):
        to_item({"it": value})


@pytest.mark.parametrize("attribute", [{"B": b"x"}, {"SS": ["a"]}])
def test_what_nobody_wrote_is_not_guessed_at(attribute: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="no attribute of type"):
        from_item({"it": attribute})
