"""Checks that Slack can show approval requests and that clicks arrive."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import requests
from slack_sdk.errors import SlackApiError, SlackClientError

from lambdas.domain.errors import RemediationError, RequestRefused, SlackNotSetUp
from lambdas.gateways.slack_client import SlackClient
from lambdas.gateways.slack_secret import SlackSecret
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
    subject, token = "Bot token", ""
    try:
        secret = SlackSecret(
            deployment.output("SlackTokenSecretArn"), "bot_token", deployment.client("secretsmanager")
        )
        token = secret.value(fresh=True)
        yield CheckResult(subject, "it is stored")
    except RequestRefused as error:
        yield CheckResult(subject, str(error), _store_token(deployment))
        if isinstance(error, SlackNotSetUp):
            yield CheckResult("Rules and schedule", _QUIET)
    except (RemediationError, NotDeployed) as error:
        yield not_checked(subject, "secretsmanager", error)
    if token:
        yield from guarded("Slack", "", _slack(deployment, SlackClient(token, _TIMEOUT_SECONDS)))
    yield from guarded("Interactivity address", "", _interactivity(deployment))


def _slack(deployment: Deployment, client: SlackClient) -> Iterator[CheckResult]:
    try:
        answer = client.auth_test()
    except SlackApiError as error:
        word = str(error.response.get("error", ""))
        yield CheckResult(
            "Slack's token",
            f"Slack refuses it: {word}",
            f"Install the app again, and store its Bot User OAuth Token. {_store_token(deployment)}",
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


def _interactivity(deployment: Deployment) -> Iterator[CheckResult]:
    """Whether clicks arrive, and whether the function has a signing secret to verify them with.

    Whoever has that secret can forge any approver's click, so doctor has none to sign with: it sends a wrong
    signature. The function refuses it with 401 only once it has compared it, and with 503 while it has no
    secret to compare it by.
    """
    url, subject = deployment.output("SlackInteractionsUrl"), "Interactivity address"
    try:
        status, date = _post_forged(url)
    except requests.RequestException as error:
        yield CheckResult(
            subject,
            f"{url} can't be reached: {type(error).__name__}",
            "Check that the stack is deployed and that this machine can reach the internet.",
        )
        return
    if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE):
        yield CheckResult(
            subject,
            f"{url} answered a forged request with {status}, not {HTTPStatus.UNAUTHORIZED}",
            "Read the logs of the function SlackInteractions. If the address isn't the stack's, deploy "
            "again.",
        )
        return
    yield CheckResult(subject, f"{url} answers, and rejects forged requests")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        yield CheckResult(
            "Signing secret",
            "the function has none, or can't read it, so every click fails",
            _store(deployment, "SlackSigningSecretArn", '{"signing_secret": "…"}'),
        )
    elif skew := clock.skew(date):  # then the function refuses before it compares
        yield CheckResult("Signing secret", "can't be checked: signatures hold for five minutes", skew)
    else:
        yield CheckResult(
            "Signing secret",
            "the function has one. Only the first click shows whether it is the app's own: the app's "
            f"Interactivity must name {url}",
        )


def _post_forged(url: str) -> tuple[int, str]:
    """The answer's status to a request with a wrong signature, and its Date: AWS's clock."""
    response = requests.post(
        url,
        data="payload={}",
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": str(int(clock.now().timestamp())),
            "x-slack-signature": f"v0={'0' * 64}",
        },
        auth=lambda request: request,  # else requests would add credentials from ~/.netrc
        allow_redirects=False,
        timeout=_TIMEOUT_SECONDS,
    )
    return response.status_code, response.headers.get("date", "")


def _store_token(deployment: Deployment) -> str:
    return _store(deployment, "SlackTokenSecretArn", '{"bot_token": "xoxb-…"}')


def _store(deployment: Deployment, output: str, example: str) -> str:
    return (
        f"aws secretsmanager put-secret-value --region {deployment.region} --secret-id "
        f"{deployment.output(output)} --secret-string file:///dev/stdin, then paste {example}, and press "
        "Enter and Ctrl-D."
    )
