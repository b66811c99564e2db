"""The result of each check, even if the check itself could not be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.domain.errors import RemediationError
from lambdas.gateways.aws import error_code, error_message
from ops.deployment import NotDeployed
from ops.errors import credentials_problem, explained

# CloudFormation compares what it deployed with what exists only on request.
RESTORE = "`CDK_REVERT_DRIFT=true make deploy`, which restores what was removed or changed by hand."
_RETRY = "Fix what is named here, then run this again."
_UNEXPECTED = "Run this again. If that doesn't help, report it."

_DENIED = ("AccessDenied", "AuthorizationError", "UnauthorizedOperation")
_GONE = ("NotFound", "DoesNotExist", "NonExistent")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. If something is wrong, `fix` says what to do. Otherwise it is empty."""

    subject: str
    detail: str
    fix: str = ""

    @property
    def ok(self) -> bool:
        return not self.fix


def guarded(subject: str, service: str, check: Iterator[CheckResult]) -> Iterator[CheckResult]:
    """A check's results. An exception in the check becomes a result too, so the other checks still run."""
    try:
        yield from check
    except Exception as error:  # noqa: BLE001  # whatever it is, it concerns this check alone
        yield not_checked(subject, service, error)


def not_checked(subject: str, service: str, error: BaseException) -> CheckResult:
    """The result of a check that could not be done.

    Parameters
    ----------
    service
        The prefix of the service's IAM actions, such as ``events`` for EventBridge.
    """
    refusal = _refusal(error)
    if refusal and (problem := credentials_problem(refusal)):
        return CheckResult(subject, f"can't be checked: {problem}", _RETRY)
    code = error_code(refusal) if refusal else ""
    if refusal and code.startswith(_DENIED):
        permission = f"{service}:{refusal.operation_name}"
        return CheckResult(
            subject,
            f"can't be checked without the permission {permission}",
            f"Add {permission} to your IAM policy (`--help` lists all the permissions that this needs).",
        )
    if refusal and any(word in code for word in _GONE):
        return CheckResult(subject, f"no longer exists: {error_message(refusal)}", RESTORE)
    if isinstance(error, NotDeployed) and not error.__cause__:
        return CheckResult(subject, str(error), "`make deploy`, from this version.")
    if isinstance(error, (NotDeployed, RemediationError, BotoCoreError, ClientError)):
        return CheckResult(subject, f"can't be checked: {explained(error)}", _RETRY)
    # by name alone: Python's message about an invalid header contains the token
    return CheckResult(subject, f"can't be checked: {type(error).__name__}", _UNEXPECTED)


def _refusal(error: BaseException | None) -> ClientError | None:
    """AWS's own error, however often it was wrapped."""
    while error is not None and not isinstance(error, ClientError):
        error = error.__cause__ or error.__context__
    return error
