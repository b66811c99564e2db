"""KMS: a key's metadata and its policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.gateways import aws
from lambdas.gateways.aws import error_code, translated

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_NOT_SHOWN = frozenset({"AccessDeniedException", "InvalidArnException", "NotFoundException"})


class Kms:
    """KMS in one region. Every call may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`."""

    def __init__(self, client: KMSClient | None = None) -> None:
        self._client = client or aws.client("kms")

    def describe_key(self, key_id: str) -> Mapping[str, Any] | None:
        """A key's metadata; None if there is no such key."""
        with translated("KMS"):
            try:
                return self._client.describe_key(KeyId=key_id)["KeyMetadata"]
            except ClientError as error:
                if error_code(error) == "NotFoundException":
                    return None
                raise

    def key_policy(self, key_arn: str) -> Mapping[str, Any] | None:
        """The policy of a key in this account; None if KMS refuses to show it."""
        with translated("KMS"):
            try:
                policy = self._client.get_key_policy(KeyId=key_arn, PolicyName="default")["Policy"]
            except ClientError as error:
                if error_code(error) in _NOT_SHOWN:
                    return None
                raise
        return json.loads(policy)


@cache
def kms() -> Kms:
    return Kms()
