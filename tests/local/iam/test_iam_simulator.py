"""The simulator's answers, as they were recorded from AWS's."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws.iam.policy import Policy, Request
from local.aws.iam.simulator import simulated

ADMIN: Policy = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"


def _in_region(effect: str, operator: str = "StringEquals") -> Policy:
    condition = {operator: {"aws:RequestedRegion": "us-east-1"}}
    return {"Statement": {"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition}}


def _asked(policies: list[Policy], organization: list[Policy], **context: str) -> dict[str, Any]:
    given = {key.replace("_", ":", 1): value for key, value in context.items()}
    return simulated(policies, organization, Request("kms:Decrypt", KEY, given))


def test_an_organization_refuses_without_naming_the_key_that_it_misses() -> None:
    """https://github.com/aws-containers/amazon-ecs-exec-checker/issues/70"""
    found = _asked([ADMIN], [_in_region("Allow")])
    assert found == {
        "EvalActionName": "kms:Decrypt", "EvalResourceName": KEY, "EvalDecision": "implicitDeny",
        "MatchedStatements": [], "MissingContextValues": [],
        "OrganizationsDecisionDetail": {"AllowedByOrganizations": False},
    }  # fmt: skip


def test_the_key_changes_the_verdict() -> None:
    """https://github.com/aws/aws-cli/issues/10525"""
    found = _asked([ADMIN], [_in_region("Allow")], aws_RequestedRegion="us-east-1")
    assert found["EvalDecision"] == "allowed"
    assert found["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": True}


@pytest.mark.parametrize(
    ("policy", "decision"),
    [
        (_in_region("Allow"), "implicitDeny"),
        (_in_region("Deny", "StringNotEquals"), "explicitDeny"),
    ],
)
def test_identity_policies_name_the_key_that_they_miss(policy: Policy, decision: str) -> None:
    """https://github.com/openshift/installer/issues/1322"""
    found = _asked([policy], [])
    assert (found["EvalDecision"], found["MissingContextValues"]) == (decision, ["aws:requestedregion"])
    assert "OrganizationsDecisionDetail" not in found
    assert _asked([policy], [], aws_RequestedRegion="us-east-1")["MissingContextValues"] == []
