"""`sealpoint approve|deny ID`: decide under IAM, through the code path that Slack's clicks take."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal

import requests
import typer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from rich.markup import escape

from ops import terminal
from ops.deployment import Deployment
from ops.errors import CommandFailed
from ops.options import Region, RemediationId, Stack

AskAgain = Literal["7", "30", "90", "when-changed"]  # the keys of ASK_AGAIN_DAYS
_TIMEOUT_SECONDS = 30
_JSON = {"content-type": "application/json"}
_RETRY = "It may have been recorded. Run the command again, which is safe."


class NotDecided(CommandFailed):
    """The decision was not taken."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is requested: `decision` is ``approve`` or ``deny``."""

    decision: str
    remediation_id: str
    reason: str = ""
    ask_again: str = ""
    break_glass: bool = False


def approve(
    remediation_id: RemediationId,
    reason: Annotated[str, typer.Option(help="Required with --break-glass.")] = "",
    break_glass: Annotated[
        bool,
        typer.Option("--break-glass", help="Approve your own change. All approvers are notified."),
    ] = False,
    region: Region = None,
    stack: Stack = None,
) -> int:
    """Approve encrypting an endpoint, as its card asks."""
    decision = Decision("approve", remediation_id, reason, break_glass=break_glass)
    return _decide(Deployment(region, stack), decision)


def deny(
    remediation_id: RemediationId,
    reason: Annotated[str, typer.Option(help="Why. The reason is recorded.")],
    ask_again: Annotated[
        AskAgain,
        typer.Option(help="Ask again after so many days, or only when the endpoint's config changes."),
    ] = "30",
    region: Region = None,
    stack: Stack = None,
) -> int:
    """Leave an endpoint as it is."""
    return _decide(Deployment(region, stack), Decision("deny", remediation_id, reason, ask_again))


def send(deployment: Deployment, decision: Decision) -> dict[str, Any]:
    """Have a decision recorded. Returns ``{"ruling", "message", "approval"}``.

    Raises
    ------
    NotDecided
        The decision was refused, or could not be recorded.
    """
    body = {
        "remediationId": decision.remediation_id, "decision": decision.decision,
        "reason": decision.reason, "askAgain": decision.ask_again, "breakGlass": decision.break_glass,
    }  # fmt: skip
    return post(deployment, "DecisionsUrl", body)


def post(deployment: Deployment, output: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a request to a route under IAM, which a stack output names. Raises what `send` does."""
    url = deployment.output(output)
    try:
        response = requests.post(
            url,
            data=json.dumps(body),
            headers=_JSON,
            auth=_signature(deployment),
            allow_redirects=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except requests.RequestException as error:
        raise NotDecided(f"{url} could not be reached ({type(error).__name__}). {_RETRY}") from None
    answer = _json(response.text)
    if response.status_code == HTTPStatus.OK:
        return answer
    if response.status_code == HTTPStatus.FORBIDDEN:
        raise NotDecided(
            "AWS does not let you decide. Your IAM policy must allow execute-api:Invoke on the POST route of "
            f"{url}."
        )
    message = answer.get("message") or f"The API answered {response.status_code}."
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NotDecided(f"{_RETRY} The answer was: {message}")
    raise NotDecided(f"Nothing was decided: {message}")


def _decide(deployment: Deployment, decision: Decision) -> int:
    answer = send(deployment, decision)
    terminal.output().print(escape(str(answer.get("message", ""))), soft_wrap=True)
    return 0


def _signature(deployment: Deployment) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Signs a request for the API. As `auth`, it also keeps requests from reading credentials in ~/.netrc."""
    signer = SigV4Auth(deployment.credentials(), "execute-api", deployment.region)

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        signed = AWSRequest(request.method, request.url, data=request.body, headers=_JSON)
        signer.add_auth(signed)
        request.headers.update(signed.headers.items())
        return request

    return sign


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
