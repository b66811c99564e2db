"""Which permissions a call of AWS needs: its own action, and those that AWS checks of the caller besides.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.aws.iam.policy import Request

Parameters = Mapping[str, Any]

# What a request's context may hold here. A policy that asks about another key can't be judged: that the key
# is absent from a request would be this file's doing, not AWS's.
CONDITION_KEYS = frozenset(
    {
        "aws:principalarn",
        "aws:tagkeys",
        "dynamodb:attributes",
        "dynamodb:leadingkeys",
        "events:source",
        "iam:passedtoservice",
        "kms:viaservice",
        "sagemaker:taggingaction",
        "sagemaker:volumekmskey",
    }
)


class UnknownCallError(Exception):
    """A call that this file doesn't know."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what AWS knows that the call doesn't say.

    Parameters
    ----------
    asks
        The state machine whose task tokens there are to answer: a token names none.
    secrets_key
        The KMS key that the stack's secrets are under: a call for a secret names none.
    """

    role_arn: str
    session: str
    region: str
    asks: str
    secrets_key: str

    @property
    def account(self) -> str:
        return self.role_arn.split(":")[4]

    @property
    def user_arn(self) -> str:
        """The session's ARN, which is what AWS's refusals name."""
        role = self.role_arn.rpartition("/")[2]
        return f"arn:aws:sts::{self.account}:assumed-role/{role}/{self.session}"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


_Needs = Callable[[Parameters, Caller], Iterator[Request]]


def requests_of(service: str, operation: str, parameters: Parameters, caller: Caller) -> list[Request]:
    """The requests that IAM judges for a call; all of them have to be allowed.

    Parameters
    ----------
    service
        As botocore's events name it, such as ``sagemaker`` or ``secrets-manager``.

    Raises
    ------
    UnknownCallError
    """
    needs = _NEEDS.get(f"{service}.{operation}")
    if needs is None:
        raise UnknownCallError(
            f"Which permissions does {service}.{operation} need? Write it into local/aws/iam/calls.py."
        )
    known = {"aws:PrincipalArn": caller.role_arn}
    return [
        Request(request.action, request.resource, {**known, **request.context})
        for request in needs(parameters, caller)
    ]


def _on(action: str, resource: Callable[[Parameters, Caller], str]) -> _Needs:
    """A call that needs one action on one resource."""

    def needs(parameters: Parameters, caller: Caller) -> Iterator[Request]:
        yield Request(action, resource(parameters, caller))

    return needs


# -- SageMaker


def _sagemaker(action: str, kind: str, member: str) -> _Needs:
    return _on(f"sagemaker:{action}", lambda given, caller: _named(kind, given[member], caller))


def _named(kind: str, name: str, caller: Caller) -> str:
    return caller.arn("sagemaker", f"{kind}/{name}")


def _on_tagged(action: str) -> _Needs:
    """A call on a resource's tags; `aws:TagKeys` has those that the request names, if it names any.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-tagkeys
    """

    def needs(given: Parameters, _: Caller) -> Iterator[Request]:
        keys = [tag["Key"] for tag in given.get("Tags", ())] or list(given.get("TagKeys", ()))
        yield Request(f"sagemaker:{action}", given["ResourceArn"], {"aws:TagKeys": keys} if keys else {})

    return needs


def _create_endpoint_config(given: Parameters, caller: Caller) -> Iterator[Request]:
    config = _named("endpoint-config", given["EndpointConfigName"], caller)
    key = given.get("KmsKeyId")
    yield Request("sagemaker:CreateEndpointConfig", config, {"sagemaker:VolumeKmsKey": key} if key else {})
    if tags := given.get("Tags"):
        at_creation = {"sagemaker:TaggingAction": "CreateEndpointConfig"}
        keys = [tag["Key"] for tag in tags]
        yield Request("sagemaker:AddTags", config, {"aws:TagKeys": keys, **at_creation})
    if role := given.get("ExecutionRoleArn"):
        yield Request("iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"})
    if key:
        # the instance volume is reached through a grant that SageMaker makes in the caller's name
        via = {"kms:ViaService": f"sagemaker.{caller.region}.amazonaws.com"}
        yield Request("kms:CreateGrant", _key(key, caller), via)
        yield Request("kms:DescribeKey", _key(key, caller), via)


def _update_endpoint(given: Parameters, caller: Caller) -> Iterator[Request]:
    # on the config as well: github.com/aws/aws-cdk/issues/11594
    for kind, member in (("endpoint", "EndpointName"), ("endpoint-config", "EndpointConfigName")):
        yield Request("sagemaker:UpdateEndpoint", _named(kind, given[member], caller))
    rollback = given.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {})
    for alarm in rollback.get("Alarms", []):
        yield Request("cloudwatch:DescribeAlarms", caller.arn("cloudwatch", f"alarm:{alarm['AlarmName']}"))


# -- KMS


def _key(key_id: str, caller: Caller) -> str:
    """A key's ARN. IAM judges the key that an alias leads to, and which one that is only KMS knows."""
    if ":key/" in key_id:
        return key_id
    return caller.arn("kms", f"key/{key_id.rpartition(':')[2]}")


def _kms(action: str) -> _Needs:
    return _on(f"kms:{action}", lambda given, caller: _key(given["KeyId"], caller))


def _get_secret_value(given: Parameters, caller: Caller) -> Iterator[Request]:
    yield Request("secretsmanager:GetSecretValue", given["SecretId"])
    # Secrets Manager decrypts it in the caller's name
    via = {"kms:ViaService": f"secretsmanager.{caller.region}.amazonaws.com"}
    yield Request("kms:Decrypt", caller.secrets_key, via)


# -- DynamoDB
#
# `dynamodb:LeadingKeys` has the partition key's values, in any call that names some: a scan has none.
# `dynamodb:Attributes` has the top-level attributes that a call names, the keys included; a read without a
# projection names none but its key.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html#FGAC_DDB.ConditionKeys

_EXPRESSIONS = (
    "ProjectionExpression", "UpdateExpression", "ConditionExpression", "KeyConditionExpression",
    "FilterExpression",
)  # fmt: skip
_PARTITION_KEY = "pk"  # the tables' own; an index is queried by its own
_EQUALITY = re.compile(r"([#\w]+)\s*=\s*(:\w+)")
# a name stands at the start of a document path, and is neither a value nor a function
_NAME = re.compile(r"(?<![:#\w.])(?:#\w+|[A-Za-z_]\w*)\b(?!\s*\()")
_WORDS = frozenset({"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "IN", "BETWEEN"})


def _table(given: Parameters, caller: Caller) -> str:
    return caller.arn("dynamodb", f"table/{given['TableName']}")


def _table_or_index(given: Parameters, caller: Caller) -> str:
    """A query of an index needs permission on that, not on its table."""
    index = given.get("IndexName")
    return f"{_table(given, caller)}/index/{index}" if index else _table(given, caller)


def _on_items(action: str, given: Parameters, caller: Caller) -> Request:
    keys = given.get("Keys") or [given.get("Key") or given.get("Item") or {}]
    leading = sorted({key[_PARTITION_KEY]["S"] for key in keys if _PARTITION_KEY in key})
    if condition := given.get("KeyConditionExpression"):
        leading = [_queried(condition, given)]
    names = given.get("ExpressionAttributeNames", {})
    attributes = {name for key in keys for name in key}
    for expression in filter(None, map(given.get, _EXPRESSIONS)):
        found = {word for word in _NAME.findall(expression) if word.upper() not in _WORDS}
        attributes |= {names.get(word, word) for word in found}
    context = {"dynamodb:LeadingKeys": leading, "dynamodb:Attributes": sorted(attributes)}
    return Request(
        f"dynamodb:{action}",
        _table_or_index(given, caller),
        {name: values for name, values in context.items() if values},
    )


def _queried(condition: str, given: Parameters) -> str:
    """The partition key's value that a query names: the one that is compared by `=`."""
    equality = _EQUALITY.search(condition)
    if equality is None:
        raise UnknownCallError(f"A query without a partition key: {condition}")
    return given["ExpressionAttributeValues"][equality[2]]["S"]


def _dynamodb(action: str) -> _Needs:
    def needs(given: Parameters, caller: Caller) -> Iterator[Request]:
        yield _on_items(action, given, caller)

    return needs


_IN_TRANSACTION = {
    "ConditionCheck": "ConditionCheckItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem",
}  # fmt: skip


def _batch_get_item(given: Parameters, caller: Caller) -> Iterator[Request]:
    for table, asked in given["RequestItems"].items():
        yield _on_items("BatchGetItem", {"TableName": table, **asked}, caller)


def _transact_write_items(given: Parameters, caller: Caller) -> Iterator[Request]:
    for item in given["TransactItems"]:
        for kind, asked in item.items():
            yield _on_items(_IN_TRANSACTION[kind], asked, caller)


def _put_events(given: Parameters, caller: Caller) -> Iterator[Request]:
    """AWS lets no client put what claims to come from one of its services: that isn't for IAM to allow."""
    for entry in given["Entries"]:
        bus = caller.arn("events", f"event-bus/{entry.get('EventBusName', 'default')}")
        yield Request("events:PutEvents", bus, {"events:source": [entry["Source"]]})


def _create_schedule(given: Parameters, caller: Caller) -> Iterator[Request]:
    yield Request(
        "scheduler:CreateSchedule", caller.arn("scheduler", f"schedule/{given['GroupName']}/{given['Name']}")
    )
    yield Request(
        "iam:PassRole", given["Target"]["RoleArn"], {"iam:PassedToService": "scheduler.amazonaws.com"}
    )


_NEEDS: dict[str, _Needs] = {
    "sagemaker.DescribeEndpoint": _sagemaker("DescribeEndpoint", "endpoint", "EndpointName"),
    "sagemaker.DescribeEndpointConfig": _sagemaker(
        "DescribeEndpointConfig", "endpoint-config", "EndpointConfigName"
    ),
    "sagemaker.DescribeModel": _sagemaker("DescribeModel", "model", "ModelName"),
    "sagemaker.ListEndpoints": _on("sagemaker:ListEndpoints", lambda _, __: "*"),
    "sagemaker.CreateEndpointConfig": _create_endpoint_config,
    "sagemaker.DeleteEndpointConfig": _sagemaker(
        "DeleteEndpointConfig", "endpoint-config", "EndpointConfigName"
    ),
    "sagemaker.UpdateEndpoint": _update_endpoint,
    "sagemaker.ListTags": _on_tagged("ListTags"),
    "sagemaker.AddTags": _on_tagged("AddTags"),
    "sagemaker.DeleteTags": _on_tagged("DeleteTags"),
    "dynamodb.GetItem": _dynamodb("GetItem"),
    "dynamodb.BatchGetItem": _batch_get_item,
    "dynamodb.PutItem": _dynamodb("PutItem"),
    "dynamodb.UpdateItem": _dynamodb("UpdateItem"),
    "dynamodb.DeleteItem": _dynamodb("DeleteItem"),
    "dynamodb.Query": _dynamodb("Query"),
    "dynamodb.Scan": _dynamodb("Scan"),
    "dynamodb.TransactWriteItems": _transact_write_items,
    "kms.DescribeKey": _kms("DescribeKey"),
    "kms.GetKeyPolicy": _kms("GetKeyPolicy"),
    "iam.SimulatePrincipalPolicy": _on(
        "iam:SimulatePrincipalPolicy", lambda given, _: given["PolicySourceArn"]
    ),
    "cloudtrail.LookupEvents": _on("cloudtrail:LookupEvents", lambda _, __: "*"),
    "organizations.DescribeOrganization": _on("organizations:DescribeOrganization", lambda _, __: "*"),
    "secrets-manager.GetSecretValue": _get_secret_value,
    "sfn.StartExecution": _on("states:StartExecution", lambda given, _: given["stateMachineArn"]),
    "scheduler.CreateSchedule": _create_schedule,
    "sfn.GetExecutionHistory": _on("states:GetExecutionHistory", lambda given, _: given["executionArn"]),
    "eventbridge.PutEvents": _put_events,
    "sfn.SendTaskSuccess": _on("states:SendTaskSuccess", lambda _, caller: caller.asks),
}
