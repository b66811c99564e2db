"""Which tool manages an endpoint, by its tags: its next deployment would undo a change made elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from lambdas.domain.record import ManagedBy
from lambdas.domain.vocabulary import Surface

_STACK_TAG = "aws:cloudformation:stack-name"
_LOGICAL_ID_TAG = "aws:cloudformation:logical-id"
# CDK's logical ids end with eight digits of a hash
_CDK_LOGICAL_ID = re.compile(r".+[0-9A-F]{8}")
_TERRAFORM_WORDS = ("terraform", "opentofu")

# Where each surface names its key; "=" stands for the key in the tool's notation.
_CLOUDFORMATION: Mapping[Surface, str] = {
    Surface.INSTANCE_VOLUME: "KmsKeyId=",
    Surface.CORE_DUMP: "ProductionVariants: [{CoreDumpConfig: {KmsKeyId=}}]",
    Surface.DATA_CAPTURE: "DataCaptureConfig: {KmsKeyId=}",
    Surface.ASYNC_OUTPUT: "AsyncInferenceConfig: {OutputConfig: {KmsKeyId=}}",
}
_CDK: Mapping[Surface, str] = {
    Surface.INSTANCE_VOLUME: "kmsKeyId=",
    Surface.CORE_DUMP: "productionVariants: [{coreDumpConfig: {kmsKeyId=}}]",
    Surface.DATA_CAPTURE: "dataCaptureConfig: {kmsKeyId=}",
    Surface.ASYNC_OUTPUT: "asyncInferenceConfig: {outputConfig: {kmsKeyId=}}",
}
_TERRAFORM: Mapping[Surface, str] = {
    Surface.INSTANCE_VOLUME: "kms_key_arn =",
    Surface.CORE_DUMP: "production_variants { core_dump_config { kms_key_id = } }",
    Surface.DATA_CAPTURE: "data_capture_config { kms_key_id = }",
    Surface.ASYNC_OUTPUT: "async_inference_config { output_config { kms_key_id = } }",
}


def managed_by(*tags: Mapping[str, str]) -> ManagedBy | None:
    """The first tool identified by the tags of the config, or else of the endpoint."""
    for found in tags:
        if stack := found.get(_STACK_TAG):
            cdk = _CDK_LOGICAL_ID.fullmatch(found.get(_LOGICAL_ID_TAG, ""))
            return {"tool": "CDK" if cdk else "CloudFormation", "stack": stack}
        words = " ".join(f"{key} {value}" for key, value in found.items()).lower()
        if any(word in words for word in _TERRAFORM_WORDS):
            return {"tool": "Terraform", "stack": ""}
    return None


def lines_to_change(tool: str, key_arn: str, surfaces: Iterable[Surface]) -> tuple[list[str], str]:
    """The lines that name the key on each surface, in a tool's own notation, and the resource they belong to.

    The properties of the resource types `AWS::SageMaker::EndpointConfig`, CDK's ``CfnEndpointConfig`` and
    Terraform's ``aws_sagemaker_endpoint_configuration``.
    """
    match tool:
        case "Terraform":
            lines, where, line = _TERRAFORM, "aws_sagemaker_endpoint_configuration", f'= "{key_arn}"'
        case "CDK":
            lines, where, line = _CDK, "CfnEndpointConfig", f': "{key_arn}"'
        case _:
            lines, where, line = _CLOUDFORMATION, "AWS::SageMaker::EndpointConfig", f": {key_arn}"
    return [lines[surface].replace("=", line) for surface in surfaces], where
