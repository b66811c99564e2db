from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.encryption.key_policy import KeyAccess, Use, judge_key_policy
from tests.unit.strategies import json_values

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/Exec"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
S3 = "s3.us-east-1.amazonaws.com"
SAGEMAKER = "sagemaker.us-east-1.amazonaws.com"
KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = {
    "Arn": KEY_ARN, "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS",
    "MultiRegion": False,
}  # fmt: skip
USE = Use(ROLE, ("kms:GenerateDataKey", "kms:Decrypt"), S3, KEY)
DIRECT, DELEGATED, NOT_SHOWN = KeyAccess.DIRECT, KeyAccess.DELEGATED, KeyAccess.NOT_SHOWN

PINNED = {"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": [S3, SAGEMAKER]}}


def _allow(principal: Any = ROOT, **members: Any) -> dict[str, Any]:
    named = principal if principal == "*" else {"AWS": principal}
    return {"Effect": "Allow", "Principal": named, "Action": "kms:*", "Resource": "*", **members}


def _deny(principal: Any = "*", **members: Any) -> dict[str, Any]:
    return _allow(principal, **{"Effect": "Deny", **members})


def _without(statement: dict[str, Any], *members: str) -> dict[str, Any]:
    return {key: value for key, value in statement.items() if key not in members}


def _access(*statements: Any, use: Use = USE) -> KeyAccess:
    access, why = judge_key_policy({"Version": "2012-10-17", "Statement": list(statements)}, use)
    assert bool(why) is (access is NOT_SHOWN)
    return access


@pytest.mark.parametrize(
    ("principal", "access"),
    [
        (ROLE, DIRECT),
        ([f"arn:aws:iam::{OTHER_ACCOUNT}:root", ROLE], DIRECT),
        ([ROOT, ROLE], DIRECT),
        (ROOT, DELEGATED),
        (ACCOUNT, DELEGATED),
        # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html: every identity
        ("*", DIRECT),
        (["*"], DIRECT),
        (f"arn:aws:iam::{ACCOUNT}:role/Exec", NOT_SHOWN),  # the ARN without its path is another's
        (f"arn:aws:iam::{ACCOUNT}:role/service-role/*", NOT_SHOWN),
        (f"arn:aws-cn:iam::{ACCOUNT}:root", NOT_SHOWN),
        (f"arn:aws:iam::{OTHER_ACCOUNT}:root", NOT_SHOWN),
        (OTHER_ACCOUNT, NOT_SHOWN),
        ([], NOT_SHOWN),
        ([ROLE, 7], NOT_SHOWN),
    ],
)
def test_the_principal_tells_who_decides(principal: Any, access: KeyAccess) -> None:
    assert _access(_allow(principal)) is access


@pytest.mark.parametrize("principal", ["*", ["*"]])
@pytest.mark.parametrize(
    ("condition", "access"),
    [
        (PINNED, DIRECT),
        ({"StringEquals": {"KMS:callerAccount": [OTHER_ACCOUNT, ACCOUNT]}}, DIRECT),
        ({"StringLike": {"kms:CallerAccount": ACCOUNT}}, DIRECT),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, DIRECT),
        ({"StringEquals": {"kms:CallerAccount": OTHER_ACCOUNT}}, NOT_SHOWN),
        ({"StringLike": {"kms:CallerAccount": "*"}}, DIRECT),
        ({"StringNotEquals": {"kms:CallerAccount": ACCOUNT}}, NOT_SHOWN),
        ({"StringEquals": {"kms:ViaService": S3}}, DIRECT),
        ({"StringLike": {"aws:PrincipalArn": [ROLE]}}, DIRECT),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/Other*"}}, NOT_SHOWN),
    ],
)
def test_everyone_counts_within_the_conditions(
    principal: Any, condition: dict[str, Any], access: KeyAccess
) -> None:
    assert _access(_allow(principal, Condition=condition)) is access


@pytest.mark.parametrize(
    ("principal", "members"),
    [
        (ROLE, {"Principal": ROLE}),  # a bare ARN is no principal
        (ROLE, {"Principal": {"Service": "sagemaker.amazonaws.com"}}),
        (ROLE, {"NotPrincipal": {"AWS": OTHER_ACCOUNT}}),
        (ROLE, {"NotAction": "kms:ScheduleKeyDeletion"}),
        (ROLE, {"NotResource": "*"}),
        (ROLE, {"Resource": "arn:aws:kms:us-east-1:123456789012:key/k"}),
        (ROLE, {"Resource": None}),
    ],
)
def test_an_allow_that_is_not_of_the_known_form_does_not_count(
    principal: str, members: dict[str, Any]
) -> None:
    assert _access(_allow(principal, **members)) is NOT_SHOWN


@pytest.mark.parametrize("member", ["Principal", "Action", "Resource", "Effect"])
def test_an_allow_that_lacks_a_member_does_not_count(member: str) -> None:
    assert _access(_without(_allow(ROLE), member)) is NOT_SHOWN


@pytest.mark.parametrize(
    ("actions", "allowed"),
    [
        ("*", True),
        ("KMS:*", True),
        (["kms:generatedatakey*", "kms:D?crypt"], True),
        ("kms:Decrypt", False),
        (["kms:GenerateDataKeyPair", "kms:Decrypt"], False),
        (["kms:GenerateDataKey", "kms:[D]ecrypt"], False),
        (["kms:GenerateDataKey", "kms:Decrypt", None], False),
    ],
)
def test_every_action_must_be_allowed(actions: Any, allowed: bool) -> None:
    assert _access(_allow(ROLE, Action=actions)) is (DIRECT if allowed else NOT_SHOWN)


def test_each_action_may_be_allowed_by_a_statement_of_its_own() -> None:
    decrypt, generate = _allow(ROLE, Action="kms:Decrypt"), _allow(ROLE, Action="kms:GenerateDataKey")
    assert _access(decrypt, generate) is DIRECT
    assert _access(decrypt, _allow(ROOT)) is DELEGATED
    assert _access(decrypt, generate, _allow(ROOT)) is DIRECT
    assert _access(decrypt, _allow(ROOT, Action="kms:Describe*")) is NOT_SHOWN


@pytest.mark.parametrize(
    ("condition", "counts"),
    [
        ({}, True),
        (PINNED, True),
        ({"StringEqualsIfExists": {"kms:viaservice": S3}}, True),
        ({"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}, True),
        ({"StringLike": {"kms:ViaService": ["ec2.*", "s3.us-????-1.*"]}}, True),
        ({"StringEquals": {"kms:ViaService": "s3.*.amazonaws.com"}}, False),
        ({"StringEquals": {"kms:ViaService": SAGEMAKER}}, False),
        ({"StringEquals": {"kms:ViaService": []}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": int(ACCOUNT)}}, False),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, False),
        ({"StringEquals": {"aws:PrincipalArn": ROLE}}, True),
        ({"StringLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:*:iam::*:role/service-role/*"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": ["arn:aws:iam::1:role/x", ROLE]}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:*:role/service-role/Exec"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}, False),
        ({"ArnLike": {"kms:ViaService": S3}}, False),
        ({"ForAnyValue:StringEquals": {"kms:ViaService": S3}}, True),
        ({"ForAllValues:StringEquals": {"kms:ViaService": S3}}, True),
        ({"ForAllValues:StringEquals": {"aws:SourceOrgPaths": "o-1/r-1/"}}, True),  # absent
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/*"}}, False),
        ({"StringNotEquals": {"kms:ViaService": SAGEMAKER}}, True),
        ({"StringEqualsIgnoreCase": {"kms:ViaService": S3.upper()}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, False),  # not known here
        ({"StringEqualsIfExists": {"aws:SourceAccount": OTHER_ACCOUNT}}, True),
        ({"Bool": {"aws:ViaAWSService": True}}, True),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, False),
        ({"Null": {"aws:SourceArn": "true", "kms:ViaService": False}}, True),
        ({"Null": {"kms:EncryptionContextKeys": "false"}}, False),
        ({"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyOrigin": "AWS_KMS"}}, True),
        ({"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:role/*"}}, True),
        ({"StringEquals": {"kms:ViaService": "s3.${aws:RequestedRegion}.amazonaws.com"}}, True),
        ({"StringEquals": {"kms:ViaService": "${aws:PrincipalTag/via, 'x'}"}}, False),
        ({"Bool": {"kms:GrantIsForAWSResource": "true"}}, False),
        (PINNED | {"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"StringEquals": {"kms:ViaService": S3, "kms:EncryptionContext:a": "b"}}, False),
        ({"StringEquals": {}}, False),
        ({"StringEquals": S3}, False),
        (None, False),
        ([], False),
    ],
)
def test_an_allow_counts_only_if_its_conditions_are_understood_and_met(condition: Any, counts: bool) -> None:
    assert _access(_allow(ROLE, Condition=condition)) is (DIRECT if counts else NOT_SHOWN)
    assert _access(_allow(ROOT, Condition=condition)) is (DELEGATED if counts else NOT_SHOWN)


@pytest.mark.parametrize(
    ("principal", "blocks"),
    [
        ("*", True),
        (["*"], True),
        (ROLE, True),
        ([OTHER_ACCOUNT, ROLE], True),
        (ROOT, True),
        (ACCOUNT, True),
        (f"arn:aws:iam::{ACCOUNT}:role/exec", True),
        (f"arn:aws:iam::{ACCOUNT}:role/*", True),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Exec/SageMaker", True),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/Exec", True),
        (f"arn:aws:iam::{ACCOUNT}:role", True),
        ("AROAEXAMPLE", True),
        ([], True),
        (7, True),
        (f"arn:aws:iam::{ACCOUNT}:role/Other", False),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Other/Exec", False),
        (f"arn:aws:iam::{ACCOUNT}:user/Exec", False),
        ([OTHER_ACCOUNT, f"arn:aws:iam::{OTHER_ACCOUNT}:role/service-role/Exec"], False),
    ],
)
def test_a_deny_blocks_if_its_principal_may_be_the_role(principal: Any, blocks: bool) -> None:
    assert _access(_allow(ROLE), _deny(principal)) is (NOT_SHOWN if blocks else DIRECT)


@pytest.mark.parametrize(
    ("members", "blocks"),
    [
        ({"Principal": {}}, True),
        ({"Principal": {"Federated": "cognito-identity.amazonaws.com"}}, True),
        ({"Principal": {"Service": "*"}}, True),
        ({"Principal": {"Service": "ec2.amazonaws.com", "AWS": "*"}}, True),
        ({"Principal": {"Service": "ec2.amazonaws.com"}}, False),
        ({"NotPrincipal": {"AWS": ROLE}}, True),
        ({"Action": "kms:decrypt"}, True),
        ({"Action": ["kms:Describe*", "kms:Gen*"]}, True),
        ({"Action": 7}, True),
        ({"Action": ["kms:ScheduleKeyDeletion", "kms:Put*"]}, False),
        ({"Resource": "arn:aws:kms:us-east-1:123456789012:key/other"}, False),
        ({"Resource": KEY_ARN}, True),
        ({"Resource": "arn:aws:kms:*"}, True),
        ({"Effect": "deny"}, True),
        ({"Effect": []}, True),
    ],
)
def test_a_deny_blocks_unless_its_members_rule_the_use_out(members: dict[str, Any], blocks: bool) -> None:
    assert _access(_allow(ROLE), _deny(**members)) is (NOT_SHOWN if blocks else DIRECT)


@pytest.mark.parametrize(
    ("excepted", "blocks"),
    [
        (["kms:GenerateDataKey*", "KMS:Decrypt"], False),
        ("kms:*", False),
        ("kms:Decrypt", True),
        ([], True),
        (None, True),
    ],
)
def test_a_deny_of_all_but_some_actions_blocks_unless_they_are_the_needed_ones(
    excepted: Any, blocks: bool
) -> None:
    deny = _without(_deny(NotAction=excepted), "Action")
    assert _access(_allow(ROLE), deny) is (NOT_SHOWN if blocks else DIRECT)
    assert _access(_allow(ROLE), _deny(NotAction=excepted)) is NOT_SHOWN  # IAM knows no such statement


@pytest.mark.parametrize(
    ("condition", "blocks"),
    [
        ({"StringNotEquals": {"kms:ViaService": [SAGEMAKER, S3]}}, False),
        ({"StringNotEquals": {"kms:ViaService": SAGEMAKER}}, True),
        ({"StringNotLike": {"kms:ViaService": "s3.*"}}, False),
        ({"StringNotLike": {"kms:ViaService": "ec2.*"}}, True),
        ({"StringEquals": {"kms:ViaService": SAGEMAKER}}, False),
        ({"StringEquals": {"kms:ViaService": [SAGEMAKER, S3]}}, True),
        ({"StringEquals": {"kms:ViaService": "s3.${aws:PrincipalTag/region}.amazonaws.com"}}, True),
        ({"StringLike": {"kms:ViaService": "ec2.*"}}, False),
        ({"StringLike": {"kms:ViaService": "*.amazonaws.com"}}, True),
        ({"StringNotEquals": {"kms:CallerAccount": ACCOUNT}}, False),
        ({"StringNotEquals": {"aws:PrincipalAccount": OTHER_ACCOUNT}}, True),
        ({"StringNotLike": {"aws:PrincipalAccount": "1234*"}}, False),
        ({"StringLike": {"aws:PrincipalAccount": "1234*"}}, True),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, True),
        ({"StringNotEqualsIfExists": {"kms:ViaService": S3}}, False),
        ({"ForAllValues:StringNotEquals": {"kms:ViaService": S3}}, False),
        ({"ForAnyValue:StringNotEquals": {"kms:ViaService": SAGEMAKER}}, True),
        ({"ArnNotLike": {"aws:PrincipalArn": ROLE}}, False),
        ({"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}, True),
        ({"BoolIfExists": {"aws:ViaAWSService": "false"}}, False),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}, True),  # an absent key is not equal
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:SourceOrgPaths": "o-1/r-1/"}}, False),
        ({"StringEquals": {"kms:ViaService": []}}, True),
        ({"StringEquals": {"kms:ViaService": 7}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
        ({"Bool": {"aws:securetransport": [False]}}, False),
        ({"Bool": {"aws:SecureTransport": ["false", "true"]}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": []}}, True),
        ({"BoolIfExists": {"aws:SecureTransport": "false"}}, True),
        ({"Null": {"kms:ViaService": "true"}}, False),
        ({"Null": {"kms:ViaService": ["true", "false"]}}, True),
        ({"Null": {"aws:SourceVpc": "true"}, "StringEquals": {"kms:ViaService": SAGEMAKER}}, False),
        ({}, True),
        (None, True),
        ({"StringEquals": SAGEMAKER}, True),
        ({"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {}}, True),
    ],
)
def test_a_deny_blocks_unless_a_condition_rules_the_use_out(condition: Any, blocks: bool) -> None:
    assert _access(_allow(ROLE), _deny(Condition=condition)) is (NOT_SHOWN if blocks else DIRECT)


def test_sealpoints_own_key_lets_sagemaker_make_grants() -> None:
    use = Use(f"arn:aws:iam::{ACCOUNT}:role/Sealpoint", ("kms:CreateGrant",), SAGEMAKER, KEY)
    through_both = _allow("*", Action=["kms:GenerateDataKey", "kms:Decrypt"], Condition=PINNED)
    through_one = {"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": SAGEMAKER}}
    grants = _allow("*", Action="kms:CreateGrant", Condition=through_one)
    assert _access(through_both, grants, use=use) is DIRECT
    assert _access(through_both, grants) is DIRECT
    assert _access(grants) is NOT_SHOWN
    assert _access(_allow(ROOT), use=use) is DELEGATED


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        ([], "does not mention the role or the account"),
        ([_allow(OTHER_ACCOUNT)], "does not mention the role or the account"),
        ([_allow(ROOT, Action="kms:Decrypt")], f"does not allow kms:GenerateDataKey through {S3}"),
        ([_allow(ROLE), "Allow"], "can't be read"),
        (None, "can't be read"),
    ],
)
def test_what_is_not_shown_is_reported_with_the_reason(statements: Any, says: str) -> None:
    access, why = judge_key_policy({"Statement": statements}, USE)
    assert access is NOT_SHOWN
    assert why == f"its key policy {says}"


_BY_TAG = {"StringEquals": {"aws:PrincipalTag/team": "risk"}}
_UNKNOWN = "kms:GenerateDataKey, which depends on aws:principaltag/team"


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        ([_allow(ROLE), _deny(Sid="Nobody")], "“Nobody” of its key policy denies kms:GenerateDataKey"),
        ([_allow(ROLE), _deny(Action="kms:Decrypt")], "2 of its key policy denies kms:Decrypt"),
        ([_deny(Condition=_BY_TAG), _allow(ROLE)], f"1 of its key policy may deny {_UNKNOWN}"),
        ([_allow(ROLE, Condition=_BY_TAG)], f"1 of its key policy may or may not allow {_UNKNOWN}"),
    ],
)
def test_the_statement_that_decides_is_named(statements: Any, says: str) -> None:
    assert judge_key_policy({"Statement": statements}, USE) == (NOT_SHOWN, f"statement {says}")


def test_variables_are_plain_text_to_older_versions() -> None:
    """docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html"""
    condition = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:role/*"}}
    policy = {"Version": "2012-10-17", "Statement": _allow(ROLE, Condition=condition)}
    assert judge_key_policy(policy, USE)[0] is DIRECT
    for older in ({**policy, "Version": "2008-10-17"}, _without(policy, "Version")):
        assert judge_key_policy(older, USE)[0] is NOT_SHOWN


@pytest.mark.parametrize(
    ("members", "drop", "access"),
    [
        ({"Resource": KEY_ARN}, (), DIRECT),
        ({"Resource": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"}, (), DIRECT),
        ({"Resource": f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/mine"}, (), NOT_SHOWN),
        ({"Resource": "arn:aws:kms:*"}, (), NOT_SHOWN),  # how far a wildcard reaches is not relied upon
        ({"NotAction": "kms:ScheduleKeyDeletion"}, ("Action",), DIRECT),
        ({"NotAction": "kms:Dec*"}, ("Action",), NOT_SHOWN),
        ({"NotResource": f"{KEY_ARN}0"}, ("Resource",), DIRECT),
        ({"NotResource": "*"}, ("Resource",), NOT_SHOWN),
    ],
)
def test_an_allow_names_the_key_or_all_but_others(
    members: dict[str, Any], drop: tuple[str, ...], access: KeyAccess
) -> None:
    assert _access(_without(_allow(ROLE, **members), *drop)) is access


_MODULE = {"StringNotLike": {"aws:PrincipalArn": [ROLE]}}
_PERIMETER = {
    "StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-mine", "aws:PrincipalAccount": OTHER_ACCOUNT},
    "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
}


@pytest.mark.parametrize(
    ("statements", "access"),
    [
        ([_allow(ROOT), _deny(Condition=_MODULE)], DELEGATED),  # P1
        ([_allow(ROOT), _deny(Condition={"StringNotLike": {"aws:PrincipalArn": [ROOT]}})], NOT_SHOWN),  # P1b
        ([_allow("*", Condition={"StringLike": {"aws:PrincipalArn": [ROLE]}})], DIRECT),  # P2
        ([_allow(ROOT), _deny(Condition={"ArnNotEquals": {"aws:PrincipalArn": ROLE}})], DELEGATED),  # P4
        ([_allow(ROOT), _deny(Condition=_PERIMETER)], NOT_SHOWN),  # P6, without the organization's id
        ([_allow(ROOT), _deny(Condition={"StringNotEquals": {"aws:PrincipalTag/a": "b"}})], NOT_SHOWN),  # P17
        ([_allow("AROAEXAMPLE")], NOT_SHOWN),  # P20
    ],
)
def test_policies_found_in_the_field(statements: list[Any], access: KeyAccess) -> None:
    """The shapes of public KMS modules' and of AWS's data perimeter policies.

    P1, P2 are modules' with a list of roles; P4, P6 github.com/aws-samples/data-perimeter-policy-examples's.
    """
    assert _access(*statements) is access


@pytest.mark.parametrize(("organization", "access"), [("o-mine", DELEGATED), ("o-other", NOT_SHOWN)])
def test_the_identity_perimeter_is_judged_where_the_organization_is_known(
    organization: str, access: KeyAccess
) -> None:
    use = Use(ROLE, USE.actions, S3, KEY, organization)
    assert _access(_allow(ROOT), _deny(Condition=_PERIMETER), use=use) is access


def test_grants_for_aws_are_only_about_grants() -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"""
    for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    use = Use(ROLE, ("kms:CreateGrant",), SAGEMAKER, KEY)
    assert _access(_allow(ROLE, Condition=for_aws), use=use) is DIRECT
    assert _access(_allow(ROLE, Condition=for_aws)) is NOT_SHOWN
    deny = _deny(Action="kms:*", Condition={"Bool": {"kms:GrantIsForAWSResource": "false"}})
    assert _access(_allow(ROLE), deny, use=use) is DIRECT


def test_a_single_statement_needs_no_list() -> None:
    assert judge_key_policy({"Statement": _allow(ROLE)}, USE) == (DIRECT, "")


@pytest.mark.parametrize(
    "use",
    [
        Use(ROLE, (), S3, KEY),
        Use("", USE.actions, S3, KEY),
        Use(f"arn:aws:iam::{ACCOUNT}:user/Exec", USE.actions, S3, KEY),
        Use(f"arn:aws:iam::{ACCOUNT}:role/*", USE.actions, S3, KEY),
    ],
)
def test_a_use_that_is_not_clear_is_not_shown(use: Use) -> None:
    assert _access(_allow(use.role_arn), _allow(ROOT), use=use) is NOT_SHOWN


principals = st.sampled_from([ROLE, ROOT, ACCOUNT, "*", OTHER_ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/u"])
via_services = st.sampled_from([S3, SAGEMAKER, "s3.*", "*"])
conditions = st.dictionaries(
    st.sampled_from(["StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "Null"]),
    st.fixed_dictionaries({"kms:CallerAccount": st.just(ACCOUNT)})
    | st.fixed_dictionaries({"kms:ViaService": via_services | st.lists(via_services, max_size=2)}),
    max_size=2,
)
statements = st.builds(
    _allow,
    principals | st.lists(principals, max_size=2),
    Action=st.sampled_from(["kms:*", "kms:Decrypt", "kms:GenerateDataKey", "kms:Describe*"]),
    Condition=conditions,
)
_MEMBERS = ["Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "Condition"]
changes = st.dictionaries(st.sampled_from(_MEMBERS), json_values | st.none(), max_size=2)
mangled = st.tuples(statements, changes).map(lambda parts: parts[0] | parts[1])
_WIDTH = [NOT_SHOWN, DELEGATED, DIRECT]


@given(st.lists(statements, max_size=4), mangled, st.integers(0, 4))
def test_a_deny_never_widens_what_is_allowed(given_: list[Any], deny: dict[str, Any], at: int) -> None:
    before = _access(*given_)
    after = _access(*given_[:at], {**deny, "Effect": "Deny"}, *given_[at:])
    assert after in (before, NOT_SHOWN)


@given(st.lists(statements, max_size=3), statements)
def test_an_allow_never_narrows_what_is_allowed(given_: list[Any], allow: dict[str, Any]) -> None:
    assert _WIDTH.index(_access(*given_, allow)) >= _WIDTH.index(_access(*given_))


@given(statements, st.dictionaries(st.text(max_size=8), json_values, min_size=1, max_size=2))
def test_a_condition_never_widens_what_an_allow_allows(allow: dict[str, Any], more: dict[str, Any]) -> None:
    allow = _allow(ROLE, Condition=allow["Condition"])
    narrowed = {**allow, "Condition": {**more, **allow["Condition"]}}
    assert _WIDTH.index(_access(narrowed)) <= _WIDTH.index(_access(allow))


@given(json_values | st.none(), st.lists(mangled | json_values, max_size=3))
def test_no_policy_is_too_odd_to_be_judged(policy: Any, odd: list[Any]) -> None:
    assert judge_key_policy(policy, USE)[0] is NOT_SHOWN
    assert judge_key_policy({"Statement": policy}, USE)[0] is NOT_SHOWN
    _access(*odd)
