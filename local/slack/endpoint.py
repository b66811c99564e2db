"""The Web API's side of HTTP: who calls, with what arguments, and what goes wrong on the way."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from local.server import AnswerLostError
from local.slack.faults import Faults, Plan
from local.slack.server import json_response
from local.slack.web_api import RateLimited, SlackError, WebApi

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

Json = dict[str, Any]


@dataclass(frozen=True)
class ApiCall:
    """One call of the Web API. `error` is Slack's word, None where it succeeded; no token is kept."""

    time: float
    method: str
    arguments: Json
    error: str | None
    status: int
    answer_lost: bool


# https://docs.slack.dev/reference/methods, each method's own page
_NEEDED_SCOPES = {
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "users.lookupByEmail": {"users:read.email"},
    "usergroups.users.list": {"usergroups:read"},
    "conversations.info": {"channels:read"},
}
ALL_SCOPES = frozenset[str]().union(*_NEEDED_SCOPES.values())


class Endpoint:
    """Answers the requests under `/api/`, and logs them.

    Parameters
    ----------
    now
        Unix time.
    scopes
        Those of the bot's token, as every answer names them.
    """

    def __init__(
        self,
        api: WebApi,
        faults: Faults,
        now: Callable[[], float],
        *,
        bot_token: str,
        scopes: Collection[str],
    ) -> None:
        self._scopes = scopes
        self.calls: list[ApiCall] = []
        self._api = api
        self._faults = faults
        self._now = now
        self._bot_token = bot_token

    def answer(self, request: Request, method: str) -> Response:
        if self._faults.is_down:
            raise AnswerLostError
        plan = self._faults.plan(method)
        arguments: Json = {}
        body, status, retry_after = {"ok": False, "error": plan.error}, plan.status, plan.retry_after
        try:
            arguments = _arguments(request)
            token = arguments.pop("token", None)
            if not plan.error:
                body, status, retry_after = self._call(request, method, token, arguments)
        except SlackError as error:
            body, status = error.body(), HTTPStatus.OK
        self._log(method, arguments, body, status, plan)
        if plan.loses_answer:
            raise AnswerLostError
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if body.get("ok"):
            headers["x-oauth-scopes"] = ",".join(self._scopes)
        return json_response(body, status, headers)

    def _call(
        self, request: Request, method: str, token: Any, arguments: Json
    ) -> tuple[Json, int, int | None]:
        self._authenticate(request.headers.get("Authorization", ""), token)
        if not _NEEDED_SCOPES.get(method, frozenset()) <= set(self._scopes):
            raise SlackError("missing_scope")
        try:
            return self._api.call(method, arguments), HTTPStatus.OK, None
        except RateLimited as error:
            return error.body(), HTTPStatus.TOO_MANY_REQUESTS, 1

    def _authenticate(self, authorization: str, token: Any) -> None:
        scheme, _, bearer = authorization.partition(" ")
        given = bearer if scheme.lower() == "bearer" else token
        if not given:
            raise SlackError("not_authed")
        if not hmac.compare_digest(str(given).encode(), self._bot_token.encode()):
            raise SlackError("invalid_auth")

    def _log(self, method: str, arguments: Json, body: Json, status: int, plan: Plan) -> None:
        error = None if body.get("ok") else str(body.get("error"))
        self.calls.append(ApiCall(self._now(), method, arguments, error, status, plan.loses_answer))


def _arguments(request: Request) -> Json:
    """From the query, and from a form or a JSON body."""
    query: Json = request.args.to_dict()
    if request.method != "POST" or not request.content_length:
        return query
    match request.mimetype:
        case "application/json":
            return query | _json_arguments(request.get_data())
        case "application/x-www-form-urlencoded" | "multipart/form-data":
            return query | request.form.to_dict()
        case "":
            raise SlackError("missing_post_type")
        case _:
            raise SlackError("invalid_post_type")


def _json_arguments(body: bytes) -> Json:
    try:
        arguments = json.loads(body)
    except (ValueError, RecursionError):
        raise SlackError("invalid_json") from None
    if not isinstance(arguments, dict):
        raise SlackError("json_not_object")
    return cast("Json", arguments)
