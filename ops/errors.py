"""What ends a command early, and how it is explained."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's own
    CredentialRetrievalError,
    HTTPClientError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

from lambdas.domain.errors import RemediationError
from lambdas.gateways.aws import error_code, error_message
from ops import clock
from ops.text import from_slack

SIGN_IN = "Sign in, or choose a profile with --profile or AWS_PROFILE."
NO_CREDENTIALS = f"No AWS credentials were found. {SIGN_IN}"

_UNREACHABLE = (ConnectionError, HTTPClientError)
_NO_CREDENTIALS = (NoCredentialsError, NoAuthTokenError)
_NOT_LOADED = (PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError, SSOError)
# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, and as older services spell them
_ENDED = ("ExpiredToken", "RequestExpired")
_UNKNOWN_KEY = ("InvalidClientTokenId", "UnrecognizedClient", "AuthFailure", "InvalidAccessKeyId")
_SIGNATURE = ("InvalidSignature", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestExpired")


class CommandFailed(Exception):
    """The command could not be carried out. The message says why, and what to do."""


class NoCredentials(CommandFailed):
    """AWS can't be asked: there are no credentials, or they can't be loaded."""

    def __init__(self, message: str = NO_CREDENTIALS) -> None:
        super().__init__(message)


def explained(error: BaseException) -> str:
    """Why a command failed, in words for a terminal.

    Missing credentials, and that AWS is out of reach, are explained however often their error was wrapped:
    the same for every command.
    """
    for cause in _causes(error):
        if words := credentials_problem(cause):
            return words
        if isinstance(cause, _UNREACHABLE):
            return f"AWS could not be reached: {cause}"
    if isinstance(error, ClientError):
        return f"AWS refused {error.operation_name}: {error_code(error)}: {error_message(error)}"
    if isinstance(error, RemediationError):
        return from_slack(str(error))  # domain messages may be for a card
    return str(error)


def credentials_problem(error: BaseException) -> str:
    """What is wrong with the caller's credentials, and what to do. Empty if nothing is."""
    if isinstance(error, _NO_CREDENTIALS):
        return NO_CREDENTIALS
    if isinstance(error, _NOT_LOADED):
        return f"The AWS credentials can't be loaded: {str(error).rstrip('.')}. {SIGN_IN}"
    if not isinstance(error, ClientError):
        return ""
    code = error_code(error)
    if code.startswith(_SIGNATURE) and (skew := clock.skew_of(error)):
        return f"AWS did not accept the signature ({code}): {skew}"
    if code.startswith(_ENDED):
        return f"The AWS session has expired. {SIGN_IN}"
    if code.startswith(_UNKNOWN_KEY):
        return f"AWS does not know these credentials ({code}). {SIGN_IN}"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
