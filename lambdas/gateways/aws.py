"""What the AWS clients share: how hard they try, and what their failures are called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.session import Session

from lambdas.domain.errors import RequestRefused, ServiceUnavailable, Throttled

# Mode and attempts are explicit because boto3's defaults changed between releases (DESIGN §4.16). The state
# machine retries on top of this, with longer pauses than a Lambda should spend waiting.
CLIENT_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 3}, connect_timeout=2, read_timeout=8, tcp_keepalive=True
)

# Where it matters which attempt was refused: an answer is then about that one call.
SINGLE_ATTEMPT = CLIENT_CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))


_making = threading.Lock()


@cache
def session() -> Session:
    """What boto3's default session is made of; `import boto3` brings much that no function uses."""
    return Session()


def client(service: str, config: Config = CLIENT_CONFIG) -> Any:
    """A client as boto3 makes it, of the standard environment and configuration.

    May be asked for in several threads; a session makes clients safely in one at a time only.
    """
    with _making:
        return session().create_client(service, config=config)


def pages(
    call: Callable[..., Any], request: Mapping[str, Any], token: str, follows: str = ""
) -> Iterator[Any]:
    """Every page of a call's answer.

    botocore's paginators search the models of all services as they are made, which costs each cold start.

    Parameters
    ----------
    token
        The member of the request that asks for the next page.
    follows
        The member of the answer that holds it, absent or empty on the last page; named like `token` unless
        given.
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
    return error.response.get("Error", {}).get("Message", "")


@contextmanager
def translated(service: str) -> Generator[None]:
    """Turn botocore's failures into the workflow's error words.

    Raises
    ------
    Throttled, ServiceUnavailable
        Worth another try, later.
    RequestRefused
        Not worth one; the message has the service's own words.
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
        raise RequestRefused(f"{service}: the request isn't valid: {error}") from error
    except BotoCoreError as error:
        raise ServiceUnavailable(f"{service} could not be reached: {type(error).__name__}") from error
