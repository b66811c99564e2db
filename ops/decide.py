"""`ops approve|deny ID`: decide under IAM, through the API that Slack's clicks go through."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from rich.console import Console
from rich.markup import escape

from ops.deployment import Deployment

_TIMEOUT_SECONDS = 30
_OK, _FORBIDDEN, _SERVER_FAULT = 200, 403, 500


class NotDecided(Exception):
    """The decision was not taken; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is asked for: `decision` is ``approve`` or ``deny``."""

    decision: str
    remediation_id: str
    reason: str = ""
    ask_again: str = ""
    break_glass: bool = False


def send(deployment: Deployment, decision: Decision) -> dict[str, Any]:
    """Have a decision recorded; returns ``{"answer", "message", "approval"}``.

    Raises
    ------
    NotDecided
        It was refused, or could not be recorded.
    """
    body = {
        "remediationId": decision.remediation_id, "decision": decision.decision,
        "reason": decision.reason, "askAgain": decision.ask_again, "breakGlass": decision.break_glass,
    }  # fmt: skip
    request = AWSRequest(
        "POST",
        deployment.output("DecisionsUrl"),
        data=json.dumps(body),
        headers={"content-type": "application/json"},
    )
    credentials = deployment.credentials()
    SigV4Auth(credentials, "execute-api", deployment.region).add_auth(request)
    answer = URLLib3Session(timeout=_TIMEOUT_SECONDS).send(request.prepare())
    said = _json(answer.text)
    if answer.status_code == _OK:
        return said
    if answer.status_code == _FORBIDDEN:
        raise NotDecided(
            "AWS does not let you decide: your IAM policy has to allow execute-api:Invoke on the POST "
            f"/decisions route of {deployment.output('DecisionsUrl')}."
        )
    words = said.get("message") or f"The API answered {answer.status_code}."
    if answer.status_code >= _SERVER_FAULT:
        raise NotDecided(f"It may be on record. Run it again, which is safe. The answer was: {words}")
    raise NotDecided(f"Nothing was decided: {words}")


def run(deployment: Deployment, decision: Decision, console: Console) -> int:
    """The command; 0: it is on record."""
    said = send(deployment, decision)
    console.print(escape(str(said.get("message", ""))), soft_wrap=True)
    return 0


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
