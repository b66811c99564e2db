"""What AWS's console would show of an endpoint and an execution, small: the cards' links open it here."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import unquote

import boto3

from local.slack.page import CONSOLE
from local.timeline import duration
from local.world import World

_ENDPOINT = re.compile(r"https://[^/]*console[^/]*/sagemaker/home\?region=([\w-]+)#/endpoints/([^/?]+)$")
_EXECUTION = re.compile(
    r"https://[^/]*console[^/]*/states/home\?region=([\w-]+)#/v2/executions/details/(\S+)$"
)
_IDENTITY = ("EndpointConfigArn", "CreationTime")


def install(world: World) -> None:
    """Have the Slack page open the console's links here."""

    def address(url: str) -> str:
        for kind, pattern in (("endpoint", _ENDPOINT), ("execution", _EXECUTION)):
            if found := pattern.match(url):
                return f"{world.slack_url}{CONSOLE}{kind}/{found[1]}/{found[2]}"
        return url

    def page(path: str) -> str | None:
        kind, _, rest = path.partition("/")
        region, _, name = unquote(rest).partition("/")
        show = {"endpoint": _endpoint, "execution": _execution}.get(kind)
        return show(world, region, name) if show else None

    world.slack.show_console(page, address)


def _endpoint(world: World, region: str, name: str) -> str | None:
    # of its own: the demos' is changed by the gateway that reads bodies as they were sent
    people = boto3.client(
        "sagemaker",
        region_name=region,
        endpoint_url=world.sagemaker_url,
        aws_access_key_id="AKIADATASCIENTIST",
        aws_secret_access_key="local",  # noqa: S106  # the stand-in checks none
    )
    listed = people.list_endpoints(NameContains=name)["Endpoints"]
    if name not in {one["EndpointName"] for one in listed}:
        return None
    endpoint = people.describe_endpoint(EndpointName=name)
    config = people.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    variants = ", ".join(
        f"{one['VariantName']}: {one.get('CurrentInstanceCount')} of {one.get('DesiredInstanceCount')}"
        for one in endpoint.get("ProductionVariants", [])
    )
    facts = {
        "Status": endpoint["EndpointStatus"],
        "Config": config["EndpointConfigName"],
        "Instances": variants,
    }
    shown = {key: value for key, value in config.items() if key not in ("ResponseMetadata", *_IDENTITY)}
    lines = json.dumps(shown, indent=2, sort_keys=True, default=str).splitlines()
    body = "".join(
        f"<mark>{html.escape(line)}</mark>\n" if '"KmsKeyId"' in line else f"{html.escape(line)}\n"
        for line in lines
    )
    return _page(f"Endpoint {name}", facts.items(), f"<h2>Its config</h2><pre>{body}</pre>")


def _execution(world: World, _region: str, arn: str) -> str | None:
    execution = world.executions.get(arn)
    if execution is None:
        return None
    status = execution.exec_status.value if execution.exec_status else "RUNNING"
    facts = {"Status": status, "State machine": execution.state_machine.name}
    events = world.history(execution)
    began = events[0]["timestamp"] if events else ""
    rows = "".join(
        f"<tr><td>{duration(_seconds(event['timestamp'], began))}</td>"
        f"<td>{html.escape(event['stateEnteredEventDetails']['name'])}</td></tr>"
        for event in events
        if "stateEnteredEventDetails" in event
    )
    output = json.dumps(dict(execution.output or {}), indent=2, default=str)
    tail = f"<h2>Output</h2><pre>{html.escape(output)}</pre>" if execution.output else ""
    table = f"<h2>States</h2><table><tr><th>after</th><th>state</th></tr>{rows}</table>"
    return _page(f"Execution {execution.name}", facts.items(), table + tail)


def _seconds(moment: str, began: str) -> float:
    return (datetime.fromisoformat(moment) - datetime.fromisoformat(began)).total_seconds()


def _page(title: str, facts: Iterable[tuple[str, str]], rest: str) -> str:
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title>"
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
        '<link rel="stylesheet" href="/static/page.css"></head><body class="console"><main>'
        f"<h1>{html.escape(title)}</h1><p>Stand-in for AWS's console, as it is now.</p>"
        f"<dl>{listed}</dl>{rest}"
        "</main></body></html>"
    )
