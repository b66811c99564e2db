"""`ops doctor`: is Slack set up so that questions are asked and clicks arrive? If not, how to mend it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.httpsession import URLLib3Session
from rich.console import Console
from rich.markup import escape
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.signature import SignatureVerifier

from gateways.secrets import SlackCredentials, SlackSecret
from ops import slack_app
from ops.deployment import Deployment
from remediation.errors import RemediationError

now = time.time
_TIMEOUT_SECONDS = 10
_OK, _UNAUTHORIZED = 200, 401


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do where something is wrong, else it is empty."""

    what: str
    says: str
    mend: str = ""

    @property
    def ok(self) -> bool:
        return not self.mend


def examine(deployment: Deployment, slack_url: str = "") -> Iterator[Finding]:
    """Every check, each as soon as it is done; what can't be checked after a failure is left out.

    Parameters
    ----------
    slack_url
        The Web API's base address, if not Slack's own.
    """
    credentials = None
    try:
        secret = SlackSecret(deployment.output("SlackSecretArn"), deployment.client("secretsmanager"))
        credentials = secret.credentials(fresh=True)
        yield Finding("Slack's secret", "it is filled in")
    except (RemediationError, ClientError, BotoCoreError) as error:
        yield Finding("Slack's secret", str(error), _fill_in(deployment))
    if credentials is not None:
        client = WebClient(
            credentials.bot_token,
            base_url=slack_url or WebClient.BASE_URL,
            timeout=_TIMEOUT_SECONDS,
        )
        yield from _slack(deployment, client)
    yield from _interactivity(deployment, credentials)


def run(deployment: Deployment, console: Console, slack_url: str = "") -> int:
    """The command; 0 if all is well, 1 if something is to be mended."""
    console.print(f"[bold]{deployment.stack_name}[/] in {deployment.region}")
    wrong = 0
    for finding in examine(deployment, slack_url):
        mark, style = ("✓", "green") if finding.ok else ("✗", "bold red")
        console.print(f"[{style}]{mark}[/] {escape(finding.what)}: {escape(finding.says)}", soft_wrap=True)
        if not finding.ok:
            wrong += 1
            console.print(f"    [yellow]{escape(finding.mend)}[/]", soft_wrap=True)
    console.print("All is well." if not wrong else f"{wrong} to mend.", style="bold")
    return 1 if wrong else 0


def _slack(deployment: Deployment, client: WebClient) -> Iterator[Finding]:
    try:
        answer = client.auth_test()
    except SlackApiError as error:
        word = str(error.response.get("error", ""))
        yield Finding(
            "Slack's token",
            f"Slack refuses it: {word}",
            "Install the app anew, and put its Bot User OAuth Token into the secret. " + _fill_in(deployment),
        )
        return
    except (SlackClientError, OSError) as error:
        yield Finding(
            "Slack's token", f"Slack can't be reached: {type(error).__name__}", "Try again when it can."
        )
        return
    yield Finding("Slack's token", f"it is {answer.get('user')}'s in the workspace {answer.get('team')}")
    yield _scopes(answer)
    for channel in deployment.output("SlackChannels").split(","):
        yield _channel(client, channel)


def _scopes(answer: Any) -> Finding:
    given = next((value for name, value in answer.headers.items() if name.lower() == "x-oauth-scopes"), "")
    has = {scope.strip() for scope in str(given).split(",") if scope.strip()}
    missing, extra = slack_app.scopes() - has, has - slack_app.scopes()
    if missing:
        return Finding(
            "Slack's scopes",
            f"the bot lacks {', '.join(sorted(missing))}",
            "In the app's OAuth & Permissions add them, then install it anew; or make its manifest what "
            "`python -m ops manifest` prints.",
        )
    more = f", and needs none of {', '.join(sorted(extra))}" if extra else ""
    return Finding("Slack's scopes", f"the bot has what it needs{more}")


def _channel(client: WebClient, channel: str) -> Finding:
    what = f"Channel {channel}"
    try:
        found: Any = client.conversations_info(channel=channel).get("channel")
    except SlackApiError as error:
        word = str(error.response.get("error", ""))
        return Finding(
            what,
            f"Slack says {word}",
            "Put the channel's id (channel, About, at the bottom) into `slackChannel` and deploy; a private "
            "channel is found only once the bot is in it: /invite @Sealpoint there.",
        )
    except (SlackClientError, OSError) as error:
        return Finding(what, f"Slack can't be reached: {type(error).__name__}", "Try again when it can.")
    name = f"#{found.get('name', channel)}"
    if found.get("is_archived"):
        return Finding(what, f"{name} is archived", "Unarchive it, or put another into `slackChannel`.")
    if not found.get("is_member"):
        return Finding(what, f"the bot is not in {name}", f"In {name}: /invite @Sealpoint")
    return Finding(what, f"the bot is in {name}")


def _interactivity(deployment: Deployment, credentials: SlackCredentials | None) -> Iterator[Finding]:
    url = deployment.output("SlackInteractionsUrl")
    try:
        unsigned = _post(url, _ping(), {})
        if unsigned == _UNAUTHORIZED:
            yield Finding("Interactivity address", f"{url} answers, and lets in nothing that is not signed")
        else:
            yield Finding(
                "Interactivity address",
                f"{url} answered {unsigned} to a request without a signature, instead of {_UNAUTHORIZED}",
                "Look at the logs of the function SlackInteractions; deploy anew if it is not the stack's.",
            )
        if credentials is None:
            return
        signed = _post(url, _ping(), signature(credentials, _ping()))
    except HTTPClientError as error:
        yield Finding(
            "Interactivity address",
            f"{url} can't be reached: {type(error).__name__}",
            "Is the stack deployed, and may this machine reach the internet?",
        )
        return
    if signed == _OK:
        yield Finding(
            "Signing secret",
            "the function takes what is signed with it. Whether it is the app's own shows with the first "
            f"click: the app's Interactivity has to name {url}",
        )
    else:
        yield Finding(
            "Signing secret",
            f"the function answered {signed} to a request signed with the secret's signing_secret",
            "If the secret was just changed, wait half a minute. " + _fill_in(deployment),
        )


def _ping() -> str:
    return urlencode({"payload": json.dumps({"type": "sealpoint_ping"})})


def signature(credentials: SlackCredentials, body: str) -> dict[str, str]:
    """The headers that Slack signs a request with."""
    stamp = str(int(now()))
    verifier = SignatureVerifier(credentials.signing_secret)
    signed = verifier.generate_signature(timestamp=stamp, body=body) or ""
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": signed}


def _post(url: str, body: str, headers: dict[str, str]) -> int:
    form = {"content-type": "application/x-www-form-urlencoded", **headers}
    request = AWSRequest("POST", url, data=body, headers=form)
    return int(URLLib3Session(timeout=_TIMEOUT_SECONDS).send(request.prepare()).status_code)


def _fill_in(deployment: Deployment) -> str:
    return (
        f"aws secretsmanager put-secret-value --region {deployment.region} --secret-id "
        f"{deployment.output('SlackSecretArn')} --secret-string "
        """'{"bot_token": "xoxb-…", "signing_secret": "…"}'"""
    )
