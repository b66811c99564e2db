"""IAM's policy simulator, which moto lacks: Sealpoint asks it whether a role may use a user's key.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.responses import IamResponse

from local.aws.cloud import replace_method
from local.aws.iam.policy import Policy, Request, judge


def install(roles: Mapping[str, Sequence[Policy]]) -> None:
    """Answer SimulatePrincipalPolicy by the policies of `roles`, given by their ARNs."""

    def simulate(response: IamResponse) -> ActionResult:
        asked = response.params
        role = asked["PolicySourceArn"]
        if role not in roles:
            raise NotFoundException(f"The role with name {role.rpartition('/')[2]} cannot be found.")
        context = {
            entry["ContextKeyName"]: entry["ContextKeyValues"][0] for entry in asked.get("ContextEntries", [])
        }
        results = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": judge(roles[role], Request(action, resource, context)).decision.value,
            }
            for action in asked["ActionNames"]
            for resource in asked.get("ResourceArns", ["*"])
        ]
        return ActionResult({"EvaluationResults": results, "IsTruncated": False})

    replace_method(IamResponse, "simulate_principal_policy", simulate)
