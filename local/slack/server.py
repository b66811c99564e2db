"""One HTTP server for the Web API and the page."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from local.server import AnswerLostError, Server

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_logger = logging.getLogger(__name__)

Route = Callable[[Request], Response]


class SlackServer(Server):
    """A listening stand-in."""

    def __init__(self, answer: Route, on_stop: Callable[[], None]) -> None:
        super().__init__(_App(answer), on_stop)

    @property
    def api_url(self) -> str:
        """The Web API's base address, for `SLACK_API_URL`."""
        return f"{self.url}/api/"


class _App:
    def __init__(self, answer: Route) -> None:
        self._answer = answer

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except HTTPException as error:
            response = json_response({"error": error.description}, error.code or 500)
        except AnswerLostError:
            raise
        except Exception:
            # a mistake of ours: loud here, and the client sees a 500
            _logger.exception("the Slack stand-in failed")
            response = json_response({"ok": False, "error": "fatal_error"}, 500)
        return response(environ, start_response)


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/json; charset=utf-8")
