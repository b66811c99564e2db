"""`ops guardrail`: the policies that stop endpoint configs without a KMS key where they are made.

`sagemaker:VolumeKmsKey` is a condition key of CreateEndpointConfig alone (DESIGN §4.14): moving an endpoint
to a config that exists already can't be stopped this way, nor can data capture without a key.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from lambdas.domain.encryption.feasibility import LOCAL_NVME_FAMILIES
from ops.deployment import Deployment, NotDeployed

SCP, IAM = "scp", "iam"
KINDS = (SCP, IAM)
# Characters without white space; the sum of an identity's managed policies has others.
# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
_LARGEST = {SCP: 5_120, IAM: 6_144}


class TooLong(Exception):
    """The policy is larger than AWS takes it."""


def policy(
    kind: str, *, excepted: Iterable[str], keys: Sequence[str] = (), allow_local_nvme: bool = False
) -> dict[str, Any]:
    """The policy, as JSON.

    Parameters
    ----------
    excepted
        ARNs of principals, or patterns of such, who may write a config without a key; for a role its own ARN,
        whatever its session.
    keys
        ARNs of the KMS keys that may be named, the deployments' own among them; any, if there are none.
    allow_local_nvme
        Let a config without a key pass if one of its instance types has local NVMe storage.

    Raises
    ------
    TooLong
    """
    others: dict[str, Any] = {"ArnNotLike": {"aws:PrincipalArn": sorted(set(excepted))}}
    if not others["ArnNotLike"]["aws:PrincipalArn"]:
        others = {}
    no_key: dict[str, Any] = {"Null": {"sagemaker:VolumeKmsKey": "true"}, **others}
    if allow_local_nvme:
        # true for a config that names no instance type, too: a serverless one is stopped
        types = [f"ml.{family}.*" for family in sorted(LOCAL_NVME_FAMILIES)]
        no_key["ForAllValues:StringNotLike"] = {"sagemaker:InstanceTypes": types}
    statements = [_deny("EndpointConfigsNameAKmsKey", no_key)]
    if keys:
        # a condition on a key that is absent would be true
        another = {
            "Null": {"sagemaker:VolumeKmsKey": "false"},
            "ArnNotEquals": {"sagemaker:VolumeKmsKey": sorted(set(keys))},
        }
        statements.append(_deny("EndpointConfigsNameOneOfTheseKeys", {**another, **others}))
    found = {"Version": "2012-10-17", "Statement": statements}
    if (length := len(json.dumps(found, separators=(",", ":")))) > _LARGEST[kind]:
        raise TooLong(
            f"The policy has {length} characters, and AWS takes {_LARGEST[kind]}: name fewer principals and "
            "keys, or patterns of principals."
        )
    return found


def run(
    deployments: Iterable[Deployment],
    kind: str,
    *,
    excepted: Sequence[str],
    keys: Sequence[str],
    allow_local_nvme: bool,
    console: Console,
) -> int:
    """The command: the policy to standard output, and how to test it to `console`.

    Returns
    -------
    int
        0; 1 if a region has no deployment whose own exception could be named.
    """
    restorers, our_keys, missing = _needed(deployments)
    # one key that is named shuts out all others, and ours is what twins get
    found = policy(
        kind,
        excepted=[*restorers, *excepted],
        keys=[*our_keys, *keys] if keys else (),
        allow_local_nvme=allow_local_nvme,
    )
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    for line in missing:
        console.print(f"[bold yellow]![/] {escape(line)}", soft_wrap=True)
    console.print(escape(_HOW[kind]), soft_wrap=True)
    return 1 if missing else 0


def _needed(deployments: Iterable[Deployment]) -> tuple[list[str], list[str], list[str]]:
    """The roles that write a config back as it was, the keys that twins get, and what regions lack them."""
    roles: list[str] = []
    keys: list[str] = []
    missing: list[str] = []
    for deployment in deployments:
        try:
            roles.append(deployment.output("RestoreConfigRoleArn"))
            keys.append(deployment.output("KmsKeyArn"))
        except NotDeployed as error:
            missing.append(
                f"{str(error).rstrip('.')}. Without the exception for its RestoreConfig role, Sealpoint "
                "could not return an endpoint to a config that is gone; with --key, it could encrypt none. "
                "Print the policy anew once it is deployed."
            )
    return roles, keys, missing


def _deny(sid: str, condition: dict[str, Any]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Action": "sagemaker:CreateEndpointConfig",
        "Resource": "*",
        "Condition": condition,
    }


_FIRST = """\
Before you attach it (the policy is in policy.json):

1. Whom would it have stopped? In each account and region, of the last 90 days:
   aws cloudtrail lookup-events --output json \\
     --lookup-attributes AttributeKey=EventName,AttributeValue=CreateEndpointConfig |
   jq -r '.Events[].CloudTrailEvent | fromjson | select(.requestParameters.kmsKeyId == null)
     | [.eventTime, .userIdentity.arn, .requestParameters.endpointConfigName] | @tsv'
   Give each of them a key, or an exception: --except ROLE_ARN (a pattern such as
   arn:aws:iam::*:role/ClarifyRole will do). SageMaker Clarify, Autopilot, Canvas and JumpStart make
   configs under the role that they were given, some without a key.
2. Is it well-formed?
   aws accessanalyzer validate-policy --policy-document file://policy.json --policy-type """
_SIMULATE = """
3. Does it stop what it should, and nothing else? This says explicitDeny:
   aws iam simulate-custom-policy --action-names sagemaker:CreateEndpointConfig \\
     --query 'EvaluationResults[].EvalDecision' --policy-input-list "$(cat policy.json)" \\
     '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
   and with this added, allowed: --context-entries \\
     ContextKeyName=sagemaker:VolumeKmsKey,ContextKeyType=string,ContextKeyValues=<a key's ARN>
"""
_LIMITS = """
It does not stop moving an endpoint to an unencrypted config that exists already, nor data capture or
async output without a key: AWS has no condition for those. Sealpoint finds them when they happen.
"""
_HOW = {
    SCP: _FIRST
    + "SERVICE_CONTROL_POLICY"
    + _SIMULATE
    + """\
4. Attach it to one account, or to an organizational unit for tests, for a week; CloudTrail shows what
   it refuses (errorCode AccessDenied, "explicit deny in a service control policy"). Then attach it
   further up. To undo it: aws organizations detach-policy --policy-id … --target-id …

It does not bind the organization's management account, nor service-linked roles. Several accounts with
Sealpoint: print it in each, and give the roles of the others with --except.
"""
    + _LIMITS,
    IAM: _FIRST
    + "IDENTITY_POLICY"
    + _SIMULATE
    + """\
4. Make it a managed policy and attach it to one role that makes endpoints, for a week; then to the
   others, or put its statements into their permissions boundary. To undo it: aws iam detach-role-policy.

It binds only those to whom it is attached; `ops guardrail scp` prints what binds whole accounts.
"""
    + _LIMITS,
}
