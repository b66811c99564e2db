"""DynamoDB operations on the records table: plain values, every write conditional.

What must happen at most once depends on a condition that DynamoDB checks, never on a read before a write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from lambdas.domain.errors import Throttled
from lambdas.gateways import aws
from lambdas.gateways.aws import error_code, pages, translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Key = Mapping[str, str]
Values = Mapping[str, Any]
Appended = tuple[str, Sequence[Values]]  # to a list: its name, and the new entries

_NOT_CONTENT = frozenset({"pk", "sk", "expiresAt"})
_BATCH = 100  # keys that BatchGetItem takes
_BATCH_TRIES = 3
_BATCHES_AT_ONCE = 8
_CONDITION_FAILED = "ConditionalCheckFailedException"
_TRANSACTION_CANCELLED = "TransactionCanceledException"
_SERIALIZER, _DESERIALIZER = TypeSerializer(), TypeDeserializer()


class Table:
    """Every call may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`."""

    def __init__(self, name: str, client: DynamoDBClient | None = None) -> None:
        self.name = name
        self._client = client or aws.client("dynamodb")

    def get(self, key: Key) -> dict[str, Any] | None:
        """An item without its keys, as it is now."""
        with translated("DynamoDB"):
            response = self._client.get_item(TableName=self.name, Key=_to_item(key), ConsistentRead=True)
        item = response.get("Item")
        return _content(item) if item else None

    def get_each(self, keys: Sequence[Key], *, only: Sequence[str] = ()) -> list[dict[str, Any] | None]:
        """The items of any number of keys, in their order, as they are now; None for a missing one.

        Parameters
        ----------
        only
            The members to read; empty for all.
        """
        asked = [_to_item({"pk": pk, "sk": sk}) for pk, sk in {(key["pk"], key["sk"]) for key in keys}]
        batches = [asked[at : at + _BATCH] for at in range(0, len(asked), _BATCH)]
        found: dict[tuple[str, str], dict[str, Any]] = {}
        with ThreadPoolExecutor(_BATCHES_AT_ONCE) as pool:
            for items in pool.map(partial(self._get_batch, only=only), batches):
                found |= {(item["pk"]["S"], item["sk"]["S"]): _content(item) for item in items}
        return [found.get((key["pk"], key["sk"])) for key in keys]

    def _get_batch(self, keys: list[Any], *, only: Sequence[str]) -> list[dict[str, Any]]:
        members = {f"#{name}": name for name in ("pk", "sk", *only)} if only else {}
        projection: Any = (
            {"ProjectionExpression": ", ".join(members), "ExpressionAttributeNames": members} if only else {}
        )
        found, left = list[dict[str, Any]](), keys
        for _ in range(_BATCH_TRIES):
            request: Any = {self.name: {"Keys": left, "ConsistentRead": True, **projection}}
            with translated("DynamoDB"):
                response: Any = self._client.batch_get_item(RequestItems=request)
            found += response["Responses"].get(self.name, ())
            left = response.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys")
            if not left:
                return found
        raise Throttled(f"DynamoDB left {len(left)} items unread, {_BATCH_TRIES} times.")

    def put(
        self,
        key: Key,
        item: Values,
        condition: str = "",
        values: Values | None = None,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        """Put an item; False if the condition does not hold."""
        extra: Any = {"ConditionExpression": condition} if condition else {}
        extra |= {"ExpressionAttributeValues": _to_item(values)} if values else {}
        extra |= {"ExpressionAttributeNames": names} if names else {}
        with translated("DynamoDB"):
            try:
                self._client.put_item(TableName=self.name, Item=_to_item({**key, **item}), **extra)
            except ClientError as error:
                if error_code(error) != _CONDITION_FAILED:
                    raise
                return False
        return True

    def delete(
        self, key: Key, condition: str, values: Values, names: Mapping[str, str] | None = None
    ) -> None:
        """Delete an item, if the condition holds."""
        extra: Any = {"ExpressionAttributeNames": names} if names else {}
        with translated("DynamoDB"):
            try:
                self._client.delete_item(
                    TableName=self.name,
                    Key=_to_item(key),
                    ConditionExpression=condition,
                    ExpressionAttributeValues=_to_item(values),
                    **extra,
                )
            except ClientError as error:
                if error_code(error) != _CONDITION_FAILED:
                    raise

    def update(
        self,
        key: Key,
        facts: Values,
        condition: str,
        values: Values | None = None,
        *,
        appended: Appended | None = None,
    ) -> dict[str, Any] | None:
        """Set facts and append entries to a list; the new item, or None if the condition does not hold."""
        expression, names, settings = _assignments(facts, appended)
        return self.change(key, expression, condition, settings | dict(values or {}), names)

    def set(self, key: Key, facts: Values) -> bool:
        """Set facts of an item, and ask for nothing in return; False if there is no such item.

        For roles that may touch no other attribute (`dynamodb:Attributes`).
        """
        expression, names, settings = _assignments(facts, None)
        return (
            self.change(key, expression, "attribute_exists(pk)", settings, names, returned="NONE") is not None
        )

    def change(
        self,
        key: Key,
        expression: str,
        condition: str,
        values: Values,
        names: Mapping[str, str],
        *,
        returned: Literal["ALL_NEW", "NONE"] = "ALL_NEW",
    ) -> dict[str, Any] | None:
        """Apply an update expression; the new item, or None if the condition does not hold."""
        extra: Any = {"ExpressionAttributeValues": _to_item(values)} if values else {}
        extra |= {"ExpressionAttributeNames": names} if names else {}
        with translated("DynamoDB"):
            try:
                response = self._client.update_item(
                    TableName=self.name,
                    Key=_to_item(key),
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ReturnValues=returned,
                    **extra,
                )
            except ClientError as error:
                if error_code(error) != _CONDITION_FAILED:
                    raise
                return None
        return _content(response.get("Attributes", {}))

    def together(self, *writes: tuple[str, Key, Mapping[str, Any]]) -> bool:
        """Apply all writes or none; False if the condition of the first does not hold.

        Parameters
        ----------
        writes
            The kind of each (``Put``, ``Update``, ``ConditionCheck``), its item's key, and its other members.
            The values in ``Item`` and ``ExpressionAttributeValues`` are plain.

        Raises
        ------
        Throttled
            Another write to the same items was under way, or another condition does not hold.
        """
        transaction: Any = [{kind: self._write(kind, key, members)} for kind, key, members in writes]
        with translated("DynamoDB"):
            try:
                self._client.transact_write_items(TransactItems=transaction)
            except ClientError as error:
                if error_code(error) != _TRANSACTION_CANCELLED:
                    raise
                reasons: Any = error.response.get("CancellationReasons") or [{}]
                if reasons[0].get("Code") == "ConditionalCheckFailed":
                    return False
                raise Throttled("DynamoDB cancelled the transaction; it is tried again.") from error
        return True

    def items(
        self, pk: str, *, begins_with: str, after: str = "", most: int | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The items of one partition, each with its `sk`, in that order.

        Parameters
        ----------
        after
            Only those whose `sk` comes after this one.
        most
            How many at most; None for all.
        """
        values = {":pk": pk, ":begins": begins_with}
        asked: Any = {"TableName": self.name, "ConsistentRead": True}
        asked["KeyConditionExpression"] = "pk = :pk AND begins_with(sk, :begins)"
        asked["ExpressionAttributeValues"] = _to_item(values)
        if after:
            asked["ExclusiveStartKey"] = _to_item({"pk": pk, "sk": after})
        if most is not None:
            asked["Limit"] = most
        with translated("DynamoDB"):
            found = pages(self._client.query, asked, "ExclusiveStartKey", "LastEvaluatedKey")
            for item in islice(chain.from_iterable(page["Items"] for page in found), most):
                yield str(item["sk"].get("S")), _content(item)

    def indexed(
        self, index: str, member: str, value: str, *, newest: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The items of an index whose `member` has a value; if `newest`, only the last one."""
        asked: Any = {"TableName": self.name, "IndexName": index}
        asked["KeyConditionExpression"] = f"{member} = :value"
        asked["ExpressionAttributeValues"] = _to_item({":value": value})
        with translated("DynamoDB"):
            if newest:
                yield from map(
                    _content, self._client.query(**asked, ScanIndexForward=False, Limit=1)["Items"]
                )
                return
            for page in pages(self._client.query, asked, "ExclusiveStartKey", "LastEvaluatedKey"):
                yield from map(_content, page["Items"])

    def scanned(self, index: str, *, only: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """All items of an index, each with `only` these members if any are named."""
        asked: Any = {"TableName": self.name, "IndexName": index}
        if only:
            asked["ProjectionExpression"] = ", ".join(f"#{name}" for name in only)
            asked["ExpressionAttributeNames"] = {f"#{name}": name for name in only}
        with translated("DynamoDB"):
            for page in pages(self._client.scan, asked, "ExclusiveStartKey", "LastEvaluatedKey"):
                yield from map(_content, page["Items"])

    @staticmethod
    def assigning(facts: Values, condition: str, appended: Appended | None = None) -> Mapping[str, Any]:
        """The members of an ``Update`` that `together` is given: what `update` would do."""
        expression, names, settings = _assignments(facts, appended)
        return {
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": settings,
        }

    def _write(self, kind: str, key: Key, members: Mapping[str, Any]) -> dict[str, Any]:
        values = members.get("ExpressionAttributeValues")
        write = {**members, "TableName": self.name}
        if values:
            write["ExpressionAttributeValues"] = _to_item(values)
        if kind == "Put":
            return write | {"Item": _to_item({**key, **members["Item"]})}
        return write | {"Key": _to_item(key)}


def _assignments(facts: Values, appended: Appended | None) -> tuple[str, dict[str, str], dict[str, Any]]:
    """An update expression, with its names and values."""
    names = {f"#{name}": name for name in facts}
    assignments = [f"#{name} = :set_{name}" for name in facts]
    settings: dict[str, Any] = {f":set_{name}": value for name, value in facts.items()}
    if appended is not None:  # the list itself is never rewritten
        names["#list"] = appended[0]
        assignments.append("#list = list_append(if_not_exists(#list, :nothing), :new)")
        settings |= {":nothing": [], ":new": [dict(entry) for entry in appended[1]]}
    return f"SET {', '.join(assignments)}", names, settings


def _content(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _plain(_DESERIALIZER.deserialize(attribute))
        for name, attribute in item.items()
        if name not in _NOT_CONTENT
    }


def _to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as an item's attributes.

    Raises
    ------
    TypeError
        A value is a float, which DynamoDB does not keep exactly.
    """
    return {name: _SERIALIZER.serialize(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """A value as it was before it was stored: boto3 returns every number as a Decimal.

    A fraction stays one. Nothing here writes any.
    """
    match value:
        case Decimal():
            return int(value) if value == int(value) else value
        case list():
            return [_plain(member) for member in value]
        case set():
            return {_plain(member) for member in value}
        case dict():
            return {name: _plain(member) for name, member in value.items()}
        case _:
            return value
