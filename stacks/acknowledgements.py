"""The rules of cdk-nag and checkov, and why a resource does not follow one.

A reason stands beside the resource that it is about, and goes into the template's metadata with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks
from constructs import IConstruct

# These two packs have some rules in common, under the same name.
_BOTH = ("HIPAA.Security", "NIST.800.53.R5")


def run_checks(app: cdk.App) -> None:
    """Check the rules whenever the app is synthesized."""
    packs = [
        pack(app, write_suppressions_to_cloud_formation=index == 0)
        for index, pack in enumerate((AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks))
    ]
    cdk.Validations.of(app).add_plugins(*packs)


def acknowledge(construct: IConstruct, *rules: str, reason: str) -> None:
    """Say why a resource does not follow some rules.

    Parameters
    ----------
    rules
        As cdk-nag's AwsSolutions pack names them (``AwsSolutions-SQS3``), as its HIPAA and NIST packs both do
        (``LambdaDLQ``), or as checkov does (``CKV_AWS_116``).
    """
    resource = construct.node.default_child or construct  # not what else belongs to it
    for rule in rules:
        if rule.startswith("CKV_"):
            _skip_in_checkov(cast("cdk.CfnResource", resource), rule, reason)
            continue
        ids = [rule] if rule.startswith("AwsSolutions-") else [f"{pack}-{rule}" for pack in _BOTH]
        for one in ids:
            # Validations.acknowledge() splits at `::` for a namespace, and finding ids contain further colons
            resource.node.add_metadata(cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY, {one: reason})


def _skip_in_checkov(resource: cdk.CfnResource, rule: str, reason: str) -> None:
    # https://www.checkov.io/2.Basics/Suppressing%20and%20Skipping%20Policies.html
    before = (resource.get_metadata("checkov") or {}).get("skip", [])
    resource.add_metadata("checkov", {"skip": [*before, {"id": rule, "comment": reason}]})


def acknowledge_policy(
    owner: IConstruct, wildcards: Mapping[str, str], *, policy_id: str = "DefaultPolicy"
) -> None:
    """Say why a policy, mostly a role's own, is as it is.

    Parameters
    ----------
    wildcards
        For each resource pattern in the policy, why it is no narrower.
    """
    policy = owner.node.find_child(policy_id)
    acknowledge(
        policy,
        "IAMNoInlinePolicy",
        reason="It is one role's alone and goes with it; a managed policy could be attached to others.",
    )
    for resource, reason in wildcards.items():
        pattern = _flat(cdk.Stack.of(policy).resolve(resource))
        acknowledge(policy, f"AwsSolutions-IAM5[Resource::{pattern}]", reason=reason)


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
        case {"Fn::Select": _}:
            return json.dumps(value, separators=(",", ":"))
        case _:
            raise ValueError(f"cdk-nag's id for {value!r} isn't known.")
