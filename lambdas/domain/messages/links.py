"""Links to the AWS console, in the partition of the ARNs, and to the runbook."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from lambdas.domain.messages.blocks import code, link

RunbookPage = Literal[
    "README", "remediation-failed", "slack-unreachable", "approval-about-to-expire", "sweep-incomplete"
]  # fmt: skip

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}


def endpoint_page(endpoint_arn: str, endpoint_name: str) -> str | None:
    """The endpoint's page in the SageMaker console; None for a partition whose console isn't known."""
    region = _part(endpoint_arn, 3)
    console = _console(endpoint_arn)
    if not console:
        return None
    return f"{console}/sagemaker/home?region={region}#/endpoints/{quote(endpoint_name, safe='')}"


def execution_page(execution_arn: str) -> str | None:
    """The execution's page in the Step Functions console; None as above."""
    region = _part(execution_arn, 3)
    console = _console(execution_arn)
    if not console:
        return None
    return f"{console}/states/home?region={region}#/v2/executions/details/{quote(execution_arn, safe=':/')}"


def runbook(pages: str, page: RunbookPage, *, needed: bool) -> str:
    """A page of the runbook, as Slack links it.

    Parameters
    ----------
    pages
        The record's `runbookPages`. It may be a path, which nobody can click.
    needed
        Whether to name the path then, because there is something to look up. Otherwise the result is empty.
    """
    where = pages.replace("{}", page)
    if where.startswith("https://"):
        return link(where, "What to do" if needed else "Runbook")
    return f"What to do: {code(where)}" if needed and where else ""


def _console(arn: str) -> str | None:
    host, region = _CONSOLES.get(_part(arn, 1)), _part(arn, 3)
    if not host or not region:
        return None
    # only the commercial partition has a console host for each region
    return f"https://{region}.{host}" if _part(arn, 1) == "aws" else f"https://{host}"


def _part(arn: str, index: int) -> str:
    parts = arn.split(":")
    return parts[index] if len(parts) > index else ""
