"""AWS JSON 1.1 over HTTP: requests taken apart, answers put together."""

from __future__ import annotations

import json
import logging
import re
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, get_args

from werkzeug.wrappers import Request, Response

from local.sagemaker.errors import ServiceError
from local.server import AnswerLostError, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

_logger = logging.getLogger(__name__)

_CONTENT_TYPE = "application/x-amz-json-1.1"
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request\b")


Operation = Literal[
    "CreateModel",
    "DescribeModel",
    "DeleteModel",
    "ListModels",
    "CreateEndpointConfig",
    "DescribeEndpointConfig",
    "DeleteEndpointConfig",
    "ListEndpointConfigs",
    "CreateEndpoint",
    "DescribeEndpoint",
    "UpdateEndpoint",
    "UpdateEndpointWeightsAndCapacities",
    "DeleteEndpoint",
    "ListEndpoints",
    "AddTags",
    "ListTags",
    "DeleteTags",
]


def known_operation(operation: str) -> Operation | None:
    return next((name for name in get_args(Operation) if name == operation), None)


@dataclass(frozen=True)
class Incoming:
    """A request: who calls what where, and the body as it came."""

    operation: str
    region: str
    access_key_id: str
    source_ip: str
    user_agent: str
    body: bytes


@dataclass(frozen=True)
class ApiResponse:
    status: int
    body: dict[str, Any]
    request_id: str


def listen(answer: Callable[[Incoming], ApiResponse]) -> Server:
    """Serve `answer`, which may raise `ServiceError` and `AnswerLostError`."""
    return Server(_App(answer))


class _App:
    def __init__(self, answer: Callable[[Incoming], ApiResponse]) -> None:
        self._answer = answer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = self._answer(_read(Request(environ)))
        except ServiceError as error:
            body = {"__type": error.code, "message": error.message}
            answer = ApiResponse(error.status, body, str(uuid.uuid4()))
        except AnswerLostError:
            raise
        except Exception:
            # a mistake of ours, or of a listener to the calls: loud here, and the client sees a 500
            _logger.exception("the SageMaker stand-in failed")
            body = {"__type": "InternalFailure", "message": "The SageMaker stand-in failed: see its log."}
            answer = ApiResponse(HTTPStatus.INTERNAL_SERVER_ERROR, body, str(uuid.uuid4()))
        response = Response(
            json.dumps(answer.body),
            status=answer.status,
            content_type=_CONTENT_TYPE,
            headers={"x-amzn-RequestId": answer.request_id},
        )
        return response(environ, start_response)


def _read(request: Request) -> Incoming:
    access_key_id, region = _scope(request.headers.get("Authorization", ""))
    service, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
    if service != "SageMaker" or request.method != "POST":
        raise ServiceError("UnknownOperationException", "Not an operation of SageMaker.")
    return Incoming(
        operation=operation,
        region=region,
        access_key_id=access_key_id,
        source_ip=request.remote_addr or "",
        user_agent=request.headers.get("User-Agent", ""),
        body=request.get_data(),
    )


def _scope(authorization: str) -> tuple[str, str]:
    """The access key id and the region that a request is signed for. The signature isn't verified."""
    if not authorization:
        raise ServiceError(
            "MissingAuthenticationTokenException", "Missing Authentication Token", HTTPStatus.FORBIDDEN
        )
    scope = _SCOPE.match(authorization)
    if scope is None:
        raise ServiceError(
            "IncompleteSignatureException", "Authorization header requires a 'Credential' scope."
        )
    access_key_id, region, service = scope.groups()
    if service != "sagemaker":
        raise ServiceError(
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'sagemaker'.",
            HTTPStatus.FORBIDDEN,
        )
    return access_key_id, region
