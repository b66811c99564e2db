"""Which tool manages an endpoint, by the marks that the tools document: tags, and names they make up.

A tool that doesn't mark what it makes isn't recognised, nor is any by how an id looks: CDK, SAM and others
deploy through CloudFormation, and can't be told apart from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lambdas.domain.record import ManagedBy
from lambdas.domain.vocabulary import Surface

# Each tool, by the tag whose value says where it is managed from.
_TAGS: Mapping[str, str] = {
    # https://aws-controllers-k8s.github.io/community/docs/user-docs/ack-tags/
    "services.k8s.aws/namespace": "ACK",
    "services.k8s.aws/controller-version": "ACK",
    # the EKS capability for ACK: https://docs.aws.amazon.com/eks/latest/userguide/ack-considerations.html
    "eks:kubernetes-namespace": "ACK",
    "eks:eks-capability-arn": "ACK",
    # github.com/crossplane/crossplane-runtime, pkg/resource/resource.go: ExternalResourceTagKeyName
    "crossplane-name": "Crossplane",
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    "aws:cloudformation:stack-name": "CloudFormation",
    # https://www.pulumi.com/blog/automatically-enforcing-aws-resource-tagging-policies/
    "user:Stack": "Pulumi",
}
# Terraform and Pulumi write no tag of their own, so people say it in one: https://developer.hashicorp.com/
# terraform/tutorials/aws/aws-default-tags shows how, and terraform-aws-modules' examples have the latter.
_SAID: Mapping[tuple[str, str], str] = {
    ("managedby", "terraform"): "Terraform",
    ("managedby", "opentofu"): "Terraform",
    ("managedby", "pulumi"): "Pulumi",
    ("terraform", "true"): "Terraform",
}
# github.com/hashicorp/terraform-plugin-sdk, helper/id: UniqueIdPrefix, a time in 18 digits, a counter in hex
_TERRAFORM_NAME = re.compile(r"terraform-[0-9]{18}[0-9a-f]{8}")

# They compare what is live with what they are told again and again, and put it back.
CONTROLLERS = frozenset({"ACK", "Crossplane"})

_PATHS: Mapping[Surface, tuple[str, ...]] = {
    Surface.INSTANCE_VOLUME: (),
    Surface.CORE_DUMP: ("production_variants[]", "core_dump_config"),
    Surface.DATA_CAPTURE: ("data_capture_config",),
    Surface.ASYNC_OUTPUT: ("async_inference_config", "output_config"),
}


def managed_by(*found: tuple[str, Mapping[str, str]]) -> ManagedBy | None:
    """The first tool that the name and tags of the config, or else of the endpoint, identify."""
    for name, tags in found:
        for tag, tool in _TAGS.items():
            if tag in tags:
                return {"tool": tool, "stack": tags[tag]}
        for key, value in tags.items():
            if tool := _SAID.get((re.sub(r"[-_ ]", "", key).lower(), value.lower())):
                return {"tool": tool, "stack": ""}
        if _TERRAFORM_NAME.fullmatch(name):
            return {"tool": "Terraform", "stack": ""}
    return None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _pascal(name: str) -> str:
    return "".join(map(str.capitalize, name.split("_")))


@dataclass(frozen=True, slots=True)
class _Notation:
    """How a tool names the config's resource, its key, the keys of the parts, and the parts."""

    resource: str
    key: str
    inner_key: str
    part: Callable[[str], str] = _camel


_NOTATIONS = {
    # by the resource references of each tool
    "CloudFormation": _Notation(
        "AWS::SageMaker::EndpointConfig (CDK: CfnEndpointConfig)", "KmsKeyId", "KmsKeyId", _pascal
    ),
    "Pulumi": _Notation("aws.sagemaker.EndpointConfiguration", "kmsKeyArn", "kmsKeyId"),
    "ACK": _Notation("EndpointConfig", "kmsKeyID", "kmsKeyID"),
    "Crossplane": _Notation("EndpointConfiguration", "kmsKeyArn", "kmsKeyId"),
    "Terraform": _Notation("aws_sagemaker_endpoint_configuration", "kms_key_arn", "kms_key_id", str),
}


def lines_to_change(tool: str, key_arn: str, surfaces: Iterable[Surface]) -> tuple[list[str], str]:
    """The lines that name the key on each surface, in a tool's own notation, and the resource they are in."""
    notation = _NOTATIONS[tool]

    def line(path: tuple[str, ...]) -> str:
        key = notation.inner_key if path else notation.key
        inner = f'{key} = "{key_arn}"' if tool == "Terraform" else f"{key}: {key_arn}"
        for name in reversed(path):
            part = notation.part(name.removesuffix("[]"))
            if tool == "Terraform":
                inner = f"{part} {{ {inner} }}"
            else:
                inner = f"{part}: [{{{inner}}}]" if name.endswith("[]") else f"{part}: {{{inner}}}"
        return inner

    return [line(_PATHS[surface]) for surface in surfaces], notation.resource
