from __future__ import annotations

from typing import Any

import pytest

from lambdas.domain.encryption.key_policy import KeyAccess, Use
from lambdas.domain.encryption.policy_simulation import Doubt, judge_simulation, simulation_context

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/Exec"
S3 = "s3.us-east-1.amazonaws.com"
DIRECT, DELEGATED, NOT_SHOWN = KeyAccess.DIRECT, KeyAccess.DELEGATED, KeyAccess.NOT_SHOWN


def _result(decision: Any, **members: Any) -> dict[str, Any]:
    return {"EvalActionName": "kms:Decrypt", "EvalDecision": decision, **members}


_BOUNDARY = {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}}
_ORGANIZATION = {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}}
# github.com/openshift/installer/issues/1322
_MISSING = {"MissingContextValues": ["aws:RequestedRegion"]}
_ALL_FINE = {
    "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": True},
    "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
}


@pytest.mark.parametrize(
    ("result", "direct", "delegated"),
    [
        (_result("allowed"), None, None),
        (_result("allowed", **_ALL_FINE), None, None),
        (_result("implicitDeny"), None, "IAM policies do not allow kms:Decrypt"),
        (_result("implicitDeny", **_ALL_FINE), None, "do not allow"),
        (_result("implicitDeny", PermissionsBoundaryDecisionDetail=None), None, "do not allow"),
        (_result("explicitDeny"), "IAM policies deny kms:Decrypt", "IAM policies deny kms:Decrypt"),
        (_result("implicitDeny", **_BOUNDARY), "permissions boundary", "permissions boundary"),
        (_result("explicitDeny", **_ORGANIZATION, MatchedStatements=[{}]), "policies deny", "policies deny"),
        (_result("implicitDeny", **_BOUNDARY, **_ORGANIZATION), "boundary", "boundary"),
        (_result("explicitDeny", **_MISSING), "could not judge the role's", "depend on aws:RequestedRegion"),
        (_result("implicitDeny", **_MISSING), None, "could not judge the role's policies on kms:Decrypt"),
        (_result("allowed", **_MISSING), None, None),
        (_result(None), "do not allow", "do not allow"),
        (_result("Allowed"), "do not allow", "do not allow"),
        ({}, "do not allow it", "do not allow it"),
        ("allowed", "could not be evaluated", "could not be evaluated"),
    ],
)
def test_the_roles_own_policies_must_allow_what_they_decide_and_deny_nothing(
    result: Any, direct: str | None, delegated: str | None
) -> None:
    for access, says in ((DIRECT, direct), (DELEGATED, delegated)):
        for results in ([result], [_result("allowed"), result]):
            doubt = judge_simulation(results, access)
            assert (doubt is None) is (says is None)
            assert doubt is None or (doubt.grave and str(says) in doubt.why)
        assert judge_simulation([result], NOT_SHOWN)


@pytest.mark.parametrize("access", list(KeyAccess))
def test_a_simulation_without_results_shows_nothing(access: KeyAccess) -> None:
    assert judge_simulation([], access)


@pytest.mark.parametrize(
    "result",
    [
        # the answer recorded in github.com/aws-containers/amazon-ecs-exec-checker/issues/70
        _result("implicitDeny", MatchedStatements=[], MissingContextValues=[], **_ORGANIZATION),
        _result("explicitDeny", **_ORGANIZATION),
        _result("allowed", **_ORGANIZATION),
        _result("implicitDeny", OrganizationsDecisionDetail=[]),
    ],
)
def test_an_organization_that_could_not_be_judged_is_no_denial(result: Any) -> None:
    for access in (DIRECT, DELEGATED):
        doubt = judge_simulation([_result("allowed"), result], access)
        assert doubt
        assert doubt.why == "IAM's simulator could not judge the organization's policies on kms:Decrypt"
        # the key's policy names the role, or all depends on what couldn't be judged
        assert doubt.grave is (access is DELEGATED)


def test_a_grave_doubt_comes_first() -> None:
    doubt = judge_simulation([_result("allowed", **_ORGANIZATION), _result("explicitDeny")], DIRECT)
    assert doubt == Doubt("the role's IAM policies deny kms:Decrypt")


@pytest.mark.parametrize("organization", ["", "o-mine"])
def test_the_simulation_is_given_what_is_known(organization: str) -> None:
    use = Use(ROLE, ("kms:Decrypt",), S3, {"Arn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"}, organization)
    given = {entry["ContextKeyName"]: entry for entry in simulation_context(use)}
    organizations = {"aws:PrincipalOrgID": "o-mine", "aws:ResourceOrgID": "o-mine"} if organization else {}
    assert {key: entry["ContextKeyValues"] for key, entry in given.items()} == {
        key: [value]
        for key, value in {
            "kms:ViaService": S3, "kms:CallerAccount": ACCOUNT, "aws:RequestedRegion": "us-east-1",
            "aws:PrincipalArn": ROLE, "aws:PrincipalAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT,
            "aws:SecureTransport": "true", "aws:ViaAWSService": "true", **organizations,
        }.items()
    }  # fmt: skip
    kinds = {
        entry["ContextKeyType"]
        for key, entry in given.items()
        if key in ("aws:SecureTransport", "aws:ViaAWSService")
    }
    assert kinds == {"boolean"}
