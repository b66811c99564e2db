"""moto's DynamoDB under many callers at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.cloud import Cloud

_TABLE = "many-callers"
_NEVER = "attribute_exists(pk) AND attribute_not_exists(pk)"


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    cloud = Cloud()
    client = cloud.client("dynamodb", "us-east-1")
    client.create_table(
        TableName=_TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    yield client
    client.delete_table(TableName=_TABLE)
    cloud.stop()


def test_a_cancelled_transaction_takes_nothing_along(dynamodb: Any) -> None:
    """What moto does is to put back the whole table as it was before."""

    def write(number: int) -> None:
        item = {"pk": {"S": f"item-{number}"}, "sk": {"S": "record"}, "timeline": {"L": [{"S": "begun"}]}}
        dynamodb.put_item(TableName=_TABLE, Item=item)

    def cancelled(number: int) -> None:
        check = {"TableName": _TABLE, "Key": {"pk": {"S": "other"}, "sk": {"S": "claim"}}}
        put = {"TableName": _TABLE, "Item": {"pk": {"S": f"undone-{number}"}, "sk": {"S": "record"}}}
        with pytest.raises(ClientError, match="TransactionCanceled"):
            dynamodb.transact_write_items(
                TransactItems=[{"Put": put}, {"ConditionCheck": {**check, "ConditionExpression": _NEVER}}]
            )

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(write, number) for number in range(60)]
        done += [pool.submit(cancelled, number) for number in range(20)]
        for one in done:
            one.result()
    names = {item["pk"]["S"] for item in dynamodb.scan(TableName=_TABLE)["Items"]}
    assert names == {f"item-{number}" for number in range(60)}


def test_a_cancelled_transaction_puts_back_what_it_replaced(dynamodb: Any) -> None:
    before = [{"pk": {"S": "a"}, "sk": {"S": sk}, "value": {"S": "old"}} for sk in ("record", "claim")]
    for item in before:
        dynamodb.put_item(TableName=_TABLE, Item=item)
    replaced = {"TableName": _TABLE, "Item": {**before[0], "value": {"S": "new"}}}
    added = {"TableName": _TABLE, "Item": {"pk": {"S": "a"}, "sk": {"S": "added"}}}
    deleted = {"TableName": _TABLE, "Key": {name: before[1][name] for name in ("pk", "sk")}}
    check = {"TableName": _TABLE, "Key": {"pk": {"S": "b"}, "sk": {"S": "claim"}}}
    with pytest.raises(ClientError, match="TransactionCanceled"):
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": replaced},
                {"Put": added},
                {"Delete": deleted},
                {"ConditionCheck": {**check, "ConditionExpression": _NEVER}},
            ]
        )
    found = dynamodb.scan(TableName=_TABLE)["Items"]
    assert sorted(found, key=str) == sorted(before, key=str)


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_transactions_update_is_put_back_where_it_is_cancelled(dynamodb: Any, cancelled: bool) -> None:
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    dynamodb.put_item(TableName=_TABLE, Item={**key, "list": {"L": [{"S": "one"}]}})
    update = {
        "TableName": _TABLE,
        "Key": key,
        "UpdateExpression": "SET #list = list_append(#list, :more)",
        "ExpressionAttributeNames": {"#list": "list"},
        "ExpressionAttributeValues": {":more": {"L": [{"S": "two"}]}},
    }
    holds = "attribute_exists(pk)" if cancelled else "attribute_not_exists(pk)"
    check = {"TableName": _TABLE, "Key": {"pk": {"S": "c"}, "sk": {"S": "c"}}, "ConditionExpression": holds}
    with pytest.raises(ClientError) if cancelled else contextlib.nullcontext():
        dynamodb.transact_write_items(TransactItems=[{"Update": update}, {"ConditionCheck": check}])
    [found] = dynamodb.scan(TableName=_TABLE)["Items"]
    assert found["list"]["L"] == [{"S": "one"}, *([] if cancelled else [{"S": "two"}])]


def test_an_item_comes_back_as_it_was_put(dynamodb: Any) -> None:
    item: dict[str, Any] = {
        "pk": {"S": "a"},
        "sk": {"S": "b"},
        "count": {"N": "3"},
        "open": {"BOOL": True},
        "none": {"NULL": True},
        "list": {"L": [{"M": {"name": {"S": "x"}, "tags": {"L": []}}}]},
        "map": {"M": {}},
        "set": {"SS": ["p", "q"]},
    }
    dynamodb.put_item(TableName=_TABLE, Item=item)
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    assert dynamodb.get_item(TableName=_TABLE, Key=key)["Item"] == item
    changed = dynamodb.update_item(
        TableName=_TABLE,
        Key=key,
        UpdateExpression="SET #list = list_append(#list, :one)",
        ExpressionAttributeNames={"#list": "list"},
        ExpressionAttributeValues={":one": {"L": [{"S": "y"}]}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    assert changed == {**item, "list": {"L": [*item["list"]["L"], {"S": "y"}]}}
