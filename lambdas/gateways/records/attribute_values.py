"""DynamoDB's attribute values, as plain Python and back: what the records hold, and nothing else.

boto3's own converter comes with the whole of boto3 (its transfer manager, asyncio, multiprocessing), which
every cold start would pay for.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as an item's attributes.

    Raises
    ------
    TypeError
        A value is none that the records hold: fractions would come back as something else.
    """
    return {name: _to_attribute(value) for name, value in values.items()}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item's attributes as plain values."""
    return {name: _from_attribute(attribute) for name, attribute in item.items()}


def _to_attribute(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"NULL": True}
        case bool():  # before int, of which it is a kind
            return {"BOOL": value}
        case str():
            return {"S": str(value)}  # a StrEnum's member is text
        case int():
            return {"N": str(value)}
        case list() | tuple():
            return {"L": [_to_attribute(member) for member in value]}
        case Mapping():
            return {"M": to_item(value)}
        case _:
            raise TypeError(f"The records hold no {type(value).__name__}.")


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value)
        case "NULL":
            return None
        case "L":
            return [_from_attribute(member) for member in value]
        case "M":
            return from_item(value)
        case _:
            raise TypeError(f"The records hold no attribute of type {kind}.")
