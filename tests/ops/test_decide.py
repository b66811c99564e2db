"""The requests by which decisions are sent: signed, once, and only to the deployment's own address."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from lambdas.domain.errors import RequestRefused
from lambdas.gateways.resource_tags import ResourceTags
from ops import clock, decide
from ops.cli import main
from ops.decide import Decision, NotDecided, Refused, said_back, send
from ops.deployment import Deployment
from tests.handlers.conftest import REGION, Bench
from tests.ops.conftest import Keep

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


def test_a_forbidden_request_names_the_clock_if_that_is_off(deployment: Deployment, network: Network) -> None:
    behind = format_datetime(clock.now() - timedelta(minutes=11), usegmt=True)
    network.answer = (403, {"Date": behind}, '{"message": "Forbidden"}')
    with pytest.raises(NotDecided, match=r"signature: this machine's clock is 1\d min ahead of AWS's"):
        send(deployment, DECISION)


@pytest.mark.parametrize(
    ("decision", "answer", "words"),
    [
        (
            Decision("approve", "r-1"),
            {"ruling": "DECIDE", "approval": "APPROVED", "endpointName": "fraud", "message": "Approved."},
            "fraud: approved. Sealpoint encrypts it now. To see how far it is: sealpoint history fraud",
        ),
        (
            Decision("deny", "r-1", "why", "7"),
            {"ruling": "DECIDE", "approval": "DENIED", "endpointName": "fraud"},
            "fraud: denied. It stays as it is. Sealpoint asks again in 7 days.",
        ),
        (
            Decision("deny", "r-1", "why", "when-changed"),
            {"ruling": "DECIDE", "approval": "DENIED", "endpointName": "fraud"},
            "fraud: denied. It stays as it is. Sealpoint asks again when its config changes.",
        ),
        (
            Decision("approve", "r-1"),
            {"ruling": "DECIDE", "approval": "PENDING", "endpointName": "fraud", "message": "A second …"},
            "fraud: A second …",
        ),
        (
            Decision("approve", "r-1"),
            {"ruling": "REPEAT", "approval": "APPROVED", "message": "This was already approved by <@U1>."},
            "r-1: This was already approved by U1.",
        ),
    ],
)
def test_what_was_decided_is_said_back(decision: Decision, answer: dict[str, Any], words: str) -> None:
    assert said_back(decision, answer) == words


# -- several


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Decision]:
    """The decisions that were sent. Those about `r-2` are refused."""
    sent: list[Decision] = []

    def take(_: Deployment, decision: Decision) -> dict[str, Any]:
        sent.append(decision)
        if decision.remediation_id == "r-2":
            raise Refused("Nothing was decided: It changed.")
        status = {"approve": "APPROVED", "deny": "DENIED"}[decision.decision]
        return {"ruling": "DECIDE", "approval": status, "endpointName": f"of-{decision.remediation_id}"}

    monkeypatch.setattr(decide, "send", take)
    return sent


@pytest.fixture
def asked(keep: Keep, bench: Bench) -> None:
    """Four open questions, the earliest deadline last; two endpoints have tags."""
    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint"
    for number, digest in ((1, "aa11"), (3, "aa12"), (4, "bb11"), (5, "")):
        name = f"endpoint-{number}"
        facts = {"digestId": digest} if digest else {}
        deadline = {"deadline": f"2026-12-0{9 - number}T09:00:00Z"}
        keep(number, name, endpointArn=f"{arn}/{name}", approval=deadline, **facts)
    for name, team in (("endpoint-3", "icu"), ("endpoint-5", "icu"), ("endpoint-4", "er")):
        bench.make_endpoint(name)
        tags = [{"Key": "team", "Value": team}, {"Key": "data", "Value": "phi=yes"}]
        bench.sagemaker.add_tags(ResourceArn=f"{arn}/{name}", Tags=tags)


def _ids(sent: list[Decision]) -> list[str]:
    return [decision.remediation_id for decision in sent]


def _run(*arguments: str) -> int:
    return main([*arguments, "--region", REGION])


@pytest.mark.usefixtures("keep")
def test_one_that_is_refused_does_not_stop_the_others(
    sent: list[Decision], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("approve", "r-1", "r-2", "r-3", "r-1") == 2
    assert _ids(sent) == ["r-1", "r-2", "r-3"]
    printed = capsys.readouterr()
    assert "of-r-1: approved." in printed.out
    assert "of-r-3: approved." in printed.out
    assert "r-2: Nothing was decided: It changed." in printed.err
    assert printed.out.endswith("1 of 3 could not be decided.\n")


@pytest.mark.usefixtures("keep")
def test_where_nobody_may_decide_the_first_refusal_ends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[str] = []

    def refuse(_: Deployment, decision: Decision) -> dict[str, Any]:
        tried.append(decision.remediation_id)
        raise NotDecided("AWS does not let you decide.")

    monkeypatch.setattr(decide, "send", refuse)
    assert _run("approve", "r-1", "r-3") == 2
    assert tried == ["r-1"]
    assert capsys.readouterr().err == "AWS does not let you decide.\n"


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("selection", "ids"),
    [
        (["--limit", "2"], ["r-5", "r-4"]),
        (["--limit", "9"], ["r-5", "r-4", "r-3", "r-1"]),
        (["--digest", "bb11"], ["r-4"]),
        (["--digest", "bb"], ["r-4"]),
        (["--tag", "team=icu"], ["r-5", "r-3"]),
        (["--tag", "team=icu", "--limit", "1"], ["r-5"]),
        (["--tag", "team=icu", "--tag", "data=phi=yes", "--digest", "aa12"], ["r-3"]),
    ],
)
def test_questions_are_selected(sent: list[Decision], selection: list[str], ids: list[str]) -> None:
    assert _run("deny", "--reason", "why", "--yes", *selection) == 0
    assert _ids(sent) == ids
    assert {(one.decision, one.reason, one.ask_again) for one in sent} == {("deny", "why", "30")}


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Name the ids of remediations"),
        (["r-1", "--limit", "1"], "but not both"),
        (["--digest", "aa"], "Several digests begin with aa"),
        (["--tag", "team=nobody"], "No open question in us-east-1 fits"),
        (["--limit", "2"], "To approve these 2, add --yes."),
    ],
)
def test_what_is_not_certain_decides_nothing(
    sent: list[Decision], arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("approve", *arguments) == 2
    assert complaint in capsys.readouterr().err
    assert sent == []


class Terminal(io.StringIO):
    """Standard input of a person."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("typed", "code", "decided"), [("y\n", 0, 2), ("\n", 1, 0), ("no\n", 1, 0)])
def test_a_selection_is_shown_and_confirmed(
    sent: list[Decision],
    *,
    typed: str,
    code: int,
    decided: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert _run("approve", "--limit", "2") == code
    assert len(sent) == decided
    printed = capsys.readouterr().out
    assert "r-5  endpoint-5" in printed
    assert "Approve 2 endpoints? [y/N]" in printed
    assert ("Nothing was decided." in printed) is (not decided)


@pytest.mark.usefixtures("asked")
def test_tags_that_can_not_be_read_decide_nothing(
    sent: list[Decision], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: ResourceTags) -> dict[str, dict[str, str]]:
        raise RequestRefused("Resource Groups Tagging refused GetResources: AccessDeniedException: no")

    monkeypatch.setattr(ResourceTags, "of_endpoints", refuse)
    assert _run("approve", "--tag", "team=icu", "--yes") == 2
    assert "The endpoints' tags can't be read: Resource Groups Tagging refused" in capsys.readouterr().err
    assert sent == []
