"""What the AWS clients share: retries, timeouts, and the error names of their failures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from lambdas.domain.errors import RequestRefused, ServiceUnavailable, Throttled
from lambdas.domain.plain_text import cleaned

# Mode and attempts are explicit because boto3's defaults changed between releases. The state machine
# retries on top of this, with longer pauses than a Lambda function should spend waiting.
CLIENT_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 3}, connect_timeout=2, read_timeout=8, tcp_keepalive=True
)

# For calls whose error must belong to the only request sent.
SINGLE_ATTEMPT = CLIENT_CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))

_client_lock = threading.Lock()


def client(service: str, config: Config = CLIENT_CONFIG) -> Any:
    """A client of boto3's default session, which reads the standard environment and configuration.

    Threads may ask at the same time. The session makes clients safely for one thread at a time only.
    """
    make: Any = boto3.client
    with _client_lock:
        return make(service, config=config)


def pages(
    call: Callable[..., Any], request: Mapping[str, Any], token: str, follows: str = ""
) -> Iterator[Any]:
    """Every page of a call's response.

    botocore's paginators search the models of all services when they are made: 40 ms of a cold start.

    Parameters
    ----------
    token
        The member of the request that asks for the next page.
    follows
        The member of the response that holds it, absent or empty on the last page. Its name is `token`'s
        unless given.
    """
    asked = dict(request)
    while True:
        page = call(**asked)
        yield page
        if not page.get(follows or token):
            return
        asked[token] = page[follows or token]


_THROTTLES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "TransactionConflictException",
    }
)
_SERVER_FAULT = 500


def error_code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def error_message(error: ClientError) -> str:
    return cleaned(error.response.get("Error", {}).get("Message", ""))


@contextmanager
def translated(service: str) -> Generator[None]:
    """Turn botocore's failures into the workflow's error names.

    Raises
    ------
    Throttled, ServiceUnavailable
        A later attempt may succeed.
    RequestRefused
        No attempt will. The message has the service's own words.
    """
    try:
        yield
    except ClientError as error:
        code, message = error_code(error), error_message(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _THROTTLES:
            raise Throttled(f"{service} is throttling: {message}") from error
        if status >= _SERVER_FAULT:
            raise ServiceUnavailable(f"{service} answered {status} {code}: {message}") from error
        raise RequestRefused(f"{service} refused {error.operation_name}: {code}: {message}") from error
    except ParamValidationError as error:
        raise RequestRefused(f"{service}: the request isn't valid: {cleaned(str(error))}") from error
    except BotoCoreError as error:
        raise ServiceUnavailable(f"{service} could not be reached: {type(error).__name__}") from error
