"""AWS JSON 1.1 over HTTP: requests taken apart, answers put together."""

from __future__ import annotations

import json
import logging
import re
import threading
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from local.sagemaker.errors import AnswerLostError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIEnvironment

_logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.01  # how soon a listening server notices that it is to stop
_CONTENT_TYPE = "application/x-amz-json-1.1"
_SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request\b")


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
class Answer:
    status: int
    body: dict[str, Any]
    request_id: str


class Server:
    """A listening server. Stops as a context manager, or by `stop`."""

    def __init__(self, app: _App) -> None:
        self._app = app
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, app, threaded=True, request_handler=_Handler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def listen(answer: Callable[[Incoming], Answer]) -> Server:
    """Serve `answer`, which may raise `ServiceError` and `AnswerLostError`."""
    return Server(_App(answer))


class _App:
    def __init__(self, answer: Callable[[Incoming], Answer]) -> None:
        self._answer = answer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = self._answer(_read(Request(environ)))
        except ServiceError as error:
            body = {"__type": error.code, "message": error.message}
            answer = Answer(error.status, body, str(uuid.uuid4()))
        except AnswerLostError:
            raise
        except Exception:
            # a mistake of ours, or of whoever listens to the calls: loud here, and the client sees a 500
            _logger.exception("the SageMaker stand-in failed")
            body = {"__type": "InternalFailure", "message": "The SageMaker stand-in failed: see its log."}
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, body, str(uuid.uuid4()))
        response = Response(
            json.dumps(answer.body),
            status=answer.status,
            content_type=_CONTENT_TYPE,
            headers={"x-amzn-RequestId": answer.request_id},
        )
        return response(environ, start_response)


class _Handler(WSGIRequestHandler):
    """Quiet, and able to hang up."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Calls are in `SageMakerHosting.calls`."""

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        super().connection_dropped(error, environ)
        if isinstance(error, AnswerLostError):
            self.close_connection = True


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
