"""Slack's credentials: one secret, cached for a while, read again at once when it was rotated."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from gateways.aws import CLIENT_CONFIG
from remediation.errors import RequestRefused, ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_MAX_AGE_SECONDS = 300
# Anyone can send us a bad signature; that must not become a flood of reads of the secret.
_FRESH_AT_MOST_EVERY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class SlackCredentials:
    bot_token: str = field(repr=False)
    signing_secret: str = field(repr=False)


class SlackSecret:
    """The Secrets Manager secret ``{"bot_token": …, "signing_secret": …}`` (DESIGN §6)."""

    def __init__(self, arn: str, client: SecretsManagerClient | None = None) -> None:
        self._arn = arn
        self._last_fresh = float("-inf")
        self._provider = SecretsProvider(
            boto3_client=client or boto3.client("secretsmanager", config=CLIENT_CONFIG)
        )

    def credentials(self, *, fresh: bool = False) -> SlackCredentials:
        """The credentials, at most five minutes old, or read anew if `fresh` (at most twice a minute).

        Raises
        ------
        ServiceUnavailable
            The secret can't be read now.
        RequestRefused
            It isn't filled in, or not the JSON it should be. No part of it is in the message.
        """
        force = fresh and time.monotonic() - self._last_fresh >= _FRESH_AT_MOST_EVERY_SECONDS
        if force:
            self._last_fresh = time.monotonic()
        try:
            text = self._provider.get(self._arn, max_age=_MAX_AGE_SECONDS, force_fetch=force)
        except GetParameterError as error:
            raise ServiceUnavailable("The Slack secret can't be read from Secrets Manager.") from error
        values = _parsed(text)
        token, secret = values.get("bot_token"), values.get("signing_secret")
        if not _filled(token) or not _filled(secret):
            raise RequestRefused(
                'The Slack secret is not filled in; it must be {"bot_token": "…", "signing_secret": "…"}.'
            )
        return SlackCredentials(bot_token=token, signing_secret=secret)


def _filled(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _parsed(text: Any) -> dict[str, Any]:
    try:
        values = json.loads(text or "")
    except ValueError:
        # `from None`: a JSON error quotes the document it failed on
        raise RequestRefused("The Slack secret is not JSON.") from None
    return values if isinstance(values, dict) else {}
