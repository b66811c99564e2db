"""`sealpoint approve|deny ID...`: decide under IAM, through the code path that Slack's clicks take."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any, Literal

import requests
import typer
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from rich.console import Console

from lambdas.domain.approval.decision import ASK_AGAIN_DAYS, RulingKind
from lambdas.domain.errors import RemediationError
from lambdas.domain.vocabulary import ApprovalStatus
from lambdas.gateways.resource_tags import ResourceTags
from ops import clock, terminal
from ops.deployment import Deployment
from ops.errors import CommandFailed
from ops.evidence import Question, questions
from ops.options import Profile, Region, Stack, epilog
from ops.terminal import confirmed
from ops.text import counted, from_slack

AskAgain = Literal["7", "30", "90", "when-changed"]  # the keys of ASK_AGAIN_DAYS
_TIMEOUT_SECONDS = 30
_JSON = {"content-type": "application/json"}
_RETRY = "It may have been recorded. Run the command again, which is safe."


class NotDecided(CommandFailed):
    """The decision was not taken."""


class Refused(NotDecided):
    """One decision is refused. Others may not be."""


class NothingSelected(NotDecided):
    """It isn't clear which questions to decide, or there are none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is requested: `decision` is ``approve`` or ``deny``."""

    decision: str
    remediation_id: str
    reason: str = ""
    ask_again: str = ""
    break_glass: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which questions to decide: by the ids of their remediations, or all that fit the rest."""

    ids: Sequence[str] = ()
    digest: str | None = None
    tags: Sequence[str] = ()
    limit: int | None = None

    @property
    def is_by_question(self) -> bool:
        return self.digest is not None or bool(self.tags) or self.limit is not None


def _are_tags(tags: list[str] | None) -> list[str] | None:
    for tag in tags or ():
        if not all(tag.partition("=")[:2]):
            raise typer.BadParameter(f"{tag!r} is not of the form key=value.")
    return tags


RemediationIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="The remediations' ids, shown on the cards and by `sealpoint open`."),
]
Digest = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="All open questions of one digest, by its id or the beginning of it: see `sealpoint open`.",
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="KEY=VALUE",
        callback=_are_tags,
        help="All open questions about endpoints with this tag; repeat it if they need several.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="At most N open questions: those with the earliest deadlines."),
]
Yes = Annotated[
    bool, typer.Option("--yes", help="With --digest, --tag or --limit: don't ask for confirmation.")
]
_SELECTING = (
    "to select, also dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:Scan; for --tag, tag:GetResources"
)
_EXIT_CODES = "0 if all are decided; 1 if you didn't confirm; 2 if one could not be decided"
PERMISSIONS = ("cloudformation:DescribeStacks", f"execute-api:Invoke on the decisions route ({_SELECTING})")
APPROVE_EPILOG = epilog(
    examples=(
        ("approve 0b9c1f6e-…", "one"),
        ("approve 0b9c1f6e-… 77aa01d2-…", "several"),
        ("approve --limit 5", "five first, as a canary"),
        ("approve --tag team=cardiology --yes", "all of one team, without a question"),
    ),
    exit_codes=_EXIT_CODES,
    permissions=PERMISSIONS,
)
DENY_EPILOG = epilog(
    examples=(
        ('deny 0b9c1f6e-… --reason "it is retired next week"', "one; Sealpoint asks again in 30 days"),
        ('deny --digest 5d1c… --reason "synthetic data" --ask-again when-changed', "all of one digest"),
    ),
    exit_codes=_EXIT_CODES,
    permissions=PERMISSIONS,
)


def approve(
    ids: RemediationIds = None,
    *,
    reason: Annotated[str, typer.Option(help="Required with --break-glass.")] = "",
    break_glass: Annotated[
        bool,
        typer.Option("--break-glass", help="Approve your own change. All approvers are notified."),
    ] = False,
    digest: Digest = None,
    tags: Tags = None,
    limit: Limit = None,
    yes: Yes = False,
    region: Region = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Approve encrypting endpoints, as their cards ask."""
    return _decide_each(
        Deployment(region, stack, profile),
        Selection(ids or (), digest, tags or (), limit),
        Decision("approve", "", reason, break_glass=break_glass),
        is_confirmed=yes,
    )


def deny(
    ids: RemediationIds = None,
    *,
    reason: Annotated[str, typer.Option(help="Why. The reason is recorded.")],
    ask_again: Annotated[
        AskAgain,
        typer.Option(help="Ask again after so many days, or only when the endpoint's config changes."),
    ] = "30",
    digest: Digest = None,
    tags: Tags = None,
    limit: Limit = None,
    yes: Yes = False,
    region: Region = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Leave endpoints as they are."""
    return _decide_each(
        Deployment(region, stack, profile),
        Selection(ids or (), digest, tags or (), limit),
        Decision("deny", "", reason, ask_again),
        is_confirmed=yes,
    )


def send(deployment: Deployment, decision: Decision) -> dict[str, Any]:
    """Have a decision recorded. Returns ``{"ruling", "message", "approval"}``.

    Raises
    ------
    Refused
        This decision is refused.
    NotDecided
        No decision can be recorded now, or by this caller.
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
        if words := clock.skew(response.headers.get("date", "")):
            raise NotDecided(f"AWS did not accept the signature: {words}")
        raise NotDecided(
            "AWS does not let you decide. Your IAM policy must allow execute-api:Invoke on the POST route of "
            f"{url}."
        )
    message = from_slack(str(answer.get("message") or "")) or f"The API answered {response.status_code}."
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NotDecided(f"{_RETRY} The answer was: {message}")
    raise Refused(f"Nothing was decided: {message}")


def select(deployment: Deployment, selection: Selection) -> list[Question]:
    """The open questions that a selection describes: the earliest deadline first.

    Raises
    ------
    NothingSelected
    """
    try:
        wanted = {key: value for key, _, value in (tag.partition("=") for tag in selection.tags)}
        tags = ResourceTags(deployment.client("resourcegroupstaggingapi")).of_endpoints() if wanted else {}
    except RemediationError as error:
        raise NothingSelected(f"The endpoints' tags can't be read: {error}") from error
    found = [
        question
        for question in questions(deployment)
        if question.record.get("digestId", "").startswith(selection.digest or "")
        and wanted.items() <= tags.get(question.record.get("endpointArn", "").lower(), {}).items()
    ]
    if selection.digest and len({question.record.get("digestId") for question in found}) > 1:
        raise NothingSelected(f"Several digests begin with {selection.digest}. Give more of the id.")
    if not found:
        raise NothingSelected(
            f"No open question in {deployment.region} fits. `sealpoint open` lists those that there are."
        )
    return found[: selection.limit]


def _decide_each(
    deployment: Deployment, selection: Selection, decision: Decision, *, is_confirmed: bool
) -> int:
    """Decide one question after the other. One that is refused doesn't stop the others."""
    console, ids = terminal.output(), list(dict.fromkeys(selection.ids))
    if ids and selection.is_by_question:
        raise NothingSelected("Name ids, or select questions with --digest, --tag and --limit, but not both.")
    if not ids:
        if not selection.is_by_question:
            raise NothingSelected(
                "Name the ids of remediations (`sealpoint open` lists them), or select with --digest, --tag "
                "or --limit."
            )
        found = select(deployment, selection)
        if not is_confirmed and not _is_confirmed(found, decision, console):
            console.print("Nothing was decided.")
            return 1
        ids = [question.remediation_id for question in found]
    refused = 0
    for remediation_id in ids:
        one = replace(decision, remediation_id=remediation_id)
        try:
            console.print(terminal.shown(said_back(one, send(deployment, one))), soft_wrap=True)
        except Refused as error:
            if len(ids) == 1:
                raise
            refused += 1
            terminal.notices().print(
                f"[red]✗[/] {terminal.shown(remediation_id)}: {terminal.shown(error)}", soft_wrap=True
            )
    if refused:
        console.print(f"{refused} of {len(ids)} could not be decided.")
    return 2 if refused else 0


def said_back(decision: Decision, answer: Mapping[str, Any]) -> str:
    """What was decided about which endpoint, and what happens next."""
    endpoint = str(answer.get("endpointName") or decision.remediation_id)
    match answer.get("ruling"), answer.get("approval"):
        case RulingKind.DECIDE, ApprovalStatus.APPROVED:
            words = f"approved. Sealpoint encrypts it now. To see how far it is: sealpoint history {endpoint}"
        case RulingKind.DECIDE, ApprovalStatus.DENIED:
            again = (
                "when its config changes"
                if ASK_AGAIN_DAYS[decision.ask_again] is None
                else f"in {decision.ask_again} days"
            )
            words = f"denied. It stays as it is. Sealpoint asks again {again}."
        case _:
            words = from_slack(str(answer.get("message", "")))
    return f"{endpoint}: {words}"


def _is_confirmed(found: Sequence[Question], decision: Decision, console: Console) -> bool:
    """Whether the person wants to decide these. Without a terminal, only --yes says so."""
    for question in found:
        name = terminal.shown(question.endpoint)
        console.print(f"  {terminal.shown(question.remediation_id)}  [bold]{name}[/]", soft_wrap=True)
    if not sys.stdin.isatty():
        raise NothingSelected(f"To {decision.decision} these {len(found)}, add --yes.")
    return confirmed(f"{decision.decision.capitalize()} {counted(len(found), 'endpoint')}?", console)


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
