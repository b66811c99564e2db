"""Whether a role of the account may use a KMS key, as far as that can be shown before a person is asked.

IAM's policy simulator takes no key policy for a role, so the key's policy is judged here and the role's own
policies by the simulator. What can't be shown counts as not allowed: an Allow counts only if all of it is
understood, and a Deny unless something in it rules this use out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

_ROLE_ARN = re.compile(r"arn:([^:*?]+):iam::([0-9]{12}):role/(?:[^*?]+/)?([^/*?]+)")
_ACCOUNT = re.compile(r"[0-9]{12}")
_PRINCIPAL_ARN = re.compile(r"arn:[^:*?]+:(?:iam|sts)::([0-9]{12}):([^*?]+)")

# Condition keys are compared in lower case: IAM doesn't tell the cases apart.
_VIA_SERVICE = "kms:viaservice"
_CALLER_ACCOUNT = "kms:calleraccount"
_ACCOUNT_KEYS = (_CALLER_ACCOUNT, "aws:principalaccount")
_PRINCIPAL_ARN_KEY = "aws:principalarn"
_SECURE_TRANSPORT = "aws:securetransport"

_Statement = Mapping[str, Any]


class KeyAccess(StrEnum):
    """Who decides that a role may use a key."""

    DIRECT = "DIRECT"  # the key policy itself allows the role; its own policies must only not deny it
    DELEGATED = "DELEGATED"  # the key policy lets the account's IAM policies decide
    NOT_SHOWN = "NOT_SHOWN"


@dataclass(frozen=True, slots=True)
class Use:
    """What a role would do with the key.

    Parameters
    ----------
    role_arn
        A role of the key's own account: across accounts, a key policy alone allows nothing.
    via_service
        The value of `kms:ViaService`: ``s3.us-east-1.amazonaws.com``.
    """

    role_arn: str
    actions: tuple[str, ...]
    via_service: str


@dataclass(frozen=True, slots=True)
class _Role:
    arn: str
    partition: str
    account: str
    name: str


@dataclass(frozen=True, slots=True)
class _Test:
    """One line of a statement's conditions; all of them must hold."""

    operator: str
    key: str
    value: Any


def judge_key_policy(policy: Mapping[str, Any], use: Use) -> tuple[KeyAccess, str]:
    """The access that a key policy gives and, where none is shown, why not: a clause for a card."""
    role = _role(use.role_arn)
    if role is None or not use.actions:
        return KeyAccess.NOT_SHOWN, "it is not clear which role would do what with it"
    statements = _statements(policy)
    if statements is None:
        return KeyAccess.NOT_SHOWN, "its key policy can't be read"
    if any(item["Effect"] == "Deny" and _may_deny(item, use, role) for item in statements):
        return KeyAccess.NOT_SHOWN, "its key policy has a Deny that may apply"
    allows = [item for item in statements if item["Effect"] == "Allow"]
    if all(_given_to(item, role) is KeyAccess.NOT_SHOWN for item in allows):
        return KeyAccess.NOT_SHOWN, "its key policy does not mention the role or the account"
    return _judge_actions(allows, use, role)


def judge_simulation(results: Sequence[Mapping[str, Any]], access: KeyAccess) -> str | None:
    """Why the role's own policies don't let it use the key, as a clause for a card; None if they do.

    Parameters
    ----------
    results
        The `EvaluationResults` of IAM's SimulatePrincipalPolicy, of all its pages and for all the actions.
    """
    if access is KeyAccess.NOT_SHOWN:
        return "its key policy does not allow it"
    if not results:
        return "the role's IAM policies could not be evaluated"
    objections = (_objection(result, access) for result in results)
    return next((objection for objection in objections if objection), None)


def simulation_context(use: Use) -> list[dict[str, Any]]:
    """The `ContextEntries` of SimulatePrincipalPolicy: what KMS would know of the call."""
    role = _role(use.role_arn)
    known = {"kms:ViaService": use.via_service, "kms:CallerAccount": role.account if role else ""}
    return [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in known.items()
    ]


def _judge_actions(allows: Sequence[_Statement], use: Use, role: _Role) -> tuple[KeyAccess, str]:
    given = {action: _access(allows, action, use, role) for action in use.actions}
    missing = [action for action, access in given.items() if access is KeyAccess.NOT_SHOWN]
    if missing:
        clause = f"its key policy does not plainly allow {', '.join(missing)} through {use.via_service}"
        return KeyAccess.NOT_SHOWN, clause
    delegated = KeyAccess.DELEGATED in given.values()
    return (KeyAccess.DELEGATED if delegated else KeyAccess.DIRECT), ""


def _access(allows: Sequence[_Statement], action: str, use: Use, role: _Role) -> KeyAccess:
    """The best that any statement gives for an action."""
    given = {_given_to(item, role) for item in allows if _allows(item, action, use, role)}
    ranked = (KeyAccess.DIRECT, KeyAccess.DELEGATED)
    return next((access for access in ranked if access in given), KeyAccess.NOT_SHOWN)


def _allows(statement: _Statement, action: str, use: Use, role: _Role) -> bool:
    tests = _tests(statement)
    return (
        "NotAction" not in statement
        and "NotResource" not in statement
        and _lists(_strings(statement.get("Action")) or [], action)
        # KMS takes a statement without a Resource, but it has no effect (API reference, PutKeyPolicy).
        and "*" in (_strings(statement.get("Resource")) or [])
        and tests is not None
        and all(_holds(test, use, role) for test in tests)
    )


def _given_to(statement: _Statement, role: _Role) -> KeyAccess:
    """The access of a statement by its principals alone."""
    principal = statement.get("Principal")
    of_aws = principal.get("AWS") if isinstance(principal, Mapping) else None
    named = ["*"] if principal == "*" else _strings(of_aws) or []
    if "NotPrincipal" in statement:
        return KeyAccess.NOT_SHOWN
    if role.arn in named or ("*" in named and _pins_account(statement, role)):
        return KeyAccess.DIRECT
    if f"arn:{role.partition}:iam::{role.account}:root" in named or role.account in named:
        return KeyAccess.DELEGATED
    return KeyAccess.NOT_SHOWN


def _pins_account(statement: _Statement, role: _Role) -> bool:
    return any(test.key == _CALLER_ACCOUNT and _is_account(test, role) for test in _tests(statement) or ())


def _holds(test: _Test, use: Use, role: _Role) -> bool:
    """Whether a condition is understood and met."""
    if test.key in _ACCOUNT_KEYS:
        return _is_account(test, role)
    # What KMS always knows of a call through a service is there, so `IfExists` makes no difference.
    operator = test.operator.removesuffix("IfExists")
    values = _strings(test.value) or []
    if test.key == _VIA_SERVICE and operator in _STRING_MATCHES:
        return any(_STRING_MATCHES[operator](value, use.via_service) for value in values)
    if test.key == _PRINCIPAL_ARN_KEY and operator in _ARN_MATCHES:
        return any(_ARN_MATCHES[operator](value, role.arn) for value in values)
    return False


def _is_account(test: _Test, role: _Role) -> bool:
    operator = test.operator.removesuffix("IfExists")
    return operator in _STRING_MATCHES and role.account in (_strings(test.value) or [])


def _may_deny(statement: _Statement, use: Use, role: _Role) -> bool:
    tests = _tests(statement)
    return (
        _may_concern_actions(statement, use.actions)
        and _may_concern_role(statement, role)
        and (tests is None or not any(_never_holds(test, use, role) for test in tests))
    )


def _may_concern_actions(statement: _Statement, actions: Sequence[str]) -> bool:
    listed = _strings(statement.get("Action"))
    spared = _strings(statement.get("NotAction"))
    if "NotAction" in statement:
        return "Action" in statement or not all(_lists(spared or [], action) for action in actions)
    return listed is None or any(_lists(listed, action) for action in actions)


def _may_concern_role(statement: _Statement, role: _Role) -> bool:
    principal = statement.get("Principal")
    if "NotPrincipal" in statement or not isinstance(principal, Mapping) or not principal:
        return True
    return not all(_are_others(kind, _strings(names), role) for kind, names in principal.items())


def _are_others(kind: Any, names: Sequence[str] | None, role: _Role) -> bool:
    """Whether principals of a kind are certainly not the role."""
    if names is None:
        return False
    if kind == "Service":
        return not any("*" in name or "?" in name for name in names)
    return kind == "AWS" and all(_is_other(name, role) for name in names)


def _is_other(principal: str, role: _Role) -> bool:
    if _ACCOUNT.fullmatch(principal):
        return principal != role.account
    arn = _PRINCIPAL_ARN.fullmatch(principal)
    if arn is None:
        return False
    account, resource = arn.groups()
    kind, *names = resource.split("/")
    if account != role.account or kind == "user":
        return True
    # A role's name is unique in its account whatever its path, and without regard to case.
    name = {"role": names[-1:], "assumed-role": names[:1]}.get(kind)
    return bool(name) and name[0].lower() != role.name.lower()


def _never_holds(test: _Test, use: Use, role: _Role) -> bool:
    """Whether a condition certainly isn't met, so that its statement doesn't apply."""
    if test.key == _SECURE_TRANSPORT:
        # Services call KMS over TLS. Not `BoolIfExists`: it is met if they pass nothing on about it.
        return test.operator == "Bool" and _is_false(test.value)
    actual = {_VIA_SERVICE: use.via_service} | dict.fromkeys(_ACCOUNT_KEYS, role.account)
    values = _strings(test.value)
    matches = _STRING_MATCHES.get(test.operator.replace("StringNot", "String", 1))
    if test.key not in actual or values is None or matches is None:
        return False
    if any(matches(value, actual[test.key]) for value in values):
        return test.operator.startswith("StringNot")
    # A policy variable may stand for the very value.
    return not test.operator.startswith("StringNot") and not any("${" in value for value in values)


def _is_false(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(str(item).lower() == "false" for item in values)


def _objection(result: Any, access: KeyAccess) -> str | None:
    if not isinstance(result, Mapping):
        return "the role's IAM policies could not be evaluated"
    action, decision = result.get("EvalActionName") or "it", result.get("EvalDecision")
    if decision == "explicitDeny":
        return f"the role's IAM policies deny {action}"
    if decision != "allowed" and (access is KeyAccess.DELEGATED or decision != "implicitDeny"):
        return f"the role's IAM policies do not allow {action}"
    if _refused(result.get("PermissionsBoundaryDecisionDetail"), "AllowedByPermissionsBoundary"):
        return f"the role's permissions boundary does not allow {action}"
    if _refused(result.get("OrganizationsDecisionDetail"), "AllowedByOrganizations"):
        return f"the organization's policies do not allow {action}"
    return None


def _refused(detail: Any, flag: str) -> bool:
    if detail is None:
        return False
    return not isinstance(detail, Mapping) or detail.get(flag, True) is not True


def _role(arn: str) -> _Role | None:
    found = _ROLE_ARN.fullmatch(arn)
    return _Role(arn, *found.groups()) if found else None


def _statements(policy: Any) -> list[_Statement] | None:
    """The statements of a policy, of which IAM takes a single one bare; None if any can't be read."""
    found: Any = policy.get("Statement") if isinstance(policy, Mapping) else None
    statements: Any = [found] if isinstance(found, Mapping) else found
    if not isinstance(statements, list):
        return None
    readable = all(
        isinstance(item, Mapping) and item.get("Effect") in ("Allow", "Deny") for item in statements
    )
    return statements if readable else None


def _tests(statement: _Statement) -> list[_Test] | None:
    """A statement's conditions, none if it has none; None if they can't be read."""
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, Mapping) or not all(map(_is_block, conditions.values())):
        return None
    return [
        _Test(str(operator), str(key).lower(), value)
        for operator, block in conditions.items()
        for key, value in block.items()
    ]


def _is_block(block: Any) -> bool:
    return isinstance(block, Mapping) and bool(block)


def _strings(value: Any) -> list[str] | None:
    """One string or several, as IAM lets both be written; None if it's anything else."""
    values: list[Any] = value if isinstance(value, list) else [value]
    return values if values and all(isinstance(item, str) for item in values) else None


def _lists(patterns: Sequence[str], action: str) -> bool:
    return any(_like(pattern.lower(), action.lower()) for pattern in patterns)


def _equal(expected: str, actual: str) -> bool:
    return expected == actual


def _like(pattern: str, text: str) -> bool:
    """Whether a text matches IAM's wildcards, which are `*` and `?` but, unlike a shell's, not `[`."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _arn_like(pattern: str, arn: str) -> bool:
    """As `_like`, but part by part: a wildcard doesn't reach over the first five colons."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


_STRING_MATCHES: dict[str, Callable[[str, str], bool]] = {"StringEquals": _equal, "StringLike": _like}
_ARN_MATCHES = _STRING_MATCHES | {"ArnEquals": _arn_like, "ArnLike": _arn_like}
