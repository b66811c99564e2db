"""What the stand-ins listen with: an HTTP server on a free port of this machine, able to hang up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from types import TracebackType
    from wsgiref.types import WSGIApplication, WSGIEnvironment

_POLL_SECONDS = 0.01  # how soon the server notices that it is to stop


class AnswerLostError(ConnectionError):
    """The connection closes without an answer; whether the call took effect, the client can't tell."""


class Server:
    """A listening server. Stops as a context manager, or by `stop`.

    Parameters
    ----------
    app
        Answers requests; may raise `AnswerLostError`.
    on_stop
        Called first, to release those who wait in a request.
    """

    def __init__(self, app: WSGIApplication, on_stop: Callable[[], None] | None = None) -> None:
        self._on_stop = on_stop
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, app, threaded=True, request_handler=_Handler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        if self._on_stop:
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


class _Handler(WSGIRequestHandler):
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The stand-ins keep the calls they get."""

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:
        super().connection_dropped(error, environ)
        if isinstance(error, AnswerLostError):
            self.close_connection = True
