"""The calls that a function makes to AWS and Slack in one invocation: recorded once, replayed at will.

A step of a remediation can be done once only. So each function is recorded while it does its work in the
local world. From then on it gets the same responses as often as it runs again.
"""

from __future__ import annotations

import re
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from local.aws.functions import FunctionRunner

PEERS = {"AWS_ENDPOINT_URL": "cloud", "AWS_ENDPOINT_URL_SAGEMAKER": "sagemaker", "SLACK_API_URL": "slack"}
_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_NOT_PASSED_ON = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its response. `call` is `dynamodb.GetItem` or `slack.chat.update`."""

    call: str
    content_type: str
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes


@dataclass(frozen=True, slots=True)
class Invocation:
    """A function's event, and all the calls that it made with their responses."""

    handler: str
    event: dict[str, Any]
    exchanges: tuple[Exchange, ...]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:  # http.server's name for it
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, headers, answer = self.server.answer(  # type: ignore[attr-defined]
            self.path, {name.lower(): value for name, value in self.headers.items()}, body
        )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """It would name every request."""


class _Server(ThreadingHTTPServer):
    """Listens on a free port of this machine from its creation until its context ends."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class RecordingRunner(FunctionRunner):
    """Invokes the functions as usual, and records each one's calls."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._tap = _Tap()
        self._one_at_a_time: dict[str, threading.Lock] = {}
        self.invocations: list[Invocation] = []

    def environment_of(self, name: str) -> dict[str, str]:
        variables = super().environment_of(name)
        for variable, peer in PEERS.items():
            self._tap.upstream[peer] = variables[variable]
            variables[variable] = f"{self._tap.url}/{name}/{peer}/"
        return variables

    def invoke(self, name: str, event: Any, *, someone_waits: bool = False) -> Any:
        with self._one_at_a_time.setdefault(name, threading.Lock()):
            heard = self._tap.heard[name] = []
            result = super().invoke(name, event, someone_waits=someone_waits)
            self.invocations.append(Invocation(self.function(name).handler, event, tuple(heard)))
            return result

    def stop(self) -> None:
        super().stop()
        self._tap.shutdown()
        self._tap.server_close()


class _Tap(_Server):
    def __init__(self) -> None:
        super().__init__()
        self.upstream: dict[str, str] = {}
        self.heard: dict[str, list[Exchange]] = {}

    def answer(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        _, function, peer, rest = path.split("/", 3)
        passed_on = {name: value for name, value in headers.items() if name not in {"host", "connection"}}
        request = urllib.request.Request(  # noqa: S310  # of this machine
            f"{self.upstream[peer].rstrip('/')}/{rest}", data=body, headers=passed_on
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answered:  # noqa: S310
                status, given, answer = answered.status, answered.headers, answered.read()
        except urllib.error.HTTPError as refused:
            with refused:
                status, given, answer = refused.code, refused.headers, refused.read()
        kept = {name: value for name, value in given.items() if name.lower() not in _NOT_PASSED_ON}
        self.heard[function].append(
            Exchange(_call(path, headers), headers.get("content-type", ""), body, status, kept, answer)
        )
        return status, kept, answer


@dataclass(slots=True)
class _Left:
    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    unexpected: list[str] = field(default_factory=list[str])


class Replay(_Server):
    """Repeats the recorded response to each call: that of the same request, else the next of its kind."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._left = _Left()

    def begin(self, exchanges: tuple[Exchange, ...]) -> None:
        self._left = _Left(list(exchanges))

    def differences(self) -> list[str]:
        """The calls that were made but not recorded, and those that were recorded but not made."""
        return [f"+{call}" for call in self._left.unexpected] + [
            f"-{exchange.call}" for exchange in self._left.exchanges
        ]

    def answer(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        call = _call(path, headers)
        with self._lock:
            alike = [exchange for exchange in self._left.exchanges if exchange.call == call]
            found = next((one for one in alike if one.body == body), alike[0] if alike else None)
            if found is None:
                self._left.unexpected.append(call)
                return 400, {}, b"{}"
            self._left.exchanges.remove(found)
        return found.status, found.answer_headers, found.answer


def _call(path: str, headers: Mapping[str, str]) -> str:
    service = _SERVICE.search(headers.get("authorization", ""))
    if service is None:
        return f"slack.{path.rpartition('/')[2]}"
    return f"{service[1]}.{headers.get('x-amz-target', '').rpartition('.')[2]}"
