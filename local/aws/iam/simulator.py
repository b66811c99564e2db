"""IAM's policy simulator, which moto lacks: Sealpoint asks it whether a role may use a user's key.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.responses import IamResponse

from local.aws.cloud import replace_method
from local.aws.iam.policy import Decision, Policy, Request, condition_keys, judge


def install(roles: Mapping[str, Sequence[Policy]], organization: Sequence[Policy] = ()) -> None:
    """Answer SimulatePrincipalPolicy by the policies of `roles`, given by their ARNs.

    Parameters
    ----------
    organization
        The account's service control policies, if it has any; a change applies to the next answer.
    """

    def simulate(response: IamResponse) -> ActionResult:
        asked = response.params
        role = asked["PolicySourceArn"]
        if role not in roles:
            raise NotFoundException(f"The role with name {role.rpartition('/')[2]} cannot be found.")
        context = {
            entry["ContextKeyName"]: entry["ContextKeyValues"][0] for entry in asked.get("ContextEntries", [])
        }
        results = [
            simulated(roles[role], organization, Request(action, resource, context))
            for action in asked["ActionNames"]
            for resource in asked.get("ResourceArns", ["*"])
        ]
        return ActionResult({"EvaluationResults": results, "IsTruncated": False})

    replace_method(IamResponse, "simulate_principal_policy", simulate)


def simulated(policies: Sequence[Policy], organization: Sequence[Policy], request: Request) -> dict[str, Any]:
    """One of `EvaluationResults`.

    It names the condition keys that identity policies miss, and not those of the organization's policies:
    github.com/openshift/installer/issues/1322, github.com/aws/aws-cli/issues/10525. The organization's
    refusal is as recorded in github.com/aws-containers/amazon-ecs-exec-checker/issues/70.
    """
    given = {key.lower() for key in request.context}
    own = judge(policies, request)
    result: dict[str, Any] = {
        "EvalActionName": request.action,
        "EvalResourceName": request.resource,
        "EvalDecision": own.decision.value,
        "MatchedStatements": [{"SourcePolicyType": "IAM Policy"}] if own.statement else [],
        "MissingContextValues": sorted({key for one in policies for key in condition_keys(one)} - given),
    }
    if organization:
        allowed = judge(organization, request).allowed
        result["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": allowed}
        if not allowed:
            refused = {"EvalDecision": Decision.IMPLICIT_DENY.value, "MatchedStatements": []}
            result |= refused | {"MissingContextValues": []}
    return result
