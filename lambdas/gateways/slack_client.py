"""slack_sdk's WebClient without three of its habits.

By itself it follows a redirect and sends the bot token there, repeats a call after a connection error, and
logs what it could not read.
"""

from __future__ import annotations

import json
import logging
import os
import urllib.request
from typing import Any

from slack_sdk import WebClient

# Its errors quote the response, and a header's error quotes the token.
_SILENT = logging.getLogger("slack_sdk.silent")
_SILENT.setLevel(logging.CRITICAL + 1)


class _AnyStatus(urllib.request.HTTPErrorProcessor):
    """Returns a response whatever its status. urllib's own processor is what starts a redirect."""

    def http_response(self, request: Any, response: Any) -> Any:
        del request
        return response

    https_response = http_response


_OPENER = urllib.request.build_opener(_AnyStatus)


class SlackClient(WebClient):
    """One attempt for each call, at `SLACK_API_URL` where that is set.

    A failed call raises `SlackApiError`, whose response has lower-case header names and a JSON object: an
    empty one where a proxy answered instead of Slack.
    """

    def __init__(self, token: str, timeout: int) -> None:
        base_url = os.environ.get("SLACK_API_URL") or WebClient.BASE_URL
        super().__init__(token, base_url=base_url, timeout=timeout, retry_handlers=[], logger=_SILENT)

    def _perform_urllib_http_request_internal(self, url: str, req: urllib.request.Request) -> dict[str, Any]:
        del url  # the request has it
        with _OPENER.open(req, timeout=self.timeout) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return {"status": response.status, "headers": headers, "body": _object(response.read())}


def _object(content: bytes) -> str:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    return json.dumps(body if isinstance(body, dict) else {})
