from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.approval.people import email_of, is_slack_user, same_principal, session_name

_ROLE = "arn:aws:sts::123456789012:assumed-role/DataScientist"


@pytest.mark.parametrize(
    ("principal", "name", "email"),
    [
        (f"{_ROLE}/ana@example.com", "ana@example.com", "ana@example.com"),
        ("arn:aws:iam::123456789012:user/people/ana@example.com", "ana@example.com", "ana@example.com"),
        (f"{_ROLE}/i-0123456789abcdef0", "i-0123456789abcdef0", None),
        ("arn:aws:iam::123456789012:root", "", None),
        ("", "", None),
        (f"{_ROLE}/not an@email", "not an@email", None),
    ],
)
def test_who_is_behind_a_principal(principal: str, name: str, email: str | None) -> None:
    assert session_name(principal) == name
    assert email_of(principal) == email


def test_one_person_in_two_roles_is_one_person() -> None:
    assert same_principal(f"{_ROLE}/Ana@example.com", _ROLE.replace("Data", "Chief") + "/ana@example.com")
    assert not same_principal(f"{_ROLE}/ana@example.com", _ROLE.replace("Data", "Chief") + "/ada@example.com")
    assert not same_principal("arn:aws:iam::1:root", "arn:aws:iam::2:root")
    assert not same_principal("", "arn:aws:iam::2:root")


def test_sessions_of_one_role_do_not_show_two_people_unless_aws_names_them() -> None:
    """Whoever assumes a role chooses its session's name; IAM Identity Center names them after people."""
    assert same_principal(f"{_ROLE}/bob", f"{_ROLE}/bob2")
    assert not same_principal(f"{_ROLE}/bob", f"{_ROLE.replace('123456789012', '210987654321')}/bob2")
    sso = _ROLE.replace("DataScientist", "AWSReservedSSO_Oncall_0123456789abcdef")
    assert not same_principal(f"{sso}/ana@example.com", f"{sso}/ada@example.com")
    assert same_principal(f"{sso}/ana@example.com", f"{sso}/ana@example.com")
    users = "arn:aws:iam::123456789012:user"
    assert not same_principal(f"{users}/people/ana", f"{users}/people/ada")


@given(st.text(), st.text())
def test_being_the_same_is_mutual(one: str, other: str) -> None:
    assert same_principal(one, other) == same_principal(other, one)
    assert same_principal(one, one)


@given(st.text())
def test_an_arn_is_no_slack_user(name: str) -> None:
    assert not is_slack_user(f"{_ROLE}/{name}")
    assert is_slack_user("U0123ABC")
