"""The requests by which decisions are sent: signed, once, and only to the deployment's own address."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from ops.decide import Decision, NotDecided, send
from ops.deployment import Deployment

URL = "https://api.example.com/decisions"
DECISION = Decision("approve", "r-1", "why")


@dataclass
class Network:
    """Answers requests with a status and headers, or with an exception."""

    answer: tuple[int, dict[str, str], str] | Exception
    requests: list[requests.PreparedRequest] = field(default_factory=list[requests.PreparedRequest])

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        response = requests.Response()
        response.status_code, headers, text = self.answer
        response.headers.update(headers)
        response._content = text.encode()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # as requests' adapter fills it in
        response.request, response.url = request, URL
        return response


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network((200, {}, '{"message": "Recorded."}'))

    def answer(_: HTTPAdapter, request: requests.PreparedRequest, **__: Any) -> requests.Response:
        return network.send(request)

    monkeypatch.setattr(HTTPAdapter, "send", answer)
    return network


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-token")
    monkeypatch.setattr(Deployment, "outputs", {"DecisionsUrl": URL})
    return Deployment("us-east-1")


def test_a_decision_is_signed_whatever_the_netrc_says(
    deployment: Deployment, network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.example.com login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert send(deployment, DECISION) == {"message": "Recorded."}
    [request] = network.requests
    assert str(request.headers["Authorization"]).startswith("AWS4-HMAC-SHA256 Credential=AKIATEST/")
    assert "/us-east-1/execute-api/aws4_request" in str(request.headers["Authorization"])
    assert request.headers["X-Amz-Security-Token"] == "session-token"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(deployment: Deployment, network: Network, status: int) -> None:
    network.answer = (status, {"location": "https://elsewhere.example.com/"}, "")
    with pytest.raises(NotDecided, match=f"Nothing was decided: The API answered {status}"):
        send(deployment, DECISION)
    assert len(network.requests) == 1


@pytest.mark.parametrize(
    "error", [requests.ConnectionError("session-token"), requests.Timeout("session-token")]
)
def test_an_unreachable_api_is_tried_once_and_named_without_a_secret(
    deployment: Deployment, network: Network, error: Exception
) -> None:
    network.answer = error
    with pytest.raises(NotDecided, match=r"could not be reached .* Run the command again") as refused:
        send(deployment, DECISION)
    assert len(network.requests) == 1
    assert "session-token" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((403, {}, "<html>"), "must allow execute-api:Invoke"),
        ((409, {}, '{"message": "It changed."}'), "Nothing was decided: It changed."),
        ((503, {}, "not JSON"), "may have been recorded.*The API answered 503"),
    ],
)
def test_a_refusal_says_whether_anything_was_decided(
    deployment: Deployment, network: Network, answer: tuple[int, dict[str, str], str], message: str
) -> None:
    network.answer = answer
    with pytest.raises(NotDecided, match=message):
        send(deployment, DECISION)
