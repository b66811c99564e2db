"""`sealpoint guardrail`: the policies that keep endpoint configs without a KMS key from being created.

`sagemaker:VolumeKmsKey` is a condition key of CreateEndpointConfig alone. So a policy can't keep an endpoint
from moving to a config that already exists, nor can it require a key for data capture.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from lambdas.domain.encryption.feasibility import LOCAL_NVME_FAMILIES
from ops import terminal
from ops.deployment import Deployment, NotDeployed, deployments
from ops.errors import CommandFailed
from ops.options import Profile, Regions, Stack, epilog

Kind = Literal["scp", "iam"]
SCP: Kind = "scp"
IAM: Kind = "iam"
# Characters without white space, for a single policy.
# https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
_LARGEST = {SCP: 5_120, IAM: 6_144}


EPILOG = epilog(
    examples=(
        ("guardrail scp > policy.json", "for whole accounts; how to test it is printed beside it"),
        ("guardrail iam --except 'arn:aws:iam::*:role/ClarifyRole'", "for some roles, with an exception"),
    ),
    exit_codes="0 when done; 1 if a region has no deployment, so that the policy lacks its exception; 2 "
    "if it could not be made",
    permissions=("cloudformation:DescribeStacks",),
)


class PolicyTooLong(CommandFailed):
    """The policy is larger than AWS accepts."""


def command(
    kind: Annotated[
        Kind, typer.Argument(metavar="scp|iam", help="A service control policy, or an IAM policy.")
    ],
    *,
    excepted: Annotated[
        list[str] | None,
        typer.Option(
            "--except",
            metavar="ARN",
            help="A principal, or a pattern of principals, that may create configs without a key; repeat it "
            "for several.",
        ),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="ARN",
            help="A KMS key that configs may name beside Sealpoint's own; repeat it for several. Configs "
            "must name it by this ARN. Default: any key.",
        ),
    ] = None,
    allow_local_nvme: Annotated[
        bool,
        typer.Option(
            "--allow-local-nvme",
            help="Allow configs without a key on instance types with local NVMe storage, for which AWS long "
            "refused a key.",
        ),
    ] = False,
    regions: Regions = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Print the policy that stops endpoint configs without a KMS key, and how to test it first."""
    return run(
        deployments(regions, stack, profile),
        kind,
        excepted=excepted or (),
        keys=keys or (),
        allow_local_nvme=allow_local_nvme,
        console=terminal.notices(),
    )


def policy(
    kind: Kind, *, excepted: Iterable[str], keys: Sequence[str] = (), allow_local_nvme: bool = False
) -> dict[str, Any]:
    """The policy, as JSON.

    Parameters
    ----------
    excepted
        ARNs, or patterns of ARNs, of principals that may create a config without a key. For a role, its own
        ARN covers all its sessions.
    keys
        ARNs of the KMS keys that configs may name, the deployments' own included. If empty, any key will do.
    allow_local_nvme
        Allow a config without a key if one of its instance types has local NVMe storage.

    Raises
    ------
    PolicyTooLong
    """
    others: dict[str, Any] = {"ArnNotLike": {"aws:PrincipalArn": sorted(set(excepted))}}
    if not others["ArnNotLike"]["aws:PrincipalArn"]:
        others = {}
    no_key: dict[str, Any] = {"Null": {"sagemaker:VolumeKmsKey": "true"}, **others}
    if allow_local_nvme:
        # also true for a config without an instance type, so serverless ones are stopped
        types = [f"ml.{family}.*" for family in sorted(LOCAL_NVME_FAMILIES)]
        no_key["ForAllValues:StringNotLike"] = {"sagemaker:InstanceTypes": types}
    statements = [_deny("EndpointConfigsNameAKmsKey", no_key)]
    if keys:
        # without the Null condition, a config that names no key would match
        another = {
            "Null": {"sagemaker:VolumeKmsKey": "false"},
            "ArnNotEquals": {"sagemaker:VolumeKmsKey": sorted(set(keys))},
        }
        statements.append(_deny("EndpointConfigsNameOneOfTheseKeys", {**another, **others}))
    found = {"Version": "2012-10-17", "Statement": statements}
    if (length := len(json.dumps(found, separators=(",", ":")))) > _LARGEST[kind]:
        raise PolicyTooLong(
            f"The policy has {length} characters, but AWS accepts {_LARGEST[kind]}. Name fewer principals or "
            "keys, or use patterns of principals."
        )
    return found


def run(
    deployments: Iterable[Deployment],
    kind: Kind,
    *,
    excepted: Sequence[str],
    keys: Sequence[str],
    allow_local_nvme: bool,
    console: Console,
) -> int:
    """Print the policy to standard output, and how to test it to `console`.

    Returns
    -------
    int
        0, or 1 if a region has no deployment, so that the policy lacks its exception.
    """
    restorers, our_keys, missing = _needed(deployments)
    # once any key is named, all others are refused, and twins need the deployments' own
    found = policy(
        kind,
        excepted=[*restorers, *excepted],
        keys=[*our_keys, *keys] if keys else (),
        allow_local_nvme=allow_local_nvme,
    )
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    for line in missing:
        console.print(f"[bold yellow]![/] {terminal.shown(line)}", soft_wrap=True)
    console.print(terminal.shown(_HOW[kind]), soft_wrap=True)
    return 1 if missing else 0


def _needed(deployments: Iterable[Deployment]) -> tuple[list[str], list[str], list[str]]:
    """The roles that restore configs, the keys of the twins, and a notice for each region without them."""
    roles: list[str] = []
    keys: list[str] = []
    missing: list[str] = []
    for deployment in deployments:
        try:
            roles.append(deployment.output("RestoreConfigRoleArn"))
            keys.append(deployment.output("KmsKeyArn"))
        except NotDeployed as error:
            missing.append(
                f"{str(error).rstrip('.')}. Without an exception for its RestoreConfig role, Sealpoint can't "
                "return an endpoint to a config that was deleted. With --key, it can't encrypt endpoints at "
                "all. Print the policy again once Sealpoint is deployed."
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

1. Whom would it have stopped? In each account and region, for the last 90 days:
   aws cloudtrail lookup-events --output json \\
     --lookup-attributes AttributeKey=EventName,AttributeValue=CreateEndpointConfig |
   jq -r '.Events[].CloudTrailEvent | fromjson | select(.requestParameters.kmsKeyId == null)
     | [.eventTime, .userIdentity.arn, .requestParameters.endpointConfigName] | @tsv'
   Give each of them a key, or an exception: --except ROLE_ARN (patterns work, such as
   arn:aws:iam::*:role/ClarifyRole). SageMaker Clarify, Autopilot, Canvas and JumpStart create
   configs under the role that they were given, some without a key.
2. Is it valid?
   aws accessanalyzer validate-policy --policy-document file://policy.json --policy-type """
_SIMULATE = """
3. Does it stop what it should, and nothing else? This prints explicitDeny:
   aws iam simulate-custom-policy --action-names sagemaker:CreateEndpointConfig \\
     --query 'EvaluationResults[].EvalDecision' --policy-input-list "$(cat policy.json)" \\
     '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
   With this added, it prints allowed: --context-entries \\
     ContextKeyName=sagemaker:VolumeKmsKey,ContextKeyType=string,ContextKeyValues=<a key's ARN>
"""
_LIMITS = """
It can't stop an endpoint from moving to an unencrypted config that already exists, nor data capture
or async output without a key: AWS has no condition for those. Sealpoint finds them when they happen.
"""
_HOW = {
    SCP: _FIRST
    + "SERVICE_CONTROL_POLICY"
    + _SIMULATE
    + """\
4. Attach it to one account, or to an organizational unit for tests, for a week. CloudTrail shows what
   it refuses (errorCode AccessDenied, "explicit deny in a service control policy"). Then attach it
   further up. To undo it: aws organizations detach-policy --policy-id … --target-id …

It doesn't apply to the organization's management account or to service-linked roles. If several
accounts run Sealpoint, print it in each, and name the other accounts' roles with --except.
"""
    + _LIMITS,
    IAM: _FIRST
    + "IDENTITY_POLICY"
    + _SIMULATE
    + """\
4. Make it a managed policy and attach it to one role that creates endpoints, for a week. Then attach it
   to the others, or put its statements into their permissions boundary. To undo it: aws iam
   detach-role-policy.

It applies only to those it is attached to. `sealpoint guardrail scp` prints the policy for whole accounts.
"""
    + _LIMITS,
}
