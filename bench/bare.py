"""What a function is measured beside: the same clients and calls in plain boto3, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from botocore import xform_name

from bench.exchanges import Exchange

_CLIENTS = {"states": "stepfunctions"}
_FAILED = 400


def bare_handler(exchanges: Iterable[Exchange]) -> str:
    """The source of a handler that makes these calls, as someone would write it down.

    Clients are made with boto3's defaults, Slack is called with urllib. What was refused is refused again.

    Raises
    ------
    ValueError
        A call is of AWS's query protocol, which is not JSON.
    """
    calls = list(exchanges)
    services = sorted({call.call.partition(".")[0] for call in calls} - {"slack"})
    lines = [
        "import os",
        "import urllib.request",
        "",
        "import boto3",
        "from botocore.exceptions import ClientError",
        "",
    ]
    lines += [f"{service} = boto3.client({_CLIENTS.get(service, service)!r})" for service in services]
    lines += ["", "", "def handler(event, context):"]
    for call in calls:
        lines += (f"    {line}" for line in _lines(call))
    return "\n".join([*lines, '    return {"statusCode": 200, "headers": {}, "body": ""}', ""])


def _lines(exchange: Exchange) -> Iterator[str]:
    service, _, operation = exchange.call.partition(".")
    if service == "slack":
        yield f"url = os.environ['SLACK_API_URL'] + {operation!r}"
        yield f"request = urllib.request.Request(url, {exchange.body!r})"
        yield f"request.add_header('content-type', {exchange.content_type!r})"
        yield "urllib.request.urlopen(request, timeout=5).read()"
        return
    if not operation:
        raise ValueError(f"A call of {service} is not in AWS's JSON protocol.")
    line = f"{service}.{xform_name(operation)}(**{json.loads(exchange.body)!r})"
    if exchange.status < _FAILED:
        yield line
    else:
        yield from ("try:", f"    {line}", "except ClientError:", "    pass")
