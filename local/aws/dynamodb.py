"""moto's DynamoDB, made fit for a thousand callers: one request after the other, and small transactions.

moto handles requests side by side without a lock, and copies a whole table, item by item, before each
transaction: one that fails takes along what others wrote meanwhile.
"""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

_one_at_a_time = threading.RLock()
_call_action: Callable[[DynamoHandler], Any] = DynamoHandler.call_action
_transact_write_items: Callable[..., None] = DynamoDBBackend.transact_write_items
_serialize_structure: Callable[..., None] = vars(BaseJSONSerializer)["_serialize_type_structure"]


def install() -> None:
    """Applies to the whole process."""
    written: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)  # by a transaction: keys, by table

    def call_action(self: DynamoHandler) -> Any:
        with _one_at_a_time:
            return _call_action(self)

    def transact_write_items(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        try:
            for write in (write for item in transact_items for write in item.values()):
                written[write["TableName"]].append(write.get("Key") or write["Item"])
            _transact_write_items(self, transact_items)
        finally:
            written.clear()

    def deep_copied(self: Table, _memo: dict[int, Any]) -> Table:
        copied = copy.copy(self)
        copied.items = self.items.copy()
        keys = [DynamoType(key[self.hash_key_attr]) for key in written.get(self.name, ())]
        for partition in (set(keys) & copied.items.keys()) if written else self.items.keys():
            # a put or a delete replaces an item; an update changes the item itself
            kept = copied.items[partition]
            copied.items[partition] = copy.deepcopy(kept) if written else dict(kept)
        return copied

    def serialize_structure(
        self: BaseJSONSerializer, serialized: dict[str, Any], value: Any, shape: Any, key: str
    ) -> None:
        if shape.name == "AttributeValue":
            serialized[key] = _as_sent(value)  # moto asks each value for all ten members that it may have
        else:
            _serialize_structure(self, serialized, value, shape, key)

    for owner, name, replacement in (
        (DynamoHandler, "call_action", call_action),
        (BaseJSONSerializer, "_serialize_type_structure", serialize_structure),
        (DynamoDBBackend, "transact_write_items", transact_write_items),
        (Table, "__deepcopy__", deep_copied),
    ):
        setattr(owner, name, replacement)


def _as_sent(value: Any) -> Any:
    """An attribute's value in DynamoDB's own JSON."""
    if isinstance(value, DynamoType):
        return {value.type: _as_sent(value.value)}
    if isinstance(value, dict):
        return {key: _as_sent(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_sent(member) for member in value]
    return value
