"""API Gateway's HTTP API on this machine: the template's routes, in front of its functions."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from local.functions import FunctionError
from local.server import Server

_BAD_GATEWAY = 502


class HttpApi:
    """Serves routes such as ``POST /slack/interactions``; any other is API Gateway's 404.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """

    def __init__(self, routes: Mapping[str, str], invoke: Callable[[str, Any], Any]) -> None:
        self._routes = routes
        self._invoke = invoke
        self._server = Server(Request.application(self._answer))

    @property
    def url(self) -> str:
        return self._server.url

    def stop(self) -> None:
        self._server.stop()

    def _answer(self, request: Request) -> Response:
        function = self._routes.get(f"{request.method} {request.path}")
        if function is None:
            return _json_response({"message": "Not Found"}, 404)
        try:
            answer = self._invoke(function, _payload(request))
        except FunctionError:
            return _json_response({"message": "Internal Server Error"}, _BAD_GATEWAY)
        return Response(answer.get("body", ""), answer["statusCode"], answer.get("headers", {}))


def _payload(request: Request) -> dict[str, Any]:
    """The event that payload format 2.0 makes of a request: text as text, everything else in base64."""
    body = request.get_data()
    headers = {name.lower(): value for name, value in request.headers.items()}
    is_text = (request.mimetype or "").startswith(("text/", "application/x-www-form", "application/json"))
    encode = not is_text or not _is_utf8(body)
    return {
        "version": "2.0",
        "routeKey": f"{request.method} {request.path}",
        "rawPath": request.path,
        "rawQueryString": request.query_string.decode(),
        "headers": headers,
        "requestContext": {"http": {"method": request.method, "path": request.path, "sourceIp": "127.0.0.1"}},
        "body": base64.b64encode(body).decode() if encode else body.decode(),
        "isBase64Encoded": encode,
    }


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _json_response(body: Mapping[str, Any], status: int) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")
