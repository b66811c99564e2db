"""Checks that Slack can show approval requests and that clicks arrive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import requests
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.signature import SignatureVerifier

from lambdas.domain.errors import RemediationError, RequestRefused, SlackNotSetUp
from lambdas.gateways.slack_client import SlackClient
from lambdas.gateways.slack_secret import SlackCredentials, SlackSecret
from ops import clock, slack_app
from ops.deployment import Deployment, NotDeployed
from ops.doctor.results import CheckResult, guarded, not_checked

_TIMEOUT_SECONDS = 10
_QUIET = (
    "quiet until then: what they find ends as NOT_ASKED, and nothing is posted. The first sweep afterwards "
    "asks about all of it"
)
_RETRY = "Try again once it can be reached."


def examine(deployment: Deployment) -> Iterator[CheckResult]:
    """Each result as soon as it is known. Skips checks that depend on one that failed."""
    subject, credentials = "Slack's secret", None
    try:
        secret = SlackSecret(deployment.output("SlackSecretArn"), deployment.client("secretsmanager"))
        credentials = secret.credentials(fresh=True)
        yield CheckResult(subject, "the secret is filled in")
    except RequestRefused as error:
        yield CheckResult(subject, str(error), _fill_in(deployment))
        if isinstance(error, SlackNotSetUp):
            yield CheckResult("Rules and schedule", _QUIET)
    except (RemediationError, NotDeployed) as error:
        yield not_checked(subject, "secretsmanager", error)
    if credentials is not None:
        client = SlackClient(credentials.bot_token, _TIMEOUT_SECONDS)
        yield from guarded("Slack", "", _slack(deployment, client))
    yield from guarded("Interactivity address", "", _interactivity(deployment, credentials))


def _slack(deployment: Deployment, client: SlackClient) -> Iterator[CheckResult]:
    try:
        answer = client.auth_test()
    except SlackApiError as error:
        word = str(error.response.get("error", ""))
        yield CheckResult(
            "Slack's token",
            f"Slack refuses it: {word}",
            "Install the app again, and put its Bot User OAuth Token into the secret. "
            + _fill_in(deployment),
        )
        return
    except (SlackClientError, OSError) as error:
        yield CheckResult("Slack's token", f"Slack can't be reached: {type(error).__name__}", _RETRY)
        return
    yield CheckResult(
        "Slack's token", f"the token belongs to {answer.get('user')} in the workspace {answer.get('team')}"
    )
    yield _scopes(answer)
    for channel in deployment.output("SlackChannels").split(","):
        yield _channel(client, channel, f"@{answer.get('user')}")
    groups = deployment.outputs.get("SlackUserGroups", "")  # absent where the settings name none
    for group in groups.split(",") if groups else ():
        yield _group(client, group)


def _scopes(answer: Any) -> CheckResult:
    given = next((value for name, value in answer.headers.items() if name.lower() == "x-oauth-scopes"), "")
    has = {scope.strip() for scope in str(given).split(",") if scope.strip()}
    missing, extra = slack_app.scopes() - has, has - slack_app.scopes()
    if missing:
        return CheckResult(
            "Slack's scopes",
            f"the bot lacks {', '.join(sorted(missing))}",
            "Add them under the app's OAuth & Permissions, or replace its manifest with what "
            "`sealpoint manifest` prints. Then install the app again.",
        )
    more = f", and doesn't need {', '.join(sorted(extra))}" if extra else ""
    return CheckResult("Slack's scopes", f"the bot has what it needs{more}")


def _channel(client: SlackClient, channel: str, bot: str) -> CheckResult:
    subject = f"Channel {channel}"
    try:
        found: Any = client.conversations_info(channel=channel).get("channel")
    except SlackApiError as error:
        word = str(error.response.get("error", ""))
        return CheckResult(
            subject,
            f"Slack says {word}",
            "Put the channel's id (at the bottom of its About tab) into `slackChannel`, and deploy. A "
            f"private channel is found only if the bot is in it: /invite {bot} there.",
        )
    except (SlackClientError, OSError) as error:
        return CheckResult(subject, f"Slack can't be reached: {type(error).__name__}", _RETRY)
    name = f"#{found.get('name', channel)}"
    if found.get("is_archived"):
        return CheckResult(
            subject, f"{name} is archived", "Unarchive it, or put another channel's id into `slackChannel`."
        )
    if not found.get("is_member"):
        return CheckResult(subject, f"the bot is not in {name}", f"In {name}: /invite {bot}")
    return CheckResult(subject, f"the bot is in {name}")


def _group(client: SlackClient, group: str) -> CheckResult:
    subject = f"User group {group}"
    try:
        users: Any = client.usergroups_users_list(usergroup=group).get("users")
    except SlackApiError as error:
        word = str(error.response.get("error", ""))
        fix = "Its members can't decide. Put the id of an active group into `approvers`, and deploy."
        return CheckResult(subject, f"Slack says {word}", fix)
    except (SlackClientError, OSError) as error:
        return CheckResult(subject, f"Slack can't be reached: {type(error).__name__}", _RETRY)
    if not users:
        return CheckResult(
            subject, "the group has no members", "Its members may decide. Add people to it in Slack."
        )
    return CheckResult(subject, f"{len(users)} members, who may decide")


def _interactivity(deployment: Deployment, credentials: SlackCredentials | None) -> Iterator[CheckResult]:
    url = deployment.output("SlackInteractionsUrl")
    try:
        unsigned, _ = _post(url, _ping(), {})
        if unsigned == HTTPStatus.UNAUTHORIZED:
            yield CheckResult("Interactivity address", f"{url} answers, and rejects unsigned requests")
        else:
            yield CheckResult(
                "Interactivity address",
                f"{url} answered an unsigned request with {unsigned}, not {HTTPStatus.UNAUTHORIZED}",
                "Read the logs of the function SlackInteractions. If the address isn't the stack's, deploy "
                "again.",
            )
        if credentials is None:
            return
        signed, date = _post(url, _ping(), signature(credentials, _ping()))
    except requests.RequestException as error:
        yield CheckResult(
            "Interactivity address",
            f"{url} can't be reached: {type(error).__name__}",
            "Check that the stack is deployed and that this machine can reach the internet.",
        )
        return
    if signed == HTTPStatus.OK:
        yield CheckResult(
            "Signing secret",
            "the function accepts requests signed with it. Only the first click shows whether it is the "
            f"app's own: the app's Interactivity must name {url}",
        )
    elif skew := clock.skew(date):
        yield CheckResult("Signing secret", "can't be checked: signatures hold for five minutes", skew)
    else:
        yield CheckResult(
            "Signing secret",
            f"the function answered {signed} to a request signed with the secret's signing_secret",
            "If the secret was just changed, wait half a minute. " + _fill_in(deployment),
        )


def _ping() -> str:
    return urlencode({"payload": json.dumps({"type": "sealpoint_ping"})})


def signature(credentials: SlackCredentials, body: str) -> dict[str, str]:
    """The headers with which Slack signs a request."""
    stamp = str(int(clock.now().timestamp()))
    verifier = SignatureVerifier(credentials.signing_secret)
    signed = verifier.generate_signature(timestamp=stamp, body=body) or ""
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": signed}


def _post(url: str, body: str, headers: dict[str, str]) -> tuple[int, str]:
    """The answer's status, and its Date: AWS's clock."""
    form = {"content-type": "application/x-www-form-urlencoded", **headers}
    response = requests.post(
        url,
        data=body,
        headers=form,
        auth=lambda request: request,  # else requests would add credentials from ~/.netrc
        allow_redirects=False,
        timeout=_TIMEOUT_SECONDS,
    )
    return response.status_code, response.headers.get("date", "")


def _fill_in(deployment: Deployment) -> str:
    return (
        f"aws secretsmanager put-secret-value --region {deployment.region} --secret-id "
        f"{deployment.output('SlackSecretArn')} --secret-string file:///dev/stdin, then paste "
        '{"bot_token": "xoxb-…", "signing_secret": "…"}, and press Enter and Ctrl-D.'
    )
