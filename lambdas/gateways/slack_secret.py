"""Slack's credentials: one secret, cached for five minutes, and read again when a call shows it is stale."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.domain.errors import RequestRefused, ServiceUnavailable, SlackNotSetUp
from lambdas.gateways import aws

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_MAX_AGE_SECONDS = 300
# Anyone can send a bad signature; don't let that hammer Secrets Manager.
_FRESH_AT_MOST_EVERY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class SlackCredentials:
    bot_token: str = field(repr=False)
    signing_secret: str = field(repr=False)


class SlackSecret:
    """The Secrets Manager secret ``{"bot_token": …, "signing_secret": …}``. Other members are ignored."""

    def __init__(self, arn: str, client: SecretsManagerClient | None = None) -> None:
        self._arn = arn
        # wall-clock times: the monotonic clock may stop while Lambda keeps a function frozen
        self._last_fresh = float("-inf")
        self._client = client or aws.client("secretsmanager")
        self._text, self._read_at = "", float("-inf")

    def credentials(self, *, fresh: bool = False) -> SlackCredentials:
        """The credentials, at most five minutes old, or read again if `fresh` (at most twice a minute).

        Raises
        ------
        ServiceUnavailable
            The secret can't be read now.
        SlackNotSetUp
            The secret isn't filled in.
        RequestRefused
            It isn't valid JSON. The message quotes no part of it.
        """
        if self._text and not _is_filled(self._text):
            fresh = True  # someone may have just filled it in
        anew = fresh and not 0 <= time.time() - self._last_fresh < _FRESH_AT_MOST_EVERY_SECONDS
        if anew:
            self._last_fresh = time.time()
        if anew or not 0 <= time.time() - self._read_at < _MAX_AGE_SECONDS:
            self._text, self._read_at = self._read(), time.time()
        return _credentials(self._text)

    def _read(self) -> str:
        try:
            return self._client.get_secret_value(SecretId=self._arn).get("SecretString", "")
        except (BotoCoreError, ClientError) as error:
            raise ServiceUnavailable("The Slack secret can't be read from Secrets Manager.") from error


def _is_filled(text: str) -> bool:
    try:
        _credentials(text)
    except RequestRefused:
        return False
    return True


def _credentials(text: str) -> SlackCredentials:
    try:
        values = json.loads(text)
    except ValueError:
        # `from None`: a JSON error quotes the document
        raise RequestRefused("The Slack secret is not JSON.") from None
    given = values if isinstance(values, dict) else {}
    token, secret = given.get("bot_token"), given.get("signing_secret")
    if not _filled(token) or not _filled(secret):
        raise SlackNotSetUp(
            "Slack's secret holds no bot token yet, or no signing secret, so nobody can be asked. It must be "
            '{"bot_token": "…", "signing_secret": "…"}.'
        )
    return SlackCredentials(bot_token=token, signing_secret=secret)


def _filled(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())
