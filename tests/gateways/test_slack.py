"""What must never happen to the bot token, however Slack's address responds."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lambdas.domain.errors import RemediationError, RequestRefused, SlackUnavailable
from lambdas.gateways.slack import Slack, is_from_slack

TOKEN = "xoxb-secret-token"
NOW = 1_700_000_000.0


class Secret:
    """The bot token, which is another one once it is read again."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.reads: list[bool] = []

    def value(self, *, fresh: bool = False) -> str:
        self.reads.append(fresh)
        return self.token + ("-2" if fresh else "")


Response = tuple[int, dict[str, str], bytes]


class Server:
    """Responds as it is told, and keeps each request's method, path, token and body."""

    def __init__(self, *responses: Response) -> None:
        requests: list[tuple[str, str, str, bytes]] = []
        self.requests, left = requests, list(responses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # http.server's name for it
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                token = self.headers.get("authorization", "")
                requests.append((self.command, self.path, token, body))
                status, headers, content = left.pop(0)
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST  # noqa: N815  # which a redirect may become

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
                del format, args

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def serving(*responses: Response) -> Generator[Server]:
    server = Server(*responses)
    try:
        yield server
    finally:
        server.stop()


def ok(**members: Any) -> Response:
    return 200, {"content-type": "application/json"}, json.dumps({"ok": True, **members}).encode()


def refused(word: str) -> Response:
    return 200, {"content-type": "application/json"}, json.dumps({"ok": False, "error": word}).encode()


def slack_at(url: str, monkeypatch: pytest.MonkeyPatch, secret: Secret | None = None, **given: Any) -> Slack:
    monkeypatch.setenv("SLACK_API_URL", f"{url}/api/")
    stored: Any = secret or Secret()
    return Slack(stored, timeout=2, **given)


CALLS: list[Callable[[Slack], Any]] = [
    lambda slack: slack.post("C1", {"text": "x", "blocks": []}),
    lambda slack: slack.user_by_email("ada@example.com"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_the_token_goes_nowhere(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    status: int,
    call: Callable[[Slack], Any],
) -> None:
    with serving(ok(channel="C1", ts="1")) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")  # another host, as urllib sees it
        with (
            serving((status, {"location": f"{elsewhere}/stolen"}, b"moved")) as server,
            pytest.raises(SlackUnavailable) as raised,
        ):
            call(slack_at(server.url, monkeypatch))
        assert [request[2] for request in server.requests] == [f"Bearer {TOKEN}"]
        assert other.requests == []
    assert TOKEN not in shown(raised.value, capfd)


@pytest.mark.parametrize(
    "answer",
    [
        (503, {}, f"proxy: authorization: Bearer {TOKEN}".encode()),
        (200, {"content-type": "text/html; charset=nonsense"}, f"<html>{TOKEN}".encode()),
        (200, {}, f'["{TOKEN}"]'.encode()),
        (200, {"content-type": "application/gzip"}, b"\x1f\x8b"),
        (500, {}, b"\xff\xfe"),
        (429, {"Retry-After": "soon"}, b"{}"),
    ],
)
def test_an_answer_of_someone_elses_is_tried_once_and_quoted_nowhere(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    answer: Response,
) -> None:
    with serving(answer) as server, pytest.raises(SlackUnavailable) as raised:
        slack_at(server.url, monkeypatch, longest_pause=15).post("C1", {"text": "x", "blocks": []})
    assert len(server.requests) == 1
    assert TOKEN not in shown(raised.value, capfd) + caplog.text
    assert "proxy" not in str(raised.value)


@pytest.mark.parametrize("token", [f"{TOKEN}\nx-more: 1", f"{TOKEN}\u20ac"])
def test_a_token_that_is_no_headers_value_is_quoted_nowhere(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    token: str,
) -> None:
    with serving() as server, pytest.raises(SlackUnavailable) as raised:
        slack_at(server.url, monkeypatch, Secret(token)).post("C1", {"text": "x", "blocks": []})
    assert server.requests == []
    assert TOKEN not in shown(raised.value, capfd) + caplog.text


def test_a_connection_that_breaks_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[str] = []

    def broken(address: tuple[str, int], *_: Any, **__: Any) -> None:
        attempts.append(address[0])
        raise ConnectionResetError

    monkeypatch.setattr("socket.create_connection", broken)
    slack = slack_at("http://slack.example", monkeypatch)
    with pytest.raises(SlackUnavailable, match="could not be reached: URLError"):
        slack.post_ephemeral("C1", "U1", "x")
    assert attempts == ["slack.example"]


def test_a_refused_token_is_read_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret()
    with serving(refused("invalid_auth"), ok()) as server:
        slack_at(server.url, monkeypatch, secret).post_ephemeral("C1", "U1", "x")
    assert secret.reads == [False, True]
    assert [request[2] for request in server.requests] == [f"Bearer {TOKEN}", f"Bearer {TOKEN}-2"]
    with (
        serving(refused("token_revoked"), refused("token_revoked")) as server,
        pytest.raises(RequestRefused, match="token_revoked"),
    ):
        slack_at(server.url, monkeypatch, Secret()).post_ephemeral("C1", "U1", "x")


def test_retry_after_is_found_whatever_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    with serving((429, {"rEtRy-aFtEr": "3"}, b'{"ok": false, "error": "ratelimited"}'), ok()) as server:
        slack_at(server.url, monkeypatch, longest_pause=3, sleep=pauses.append).post_ephemeral(
            "C1", "U1", "x"
        )
    assert pauses == [3]


def test_a_message_has_plain_text_beside_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[Any] = [{"type": "divider"}]
    with serving(ok(channel="C1", ts="1.2"), ok()) as server:
        slack = slack_at(server.url, monkeypatch)
        assert slack.post("C1", {"text": "x", "blocks": blocks}, thread_ts="1.1", broadcast=True) == (
            "C1",
            "1.2",
        )
        slack.update("C1", "1.2", {"text": "y", "blocks": []})
    posted, updated = (json.loads(request[3]) for request in server.requests)
    assert posted == {
        "channel": "C1", "text": "x", "blocks": blocks, "thread_ts": "1.1", "reply_broadcast": True,
        "unfurl_links": False,
    }  # fmt: skip
    assert updated == {"channel": "C1", "ts": "1.2", "text": "y", "blocks": []}
    assert [request[1] for request in server.requests] == ["/api/chat.postMessage", "/api/chat.update"]


@pytest.mark.parametrize(
    ("timestamp", "signature"),
    [
        ("soon", "v0=" + "0" * 64), ("-1700000000", "v0=" + "0" * 64), ("\u0661\u0662", "v0=" + "0" * 64),
        ("1700000000", "v0=\u00e9" + "0" * 63), ("1700000000", "v0=" + "0" * 63), ("1700000000", ""),
        (None, None),
    ],
)  # fmt: skip
def test_a_signature_that_is_none_is_refused_without_an_error_or_a_read(
    timestamp: str | None, signature: str | None
) -> None:
    secret: Any = Secret()
    assert not is_from_slack(secret, body="x", timestamp=timestamp, signature=signature, now=NOW)
    assert secret.reads == []


def shown(error: RemediationError, capfd: pytest.CaptureFixture[str]) -> str:
    """All that anybody gets to see of an error, and what was printed beside it."""
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    printed = capfd.readouterr()
    return f"{error!r} {error} {printed.out} {printed.err}"
