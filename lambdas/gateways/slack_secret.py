"""Slack's credentials: two secrets, cached for five minutes, and read again when a call shows one is stale.

Who has the signing secret can forge any approver's click, so only the function that takes clicks may read it.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.domain.errors import RequestRefused, ServiceUnavailable, SlackNotSetUp
from lambdas.gateways import aws

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_MAX_AGE_SECONDS = 300
# Anyone can send a bad signature; don't let that hammer Secrets Manager.
_FRESH_AT_MOST_EVERY_SECONDS = 30


class SlackSecret:
    """A secret of Secrets Manager, such as ``{"bot_token": …}``.

    Parameters
    ----------
    member
        The one member that counts: ``bot_token`` or ``signing_secret``.
    """

    def __init__(self, arn: str, member: str, client: SecretsManagerClient | None = None) -> None:
        self._arn = arn
        self._member = member
        # wall-clock times: the monotonic clock may stop while Lambda keeps a function frozen
        self._last_fresh = float("-inf")
        self._client = client or aws.client("secretsmanager")
        self._text, self._read_at = "", float("-inf")

    def value(self, *, fresh: bool = False) -> str:
        """The credential, at most five minutes old, or read again if `fresh` (at most twice a minute).

        Raises
        ------
        ServiceUnavailable
            The secret can't be read now.
        SlackNotSetUp
            The secret isn't filled in.
        RequestRefused
            It isn't valid JSON. The message quotes no part of it.
        """
        if self._text and not self._is_filled():
            fresh = True  # someone may have just filled it in
        anew = fresh and not 0 <= time.time() - self._last_fresh < _FRESH_AT_MOST_EVERY_SECONDS
        if anew:
            self._last_fresh = time.time()
        if anew or not 0 <= time.time() - self._read_at < _MAX_AGE_SECONDS:
            self._text, self._read_at = self._read(), time.time()
        return self._credential()

    def _read(self) -> str:
        try:
            return self._client.get_secret_value(SecretId=self._arn).get("SecretString", "")
        except (BotoCoreError, ClientError) as error:
            raise ServiceUnavailable(
                f"Slack's {_words(self._member)} can't be read from Secrets Manager."
            ) from error

    def _is_filled(self) -> bool:
        try:
            self._credential()
        except RequestRefused:
            return False
        return True

    def _credential(self) -> str:
        try:
            values = json.loads(self._text)
        except ValueError:
            # `from None`: a JSON error quotes the document
            raise RequestRefused(f"The secret with Slack's {_words(self._member)} is not JSON.") from None
        credential = values.get(self._member) if isinstance(values, dict) else None
        if not isinstance(credential, str) or not credential.strip():
            raise SlackNotSetUp(
                f"Slack's {_words(self._member)} is not stored yet. Its secret must be "
                f'{{"{self._member}": "…"}}.'
            )
        return credential


def _words(member: str) -> str:
    return member.replace("_", " ")
