"""What IAM's policy simulator says about a role's own policies. It takes no key policy for a role.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.domain.encryption.key_policy import KeyAccess, Use


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why it isn't certain that a role may use a key, as a clause for a card.

    Attributes
    ----------
    grave
        Whether the use is not shown to be allowed. Otherwise all that could be judged allows it.
    """

    why: str
    grave: bool = True


def judge_simulation(results: Sequence[Mapping[str, Any]], access: KeyAccess) -> Doubt | None:
    """What the role's own policies have against its use of the key; None if they let it.

    Parameters
    ----------
    results
        The `EvaluationResults` of IAM's SimulatePrincipalPolicy, of all its pages and for all the actions.
    """
    if access is KeyAccess.NOT_SHOWN:
        return Doubt("its key policy does not allow it")
    if not results:
        return Doubt("the role's IAM policies could not be evaluated")
    doubts = [doubt for result in results if (doubt := _doubt(result, access))]
    return next((doubt for doubt in doubts if doubt.grave), doubts[0] if doubts else None)


def simulation_context(use: Use) -> list[dict[str, Any]]:
    """The `ContextEntries` of SimulatePrincipalPolicy: what is known of the call.

    Conditions of the organization's policies are evaluated without the keys that are left out here, and the
    answer doesn't name them (https://github.com/aws/aws-cli/issues/10525).
    """
    account, organization = use.role_arn.split(":")[4], use.organization
    known = {
        "kms:ViaService": use.via_service,
        "kms:CallerAccount": account,
        "aws:RequestedRegion": str(use.key["Arn"]).split(":")[3],
        "aws:PrincipalArn": use.role_arn,
        "aws:PrincipalAccount": account,
        "aws:PrincipalOrgID": organization,
        "aws:ResourceAccount": account,
        "aws:ResourceOrgID": organization,
        "aws:SecureTransport": "true",
        "aws:ViaAWSService": "true",
    }
    return [
        {
            "ContextKeyName": key,
            "ContextKeyValues": [value],
            "ContextKeyType": "boolean" if value == "true" else "string",
        }
        for key, value in known.items()
        if value
    ]


def _doubt(result: Any, access: KeyAccess) -> Doubt | None:
    if not isinstance(result, Mapping):
        return Doubt("the role's IAM policies could not be evaluated")
    action, decision = result.get("EvalActionName") or "it", result.get("EvalDecision")
    if _refused(result.get("PermissionsBoundaryDecisionDetail"), "AllowedByPermissionsBoundary"):
        why = f"the role's permissions boundary does not allow {action}"
    elif decision == "explicitDeny":
        why = f"the role's IAM policies deny {action}"
    elif decision != "allowed" and (access is KeyAccess.DELEGATED or decision != "implicitDeny"):
        why = f"the role's IAM policies do not allow {action}"
    else:
        why = ""
    # For want of a context key, the simulator says "denied" of what roles do daily (docs/facts.md).
    by_its_own = result.get("MatchedStatements") or why.startswith("the role's permissions boundary")
    if _refused(result.get("OrganizationsDecisionDetail"), "AllowedByOrganizations") and not by_its_own:
        judged = decision in ("allowed", "implicitDeny", "explicitDeny")
        return Doubt(
            f"IAM's simulator could not judge the organization's policies on {action}",
            grave=access is KeyAccess.DELEGATED or not judged,
        )
    missing = result.get("MissingContextValues")
    if why and missing:
        keys = " and ".join(map(str, missing)) if isinstance(missing, list) else str(missing)
        why = f"IAM's simulator could not judge the role's policies on {action}, which depend on {keys}"
    return Doubt(why) if why else None


def _refused(detail: Any, flag: str) -> bool:
    if detail is None:
        return False
    return not isinstance(detail, Mapping) or detail.get(flag, True) is not True
