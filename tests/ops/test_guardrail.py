from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from local.aws.iam.policy import Decision, Policy, Request, judge
from ops.deployment import Deployment
from ops.guardrail import IAM, SCP, Kind, PolicyTooLong, policy, run

CONFIG = "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/fraud"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/0000abcd-12ab-34cd-56ef-1234567890ab"
RESTORER = "arn:aws:iam::123456789012:role/Sealpoint-us-east-1-FunctionsRestoreConfigRole-x"
SCIENTIST = "arn:aws:iam::123456789012:role/DataScientist"
KINDS: tuple[Kind, ...] = (SCP, IAM)
ADMINISTRATOR: Policy = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}

given_principals = st.sampled_from([SCIENTIST, RESTORER, "arn:aws:iam::123456789012:user/ana"])


def said(guardrail: Policy, principal: str = SCIENTIST, **context: Any) -> Decision:
    """What an administrator may do under the guardrail."""
    known = {"aws:PrincipalArn": principal, **{f"sagemaker:{k}": v for k, v in context.items()}}
    request = Request("sagemaker:CreateEndpointConfig", CONFIG, known)
    return judge([ADMINISTRATOR, guardrail], request).decision


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_without_a_key_is_refused_and_one_with_a_key_is_not(kind: Kind) -> None:
    guardrail = policy(kind, excepted=[RESTORER])
    assert said(guardrail) is Decision.EXPLICIT_DENY
    assert said(guardrail, VolumeKmsKey=KEY) is Decision.ALLOWED


def test_only_those_who_are_excepted_may_do_without() -> None:
    guardrail = policy(SCP, excepted=[RESTORER, "arn:aws:iam::*:role/Clarify*"])
    assert said(guardrail, RESTORER) is Decision.ALLOWED
    assert said(guardrail, "arn:aws:iam::999999999999:role/ClarifyJobs") is Decision.ALLOWED
    assert said(guardrail, f"{RESTORER}-impostor") is Decision.EXPLICIT_DENY


def test_without_exceptions_nobody_is_excepted() -> None:
    assert said(policy(SCP, excepted=[]), RESTORER) is Decision.EXPLICIT_DENY


def test_only_some_keys_may_be_named() -> None:
    guardrail = policy(SCP, excepted=[RESTORER], keys=[KEY])
    assert said(guardrail, VolumeKmsKey=KEY) is Decision.ALLOWED
    assert said(guardrail, VolumeKmsKey=OTHER_KEY) is Decision.EXPLICIT_DENY
    assert said(guardrail) is Decision.EXPLICIT_DENY
    assert said(guardrail, RESTORER, VolumeKmsKey=OTHER_KEY) is Decision.ALLOWED


def test_keys_that_are_named_do_not_shut_out_sealpoints_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Else its twins would be refused by the policy that it prints."""
    deployment = Deployment("us-east-1")
    deployment.outputs = {"RestoreConfigRoleArn": RESTORER, "KmsKeyArn": KEY}
    quiet = Console(file=StringIO())
    run([deployment], SCP, excepted=[], keys=[OTHER_KEY], allow_local_nvme=False, console=quiet)
    guardrail: Policy = json.loads(capsys.readouterr().out)
    assert said(guardrail, VolumeKmsKey=KEY) is Decision.ALLOWED
    assert said(guardrail, VolumeKmsKey=OTHER_KEY) is Decision.ALLOWED
    assert said(guardrail, VolumeKmsKey=KEY.replace("1234abcd", "9999abcd")) is Decision.EXPLICIT_DENY
    assert said(guardrail, RESTORER) is Decision.ALLOWED


def test_instance_types_with_local_storage_may_be_let_through() -> None:
    strict, lenient = (policy(SCP, excepted=[], allow_local_nvme=allow) for allow in (False, True))
    assert said(strict, InstanceTypes=["ml.g5.xlarge"]) is Decision.EXPLICIT_DENY
    assert said(lenient, InstanceTypes=["ml.g5.xlarge"]) is Decision.ALLOWED
    assert said(lenient, InstanceTypes=["ml.m5.large"]) is Decision.EXPLICIT_DENY
    assert said(lenient) is Decision.EXPLICIT_DENY  # a serverless one names no type


@given(st.sampled_from(KINDS), given_principals, st.booleans(), st.booleans(), st.booleans())
def test_nothing_else_is_touched(kind: Kind, principal: str, with_key: bool, keys: bool, nvme: bool) -> None:
    guardrail = policy(kind, excepted=[RESTORER], keys=[KEY] if keys else [], allow_local_nvme=nvme)
    context = {"aws:PrincipalArn": principal} | ({"sagemaker:VolumeKmsKey": KEY} if with_key else {})
    for action in (
        "sagemaker:CreateEndpoint",
        "sagemaker:UpdateEndpoint",
        "sagemaker:CreateModel",
        "s3:GetObject",
    ):
        assert judge([ADMINISTRATOR, guardrail], Request(action, "*", context)).allowed


def test_a_policy_that_aws_would_not_take_is_refused() -> None:
    many = [f"arn:aws:iam::123456789012:role/Team{number:04}" for number in range(200)]
    with pytest.raises(PolicyTooLong, match="AWS accepts 5120"):
        policy(SCP, excepted=many)
    with pytest.raises(PolicyTooLong, match="AWS accepts 6144"):
        policy(IAM, excepted=many)
    assert len(json.dumps(policy(SCP, excepted=[RESTORER], keys=[KEY], allow_local_nvme=True))) < 5120
