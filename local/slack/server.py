"""One HTTP server for the Web API and the page."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from local.slack.faults import AnswerLostError

if TYPE_CHECKING:
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIEnvironment

_logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.01  # how soon the server notices that it is to stop

Route = Callable[[Request], Response]


class Server:
    """A listening server. Stops as a context manager, or by `stop`.

    Parameters
    ----------
    on_stop
        Called first, to release those who wait in a request.
    """

    def __init__(self, answer: Route, on_stop: Callable[[], None]) -> None:
        self._on_stop = on_stop
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, _App(answer), threaded=True, request_handler=_Handler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The page's address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def api_url(self) -> str:
        """The Web API's base address, for `SLACK_API_URL`."""
        return f"{self.url}/api/"

    def stop(self) -> None:
        self._on_stop()
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


class _Handler(WSGIRequestHandler):
    """Quiet, and able to hang up."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Calls are in `SlackStandIn.calls`."""

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        super().connection_dropped(error, environ)
        if isinstance(error, AnswerLostError):
            self.close_connection = True


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/json; charset=utf-8")
