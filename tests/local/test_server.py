"""The stand-ins' HTTP server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, RemoteDisconnected
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from local.server import AnswerLostError, Server


def _app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Says the path, and reads no body."""
    if environ["PATH_INFO"] == "/lost":
        raise AnswerLostError
    if environ["PATH_INFO"] == "/broken":
        raise ValueError
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(_app) as server:
        yield server


@pytest.fixture
def connection(server: Server) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=5)
    connection.connect()
    yield connection
    connection.close()


def _ask(connection: HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("POST", path, body=b"not looked at")
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_connection_is_kept_even_where_the_app_leaves_the_body(connection: HTTPConnection) -> None:
    socket = connection.sock
    assert [_ask(connection, path) for path in ("/one", "/two")] == [(200, b"/one"), (200, b"/two")]
    assert connection.sock is socket


def test_a_lost_answer_hangs_up(connection: HTTPConnection) -> None:
    with pytest.raises(RemoteDisconnected):
        _ask(connection, "/lost")


def test_a_mistake_is_loud(connection: HTTPConnection, capsys: pytest.CaptureFixture[str]) -> None:
    assert _ask(connection, "/broken")[0] == 500
    assert "ValueError" in capsys.readouterr().err


def test_connections_that_are_open_when_it_stops_are_cut_off(
    server: Server, connection: HTTPConnection
) -> None:
    _ask(connection, "/one")
    server.stop()
    with pytest.raises(ConnectionError):
        _ask(connection, "/two")
