"""People, identified by a Slack user id or by an IAM principal's ARN."""

from __future__ import annotations

import re

_SLACK_USER = re.compile(r"[UW][A-Z0-9]+")
# An assumed role's session; not of an IAM Identity Center role, whose sessions AWS names after people.
# https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
_ROLE_SESSION = re.compile(r"(arn:[^:]*:sts::[^:]*:assumed-role/(?!AWSReservedSSO_)[^/]+)/[^/]*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def is_slack_user(user: str) -> bool:
    """Whether an id is a Slack user's. Otherwise it is an IAM principal's ARN."""
    return bool(_SLACK_USER.fullmatch(user))


def session_name(principal_arn: str) -> str:
    """An assumed role's session name, or an IAM user's name.

    ``arn:aws:sts::123456789012:assumed-role/DataScientist/ana@example.com`` is ``ana@example.com``.
    """
    return principal_arn.rpartition("/")[2] if "/" in principal_arn else ""


def email_of(principal_arn: str) -> str | None:
    """The name of a principal's session or user, if it is an email address."""
    name = session_name(principal_arn)
    return name if _EMAIL.fullmatch(name) else None


def same_principal(one: str, other: str) -> bool:
    """Whether two principals may be one person: by their names, or as sessions of one role.

    Anyone who assumes a role picks the session name, so two sessions don't prove two people.
    """
    role = _role_of(one)
    if one == other or (role and role == _role_of(other)):
        return True
    first, second = session_name(one).casefold(), session_name(other).casefold()
    return bool(first) and first == second


def _role_of(principal_arn: str) -> str:
    found = _ROLE_SESSION.fullmatch(principal_arn)
    return found[1] if found else ""
