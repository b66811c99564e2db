"""What manages an endpoint, as its tags tell: its next deployment would undo what isn't written there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypedDict

_STACK_TAG = "aws:cloudformation:stack-name"
_LOGICAL_ID_TAG = "aws:cloudformation:logical-id"
# CDK ends the logical ids that it makes with eight digits of a hash
_CDK_LOGICAL_ID = re.compile(r".+[0-9A-F]{8}")
_TERRAFORM_WORDS = ("terraform", "opentofu")


class ManagedBy(TypedDict):
    """The tool, and the stack's name where it has one."""

    tool: str
    stack: str


def managed_by(*tags: Mapping[str, str]) -> ManagedBy | None:
    """The first that the tags of an endpoint config, or else of its endpoint, tell of."""
    for found in tags:
        if stack := found.get(_STACK_TAG):
            cdk = _CDK_LOGICAL_ID.fullmatch(found.get(_LOGICAL_ID_TAG, ""))
            return {"tool": "CDK" if cdk else "CloudFormation", "stack": stack}
        words = " ".join(f"{key} {value}" for key, value in found.items()).lower()
        if any(word in words for word in _TERRAFORM_WORDS):
            return {"tool": "Terraform", "stack": ""}
    return None


def line_to_change(tool: str, key_arn: str) -> tuple[str, str]:
    """The line that names the key in a tool's own words, and where it belongs."""
    match tool:
        case "Terraform":
            return f'kms_key_arn = "{key_arn}"', "aws_sagemaker_endpoint_configuration"
        case "CDK":
            return f'kmsKeyId: "{key_arn}"', "CfnEndpointConfig"
        case _:
            return f"KmsKeyId: {key_arn}", "AWS::SageMaker::EndpointConfig"
