"""IAM: what a role's own policies allow, according to IAM's policy simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from lambdas.gateways import aws
from lambdas.gateways.aws import pages, translated

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient


class Iam:
    """Every call may raise `Throttled`, `ServiceUnavailable` or `RequestRefused`."""

    def __init__(self, client: IAMClient | None = None) -> None:
        self._client = client or aws.client("iam")

    def simulate(
        self, role_arn: str, actions: Sequence[str], resource: str, context: Sequence[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        """The simulator's verdict on each action, by the role's policies alone, not by resource policies.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
        """
        asked = {
            "PolicySourceArn": role_arn,
            "ActionNames": list(actions),
            "ResourceArns": [resource],
            "ContextEntries": list(context),
        }
        with translated("IAM"):
            found = pages(self._client.simulate_principal_policy, asked, "Marker")
            return [result for page in found for result in page["EvaluationResults"]]


@cache
def iam() -> Iam:
    return Iam()
