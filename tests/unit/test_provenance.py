from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.session import get_session

from lambdas.domain.encryption.provenance import lines_to_change, managed_by
from lambdas.domain.vocabulary import Surface

_STACK = "aws:cloudformation:stack-name"
_LOGICAL = "aws:cloudformation:logical-id"


_ACK = {"services.k8s.aws/controller-version": "sagemaker-1.2.3", "services.k8s.aws/namespace": "ml"}
# https://docs.aws.amazon.com/eks/latest/userguide/ack-considerations.html, default tags
_EKS = {"eks:controller-version": "1", "eks:kubernetes-namespace": "ml", "eks:eks-capability-arn": "arn:x"}
_CROSSPLANE = {"crossplane-kind": "endpointconfiguration", "crossplane-name": "fraud"}


@pytest.mark.parametrize(
    ("tags", "tool", "stack"),
    [
        ({_STACK: "risk", _LOGICAL: "EndpointConfig"}, "CloudFormation", "risk"),
        # nothing in an id tells CDK from a date
        ({_STACK: "risk", _LOGICAL: "EndpointConfig20240807"}, "CloudFormation", "risk"),
        ({_STACK: "risk", _LOGICAL: "EndpointConfig1A2B3C4D"}, "CloudFormation", "risk"),
        (_ACK, "ACK", "ml"),
        (_EKS, "ACK", "ml"),
        (_CROSSPLANE, "Crossplane", "fraud"),
        (_ACK | {"ManagedBy": "Terraform"}, "ACK", "ml"),  # who created the cluster matters less
        ({"user:Project": "ml", "user:Stack": "prod"}, "Pulumi", "prod"),
        ({"ManagedBy": "Terraform"}, "Terraform", ""),
        ({"managed_by": "opentofu"}, "Terraform", ""),
        ({"managed-by": "Pulumi"}, "Pulumi", ""),
        ({"Terraform": "true"}, "Terraform", ""),
    ],
)
def test_tags_tell_what_manages_it(tags: dict[str, str], tool: str, stack: str) -> None:
    expected = {"tool": tool, "stack": stack}
    assert managed_by(("config", tags), ("endpoint", {})) == expected
    assert managed_by(("config", {}), ("endpoint", tags)) == expected


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("fraud", {}),
        ("fraud", {"team": "terraform"}),
        ("fraud", {"Terraform": "false"}),
        ("fraud", {"migrated-from": "terraform", "ManagedBy": "the terraform team"}),
        ("fraud", {"aws:cloudformation": "x", "crossplane": "no"}),
        ("terraform-fraud", {}),
        ("terraform-20240807", {}),
    ],
)
def test_words_and_shapes_are_no_marks(name: str, tags: dict[str, str]) -> None:
    assert managed_by((name, tags), ("endpoint", {})) is None


def test_terraform_makes_up_names_of_its_own() -> None:
    """github.com/hashicorp/terraform-plugin-sdk, helper/id: UniqueId."""
    found = managed_by(("terraform-20240807101112131400000001", {}), ("endpoint", {}))
    assert found == {"tool": "Terraform", "stack": ""}


def test_the_configs_own_tags_come_first() -> None:
    found = managed_by(("c", {_STACK: "config"}), ("e", {_STACK: "endpoint"}))
    assert found == {"tool": "CloudFormation", "stack": "config"}


@pytest.mark.parametrize(
    ("tool", "lines"),
    [
        ("CloudFormation", ["KmsKeyId: arn:x", "DataCaptureConfig: {KmsKeyId: arn:x}"]),
        ("Terraform", ['kms_key_arn = "arn:x"', 'data_capture_config { kms_key_id = "arn:x" }']),
        ("Pulumi", ["kmsKeyArn: arn:x", "dataCaptureConfig: {kmsKeyId: arn:x}"]),
        ("ACK", ["kmsKeyID: arn:x", "dataCaptureConfig: {kmsKeyID: arn:x}"]),
        ("Crossplane", ["kmsKeyArn: arn:x", "dataCaptureConfig: {kmsKeyId: arn:x}"]),
    ],
)
def test_the_lines_are_those_of_the_surfaces_that_change(tool: str, lines: list[str]) -> None:
    changing = [Surface.INSTANCE_VOLUME, Surface.DATA_CAPTURE]
    found, where = lines_to_change(tool, "arn:x", changing)
    assert found == lines
    assert where
    assert lines_to_change(tool, "arn:x", changing[1:])[0] == lines[1:]


def test_a_part_that_is_a_list_is_written_as_one() -> None:
    lines = {tool: lines_to_change(tool, "K", [Surface.CORE_DUMP])[0] for tool in ("Terraform", "ACK")}
    assert lines["Terraform"] == ['production_variants { core_dump_config { kms_key_id = "K" } }']
    assert lines["ACK"] == ["productionVariants: [{coreDumpConfig: {kmsKeyID: K}}]"]


@pytest.mark.parametrize("surface", Surface)
def test_cloudformation_knows_each_line(surface: Surface) -> None:
    """Its properties are SageMaker's own members, which botocore's model has."""
    shape: Any = get_session().get_service_model("sagemaker").shape_for("CreateEndpointConfigInput")
    [line] = lines_to_change("CloudFormation", "K", [surface])[0]
    inner = shape
    for name in re.findall(r"[A-Za-z]{2,}", line):
        inner = inner.members[name]
        inner = inner.member if inner.type_name == "list" else inner
    assert inner.type_name == "string", "a key"
