"""The rules of cdk-nag, and why a resource does not follow one.

A reason stands beside the resource that it is about, and goes into the template's metadata with it.
"""

# pyright: reportArgumentType=false
# jsii's classes don't match jsii's own protocols by pyright's rules (their parameter names differ); what is
# passed where is checked by jsii itself, on every synthesis.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks
from constructs import IConstruct

# A rule that both of these packs have, under the same name.
_BOTH = ("HIPAA.Security", "NIST.800.53.R5")


def run_checks(app: cdk.App) -> None:
    """Have the rules judged whenever the app is synthesized."""
    packs = [
        pack(app, write_suppressions_to_cloud_formation=index == 0)
        for index, pack in enumerate((AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks))
    ]
    cdk.Validations.of(app).add_plugins(*packs)


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Say why a resource does not follow a rule.

    Parameters
    ----------
    rule
        As ``AwsSolutions-SQS3``, or what the HIPAA and the NIST pack both call it, as ``LambdaDLQ``.
    """
    ids = [rule] if rule.startswith("AwsSolutions-") else [f"{pack}-{rule}" for pack in _BOTH]
    resource = construct.node.default_child or construct  # not what else belongs to it
    for one in ids:
        # Validations.acknowledge() takes `::` for a namespace of its own, and the ids of findings hold more
        resource.node.add_metadata(cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY, {one: reason})


def acknowledge_policy(role: iam.Role, wildcards: Mapping[str, str]) -> None:
    """Say why a role's policy is as it is.

    Parameters
    ----------
    wildcards
        For each resource pattern in the policy, why it is no narrower.
    """
    policy = role.node.find_child("DefaultPolicy")
    acknowledge(
        policy,
        "IAMNoInlinePolicy",
        "It is one role's alone and goes with it; a managed policy could be attached to others.",
    )
    for resource, reason in wildcards.items():
        pattern = _flat(cdk.Stack.of(policy).resolve(resource))
        acknowledge(policy, f"AwsSolutions-IAM5[Resource::{pattern}]", reason)


def _flat(value: Any) -> str:
    """An intrinsic function as cdk-nag's ids show it: references in angle brackets."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_flat(part) for part in parts)
        case _:
            raise ValueError(f"cdk-nag's id for {value!r} isn't known.")
