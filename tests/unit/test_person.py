from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.person import email_of, is_slack_user, same_principal, session_name

_ROLE = "arn:aws:sts::123456789012:assumed-role/DataScientist"


@pytest.mark.parametrize(
    ("principal", "name", "email"),
    [
        (f"{_ROLE}/ana@example.com", "ana@example.com", "ana@example.com"),
        ("arn:aws:iam::123456789012:user/people/ana@example.com", "ana@example.com", "ana@example.com"),
        (f"{_ROLE}/i-0123456789abcdef0", "i-0123456789abcdef0", ""),
        ("arn:aws:iam::123456789012:root", "", ""),
        ("", "", ""),
        (f"{_ROLE}/not an@email", "not an@email", ""),
    ],
)
def test_who_is_behind_a_principal(principal: str, name: str, email: str) -> None:
    assert session_name(principal) == name
    assert email_of(principal) == email


def test_one_person_in_two_roles_is_one_person() -> None:
    assert same_principal(f"{_ROLE}/Ana@example.com", _ROLE.replace("Data", "Chief") + "/ana@example.com")
    assert not same_principal(f"{_ROLE}/ana@example.com", f"{_ROLE}/ada@example.com")
    assert not same_principal("arn:aws:iam::1:root", "arn:aws:iam::2:root")
    assert not same_principal("", "arn:aws:iam::2:root")


@given(st.text(), st.text())
def test_being_the_same_is_mutual(one: str, other: str) -> None:
    assert same_principal(one, other) == same_principal(other, one)
    assert same_principal(one, one)


@given(st.text())
def test_an_arn_is_no_slack_user(name: str) -> None:
    assert not is_slack_user(f"{_ROLE}/{name}")
    assert is_slack_user("U0123ABC")
