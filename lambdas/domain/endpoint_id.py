"""Which endpoint something is about: account, region and name.

Never an ARN, whose endpoint name was lower-cased by SageMaker for years (docs/facts.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

_ARN_PARTS = 6


@dataclass(frozen=True, slots=True, order=True)
class EndpointId:
    """An endpoint's account, region and name; as text ``111122223333/eu-west-1/fraud-model``."""

    account: str
    region: str
    name: str

    @classmethod
    def parse(cls, text: str) -> EndpointId:
        return cls(*text.split("/", 2))

    @classmethod
    def at(cls, arn: str, name: str) -> EndpointId:
        """The endpoint of that name in the account and region of an ARN; unknown if it isn't one."""
        parts = arn.split(":", _ARN_PARTS - 1)
        account, region = (parts[4], parts[3]) if len(parts) == _ARN_PARTS else ("", "")
        return cls(account, region, name)

    @classmethod
    def described(cls, endpoint: Mapping[str, Any]) -> EndpointId:
        """The id of an endpoint from its DescribeEndpoint body."""
        return cls.at(str(endpoint["EndpointArn"]), str(endpoint["EndpointName"]))

    @property
    def spoke(self) -> str:
        """The account and region."""
        return f"{self.account}/{self.region}"

    @property
    def key(self) -> str:
        """The same whatever the name's case: SageMaker's names are unique regardless of it."""
        return str(self).casefold()

    def named(self, name: str) -> EndpointId:
        return replace(self, name=name)

    def __str__(self) -> str:
        return f"{self.spoke}/{self.name}"
