"""The HTTP server of the stand-ins and moto, on a free port of this machine, able to hang up.

Not werkzeug's: that one closes the connection after every answer, whatever the protocol version, so that
each call would open a new one, at two to four times the CPU time.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from typing import IO, TYPE_CHECKING, Any, Self, cast
from wsgiref.handlers import SimpleHandler
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from types import TracebackType
    from wsgiref.types import WSGIApplication

_POLL_SECONDS = 0.01  # how soon the server notices that it has to stop
_LONGEST_LINE = 65_536


class AnswerLostError(ConnectionError):
    """The connection closes without an answer: the client can't know whether the call took effect."""


class Server:
    """A listening server; like AWS's, it keeps connections open. Stops as a context manager, or by `stop`.

    Parameters
    ----------
    app
        Answers requests; may raise `AnswerLostError`.
    on_stop
        Called first, to release those who wait in a request.
    """

    def __init__(self, app: WSGIApplication, on_stop: Callable[[], None] | None = None) -> None:
        self._on_stop = on_stop
        self._server = _Listener(app)
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


class _Listener(ThreadingMixIn, WSGIServer):
    """A thread for each connection. Those still connected when it closes are cut off."""

    daemon_threads = True
    request_queue_size = 128  # a burst connects all at once

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self._connections = set[socket.socket]()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks DNS for this machine's name, which can take seconds
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in tuple(self._connections):
            with suppress(OSError):  # it closed meanwhile
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Answers requests of one connection until either side closes it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece

    def handle(self) -> None:
        self.close_connection = False
        while not self.close_connection:
            try:
                self._answer_next()
            except ConnectionError:  # AnswerLostError, or the client hung up
                self.close_connection = True

    def _answer_next(self) -> None:
        self.raw_requestline = self.rfile.readline(_LONGEST_LINE)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        # all of it, whether or not the app wants it: the next request comes right behind it
        body = io.BytesIO(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        answer = _Answer(body, cast("IO[bytes]", self.wfile), sys.stderr, self.get_environ())
        answer.run(cast("_Listener", self.server).app)
        self.wfile.flush()

    def finish(self) -> None:
        with suppress(OSError):  # what the client no longer takes
            super().finish()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The stand-ins keep their calls themselves."""


class _Answer(SimpleHandler):
    http_version = "1.1"

    def handle_error(self) -> None:
        error = sys.exception()
        if isinstance(error, AnswerLostError):
            raise error
        super().handle_error()
