"""Is Slack set up so that questions are asked and clicks arrive?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.signature import SignatureVerifier

from lambdas.domain.errors import RemediationError, RequestRefused
from lambdas.gateways.slack_secret import SlackCredentials, SlackSecret
from ops import slack_app
from ops.deployment import Deployment, NotDeployed
from ops.doctor.findings import Finding, told, unfinished

now = time.time
_TIMEOUT_SECONDS = 10
_OK, _UNAUTHORIZED = 200, 401


def examine(deployment: Deployment, slack_url: str = "") -> Iterator[Finding]:
    """Every check, each as soon as it is done; what can't be checked after a failure is left out."""
    what, credentials = "Slack's secret", None
    try:
        secret = SlackSecret(deployment.output("SlackSecretArn"), deployment.client("secretsmanager"))
        credentials = secret.credentials(fresh=True)
        yield Finding(what, "it is filled in")
    except RequestRefused as error:
        yield Finding(what, str(error), _fill_in(deployment))
    except (RemediationError, NotDeployed) as error:
        yield unfinished(what, "secretsmanager", error)
    if credentials is not None:
        client = WebClient(
            credentials.bot_token,
            base_url=slack_url or WebClient.BASE_URL,
            timeout=_TIMEOUT_SECONDS,
        )
        yield from told("Slack", "", _slack(deployment, client))
    yield from told("Interactivity address", "", _interactivity(deployment, credentials))


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
    groups = deployment.outputs.get("SlackUserGroups", "")  # absent where the settings name none
    for group in groups.split(",") if groups else ():
        yield _group(client, group)


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


def _group(client: WebClient, group: str) -> Finding:
    what = f"User group {group}"
    try:
        users: Any = client.usergroups_users_list(usergroup=group).get("users")
    except SlackApiError as error:
        word = str(error.response.get("error", ""))
        mend = "Its members can't decide: put the id of a group that is in use into `approvers`, and deploy."
        return Finding(what, f"Slack says {word}", mend)
    except (SlackClientError, OSError) as error:
        return Finding(what, f"Slack can't be reached: {type(error).__name__}", "Try again when it can.")
    if not users:
        return Finding(what, "nobody is in it", "Its members may decide: put people into it, in Slack.")
    return Finding(what, f"{len(users)} may decide through it")


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
    except BotoCoreError as error:
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
        f"{deployment.output('SlackSecretArn')} --secret-string file:///dev/stdin, then paste "
        '{"bot_token": "xoxb-…", "signing_secret": "…"}, Enter, Ctrl-D'
    )
