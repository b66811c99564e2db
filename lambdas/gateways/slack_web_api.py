"""Slack's Web API over HTTP: one call, one answer.

slack_sdk's client costs a cold start a third of what all of boto3 does: it defines every one of Slack's
methods and blocks. The functions call a handful, and build their blocks as plain JSON.
https://docs.slack.dev/apis/web-api
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode

SLACK_URL = "https://slack.com/api/"
_WORD = re.compile(r"[a-z0-9_]+")


class NoAnswer(Exception):
    """Nothing came back, or nothing that is an HTTP answer. Names what happened, never what was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes
    ----------
    body
        Empty where the answer was none of Slack's, such as a proxy's page.
    retry_after
        The seconds for which Slack asks to be left alone; 0 where it doesn't.
    """

    status: int
    body: Mapping[str, Any]
    retry_after: float = 0

    @property
    def succeeded(self) -> bool:
        return self.status == HTTPStatus.OK and self.body.get("ok") is True

    @property
    def word(self) -> str:
        """Slack's word for what is wrong; empty where the answer has none."""
        word = str(self.body.get("error", ""))
        return word if _WORD.fullmatch(word) else ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Slack's API redirects nobody; whoever else does would be handed the token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def call(base_url: str, method: str, arguments: Mapping[str, Any], *, token: str, timeout: float) -> Answer:
    """Call a method. Arguments that are None are not sent.

    Raises
    ------
    NoAnswer
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    # a form is what every method takes; in it, what is no text is JSON
    form = urlencode({name: _text(value) for name, value in given.items()})
    request = urllib.request.Request(  # noqa: S310  # Slack's address, or the one in the environment
        f"{base_url.rstrip('/')}/{method}",
        data=form.encode(),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        },
    )
    try:
        try:
            with _OPENER.open(request, timeout=timeout) as answered:
                return _answer(answered.status, answered.headers, answered.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return _answer(refused.code, refused.headers, refused.read())
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswer(type(error).__name__) from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _answer(status: int, headers: Message[str, str], content: bytes) -> Answer:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    pause = headers.get("retry-after") or ""  # named in any case: these are an email's headers
    return Answer(
        status,
        body if isinstance(body, dict) else {},
        float(pause) if status == HTTPStatus.TOO_MANY_REQUESTS and pause.isdigit() else 0.0,
    )
