"""API Gateway's HTTP API on this machine: the template's routes, in front of its functions."""

from __future__ import annotations

import base64
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.wrappers import Request, Response

from local.aws.functions import FunctionError
from local.server import Server

_BAD_GATEWAY = 502
_CREDENTIAL = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>\w+)/\d{8}/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request, "
    r"SignedHeaders=(?P<headers>[\w;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Route:
    """The function behind a route, whether AWS has to verify who calls it, and how many requests it takes."""

    function: str
    iam: bool
    per_second: float
    burst: int


class _Bucket:
    """The requests that a route still takes: all callers of a route share one token bucket.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html

    It is filled by the clock here, and by the real one where this one stands still or goes more slowly.
    """

    def __init__(self, route: Route, now: Callable[[], float]) -> None:
        self._route = route
        self._clocks = (now, time.monotonic)
        self._left = float(route.burst)
        self._filled = [clock() for clock in self._clocks]
        self._lock = threading.Lock()

    def take(self) -> bool:
        with self._lock:
            before, self._filled = self._filled, [clock() for clock in self._clocks]
            passed = max(now - then for now, then in zip(self._filled, before, strict=True))
            self._left = min(self._route.burst, self._left + passed * self._route.per_second)
            if self._left < 1:
                return False
            self._left -= 1
            return True


class HttpApi:
    """Serves routes such as ``POST /slack/interactions``; any other is API Gateway's 404.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

    Parameters
    ----------
    principals
        The access keys that may call a route under IAM: each one's secret key and its principal's ARN.
    now
        The time here, in Unix seconds.
    """

    def __init__(
        self,
        routes: Mapping[str, Route],
        invoke: Callable[[str, Any], Any],
        principals: Mapping[str, tuple[str, str]],
        now: Callable[[], float],
    ) -> None:
        self._now = now
        self._principals = principals
        self._routes = routes
        self._buckets = {key: _Bucket(route, now) for key, route in routes.items()}
        self._invoke = invoke
        self._server = Server(Request.application(self._dated))

    @property
    def url(self) -> str:
        return self._server.url

    def stop(self) -> None:
        self._server.stop()

    def _dated(self, request: Request) -> Response:
        """Every answer has the time, by which a caller can tell that its own clock is wrong."""
        response = self._answer(request)
        response.date = datetime.fromtimestamp(self._now(), UTC)
        return response

    def _answer(self, request: Request) -> Response:
        route = self._routes.get(f"{request.method} {request.path}")
        if route is None:
            return _json_response({"message": "Not Found"}, 404)
        if not self._buckets[f"{request.method} {request.path}"].take():
            return _json_response({"message": "Too Many Requests"}, 429)
        event = _payload(request)
        if route.iam:
            arn = self._signed_by(request)
            if arn is None:
                return _json_response({"message": "Forbidden"}, 403)
            event["requestContext"]["authorizer"] = {"iam": {"userArn": arn}}
        try:
            answer = self._invoke(route.function, event)
        except FunctionError:
            return _json_response({"message": "Internal Server Error"}, _BAD_GATEWAY)
        return Response(answer.get("body", ""), answer["statusCode"], answer.get("headers", {}))

    def _signed_by(self, request: Request) -> str | None:
        """Who signed a request, by Signature Version 4; None where that isn't anybody who may call."""
        given = request.headers.get("Authorization", "")
        match = _CREDENTIAL.match(given)
        secret_key, arn = self._principals.get(match["key"] if match else "", ("", ""))
        if not match or not secret_key:
            return None
        signed = AWSRequest(request.method, request.url, data=request.get_data())
        for name in match["headers"].split(";"):
            signed.headers[name] = request.headers.get(name, "")
        signed.context["timestamp"] = request.headers.get("X-Amz-Date", "")
        signer = SigV4Auth(Credentials(match["key"], secret_key), match["service"], match["region"])
        to_sign = signer.string_to_sign(signed, signer.canonical_request(signed))
        genuine = hmac.compare_digest(signer.signature(to_sign, signed), match["signature"])
        return arn if genuine else None


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
