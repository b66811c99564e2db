from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
import pytest

from lambdas.domain.errors import KeyUnusable, ModelGone, RequestRefused
from lambdas.gateways.organizations import organization_id
from lambdas.handlers.check_feasibility import handler
from tests.handlers.conftest import ACCOUNT, Bench


@pytest.fixture
def found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An unencrypted endpoint on g5 instances, and a key that can be used."""
    arn = str(boto3.client("kms").create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"].get("Arn"))
    monkeypatch.setenv("KMS_KEY_ARN", arn)
    variant = {
        "VariantName": "a", "ModelName": "model", "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": 1, "InitialVariantWeight": 1.0,
    }  # fmt: skip
    bench.make_endpoint(ProductionVariants=[variant])
    bench.check()
    return bench


def test_what_the_key_will_not_cover_is_noted_once(found: Bench) -> None:
    found.run(handler, remediationId="r-1")
    found.run(handler, remediationId="r-1")
    [note] = found.remediation().get("notes", [])
    assert "ml.g5.xlarge" in note


def test_a_key_that_cannot_be_used_is_reported_before_anyone_is_asked(found: Bench) -> None:
    key_arn = found.remediation().get("keyArn", "")
    boto3.client("kms").disable_key(KeyId=key_arn.rpartition("/")[2])
    with pytest.raises(KeyUnusable, match="is disabled"):
        found.run(handler, remediationId="r-1")


def test_a_key_that_does_not_exist_too(found: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMS_KEY_ARN", "arn:aws:kms:us-east-1:123456789012:key/none")
    with pytest.raises(KeyUnusable, match="does not exist"):
        found.run(handler, remediationId="r-1")


def test_a_deleted_model_too(found: Bench) -> None:
    found.sagemaker.delete_model(ModelName="model")
    with pytest.raises(ModelGone, match="model model"):
        found.run(handler, remediationId="r-1")


# -- a key of the user's own, whose policy is the user's


class FakeIam:
    """IAM's simulator, which moto doesn't have: says one thing of every action."""

    def __init__(self, decision: str) -> None:
        self.decision = decision
        self.context: dict[str, Any] = {}
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def simulate(
        self, role: str, actions: Sequence[str], _key: str, context: Sequence[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        self.context = {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in context}
        if self.decision == "refused":
            raise RequestRefused("IAM refused SimulatePrincipalPolicy: AccessDenied")
        self.asked.append((role, tuple(actions)))
        if self.decision == "organization":
            # as recorded in github.com/aws-containers/amazon-ecs-exec-checker/issues/70
            blind = {
                "EvalDecision": "implicitDeny", "MatchedStatements": [], "MissingContextValues": [],
                "OrganizationsDecisionDetail": {"AllowedByOrganizations": False},
            }  # fmt: skip
            return [{"EvalActionName": action, **blind} for action in actions]
        return [{"EvalActionName": action, "EvalDecision": self.decision} for action in actions]


def _users_key(bench: Bench, monkeypatch: pytest.MonkeyPatch, iam: FakeIam, policy: Any = None) -> None:
    """An endpoint with data capture, found with a key of the user's own."""
    arn = str(boto3.client("kms").create_key(KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"].get("Arn"))
    if policy is not None:
        boto3.client("kms").put_key_policy(
            KeyId=arn.rpartition("/")[2], PolicyName="default", Policy=json.dumps(policy)
        )
    us = f"arn:aws:iam::{ACCOUNT}:role/Update"
    for name, value in {
        "KMS_KEY_ARN": arn,
        "KEY_USERS": us,
        "VIA_S3": "s3.us-east-1.amazonaws.com",
        "VIA_SAGEMAKER": "sagemaker.us-east-1.amazonaws.com",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("lambdas.services.key_access.iam", lambda: iam)
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 50,
        "DestinationS3Uri": "s3://captures/x",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    bench.make_endpoint(DataCaptureConfig=capture)
    bench.check()


def _delegating(*more: dict[str, Any]) -> dict[str, Any]:
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    delegate = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [delegate, *more]}


def test_a_role_that_may_use_the_key_fills_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    iam = FakeIam("allowed")
    _users_key(bench, monkeypatch, iam, _delegating())
    surfaces = bench.remediation().get("surfaceKeys")
    bench.run(handler, remediationId="r-1")
    assert bench.remediation().get("notes") == []
    assert bench.remediation().get("surfaceKeys") == surfaces
    role = f"arn:aws:iam::{ACCOUNT}:role/Execution"
    assert (role, ("kms:GenerateDataKey", "kms:Decrypt")) in iam.asked


_ROLES = [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("Execution", "Update")]
_NAMING = {"Effect": "Allow", "Principal": {"AWS": _ROLES}, "Action": "kms:*", "Resource": "*"}


def test_an_organization_that_could_not_be_judged_is_noted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key's policy names the role; the simulator lacks a key that a service control policy asks for."""
    iam = FakeIam("organization")
    _users_key(bench, monkeypatch, iam, _delegating(_NAMING))
    surfaces = bench.remediation().get("surfaceKeys")
    for _ in range(2):
        bench.run(handler, remediationId="r-1")
    assert bench.remediation().get("surfaceKeys") == surfaces
    about_captures, about_us = bench.remediation().get("notes", [])
    assert "could not judge the organization's policies on kms:GenerateDataKey" in about_captures
    assert "Sealpoint may use the key" in about_us
    assert iam.context["aws:RequestedRegion"] == ["us-east-1"]


def test_a_policy_for_the_organization_is_judged_where_it_is_known(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = FakeIam("allowed")
    ours = boto3.client("organizations").create_organization(FeatureSet="ALL")["Organization"].get("Id", "")
    perimeter = {
        "Effect": "Deny", "Principal": "*", "Resource": "*",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt", "kms:CreateGrant"],  # moto reads no condition
        "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": ours}},
    }  # fmt: skip
    organization_id.cache_clear()
    try:
        _users_key(bench, monkeypatch, iam, _delegating(perimeter))
        bench.run(handler, remediationId="r-1")
    finally:
        organization_id.cache_clear()
    assert bench.remediation().get("notes") == []
    assert iam.context["aws:PrincipalOrgID"] == [ours]


_DENY = {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}


@pytest.mark.parametrize(
    ("decision", "policy"),
    [
        ("implicitDeny", _delegating()),
        ("organization", _delegating()),
        ("explicitDeny", _delegating()),
        ("refused", _delegating()),
        ("allowed", _delegating(_DENY)),
        ("allowed", {"Version": "2012-10-17", "Statement": []}),
    ],
)
def test_what_the_role_could_not_write_is_left_alone_and_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, decision: str, policy: Any
) -> None:
    _users_key(bench, monkeypatch, FakeIam(decision), policy)
    plan = bench.remediation().get("planHash")
    for _ in range(2):  # a retry finds the same
        bench.run(handler, remediationId="r-1")
    record = bench.remediation()
    after = {entry["surface"]: entry["after"] for entry in record.get("surfaceKeys", [])}
    assert after == {"instance-volume": record.get("keyArn"), "data-capture": ""}
    assert record.get("planHash") != plan
    assert sum("data capture" in note for note in record.get("notes", [])) == 1


def test_a_required_surface_that_could_not_be_written_asks_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRED_SURFACES", "instance-volume,data-capture")
    _users_key(bench, monkeypatch, FakeIam("implicitDeny"), _delegating())
    with pytest.raises(KeyUnusable, match="data capture"):
        bench.run(handler, remediationId="r-1")


def test_a_doubt_about_our_own_use_is_reported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _users_key(bench, monkeypatch, FakeIam("allowed"), {"Version": "2012-10-17", "Statement": []})
    bench.run(handler, remediationId="r-1")
    assert any("Sealpoint may use the key" in note for note in bench.remediation().get("notes", []))


def test_another_accounts_key_can_be_for_the_volume_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = FakeIam("allowed")
    _users_key(bench, monkeypatch, iam, _delegating())
    foreign = bench.remediation().get("keyArn", "").replace(ACCOUNT, "999999999999")
    monkeypatch.setenv("KMS_KEY_ARN", foreign)
    described = {
        "Arn": foreign, "KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT",
    }  # fmt: skip

    def describe_key(*_: Any) -> dict[str, str]:
        return described

    monkeypatch.setattr("lambdas.gateways.kms.Kms.describe_key", describe_key)
    bench.run(handler, remediationId="r-1")
    assert iam.asked == []
    assert any("another account's" in note for note in bench.remediation().get("notes", []))
