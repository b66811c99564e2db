"""What doctor tells of each thing that it looks at, also where it could not look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.domain.errors import RemediationError
from lambdas.gateways.aws import error_code, error_message
from ops.deployment import NotDeployed

# CloudFormation does not look at what is there, unless it is told to.
PUT_BACK = "`CDK_REVERT_DRIFT=true make deploy`, which puts back what was removed or changed by hand."
_AGAIN = "Sign in anew if the session has ended, else set right what AWS names; then run this again."
_UNEXPECTED = "Run this again; if that changes nothing, report it."

_DENIED = ("AccessDenied", "AuthorizationError", "UnauthorizedOperation")
_GONE = ("NotFound", "DoesNotExist", "NonExistent")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do where something is wrong, else it is empty."""

    what: str
    says: str
    mend: str = ""

    @property
    def ok(self) -> bool:
        return not self.mend


def told(what: str, service: str, check: Iterator[Finding]) -> Iterator[Finding]:
    """A check's findings; what it stumbles over is one too, so that the other checks go on."""
    try:
        yield from check
    except Exception as error:  # noqa: BLE001  # whatever it is, it concerns this check alone
        yield unfinished(what, service, error)


def unfinished(what: str, service: str, error: BaseException) -> Finding:
    """What to tell of a check that could not be done.

    Parameters
    ----------
    service
        The prefix of its IAM actions, which are named after the calls: ``events`` for EventBridge.
    """
    refusal = _refusal(error)
    code = error_code(refusal) if refusal else ""
    if refusal and code.startswith(_DENIED):
        permission = f"{service}:{refusal.operation_name}"
        return Finding(
            what,
            f"can't be looked at without the permission {permission}",
            f"Add {permission} to the IAM policy of whoever runs this (`--help` lists all that it needs).",
        )
    if refusal and any(word in code for word in _GONE):
        return Finding(what, f"it is gone: {error_message(refusal)}", PUT_BACK)
    if isinstance(error, NotDeployed) and not error.__cause__:
        return Finding(what, str(error), "`make deploy`, from this version.")
    if refusal or isinstance(error, (NotDeployed, RemediationError, BotoCoreError)):
        return Finding(what, f"can't be looked at: {refusal or error}", _AGAIN)
    # by name alone: what Python says of a header that it refuses has the token in it
    return Finding(what, f"can't be looked at: {type(error).__name__}", _UNEXPECTED)


def _refusal(error: BaseException | None) -> ClientError | None:
    """AWS's own answer, however often it was wrapped."""
    while error is not None and not isinstance(error, ClientError):
        error = error.__cause__ or error.__context__
    return error
