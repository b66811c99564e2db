"""`sealpoint audit`: which endpoints are encrypted, and which are not, in every region."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Annotated, Literal

import typer
from rich.console import Console

from lambdas.domain.vocabulary import Surface, Verdict
from ops import clock, terminal
from ops import deployment as settings
from ops.audit import formats
from ops.audit.collect import CONCURRENCY, Plan, collect
from ops.audit.progress import Bars
from ops.audit.report import as_report
from ops.audit.result import Audit
from ops.deployment import Deployment, all_regions, deployments
from ops.options import Profile, Regions, Stack, epilog
from ops.text import counted

# The audit needs the first three. Without one of the others, what it would have added is named as missing.
PERMISSIONS = (
    "sagemaker:ListEndpoints",
    "sagemaker:DescribeEndpoint",
    "sagemaker:DescribeEndpointConfig",
    "tag:GetResources",
    "kms:DescribeKey",
    "cloudformation:DescribeStacks",
    "dynamodb:Scan",
    "ec2:DescribeRegions",
)
EPILOG = epilog(
    examples=(
        ("audit --all-regions", "everything, deployed or not"),
        ("audit --region us-east-1 --format html > audit.html", "a page to print for an auditor"),
        ("audit --fail-on unencrypted --format json > audit.json", "in a pipeline"),
    ),
    exit_codes="0 when done; 1 if --fail-on found something; 2 if something could not be checked",
    permissions=PERMISSIONS,
)
Format = Literal["table", "json", "csv", "html"]
_DONE, _UNENCRYPTED, _INCOMPLETE = 0, 1, 2


def _is_share(share: float) -> float:
    if not 0 < share <= 1:
        raise typer.BadParameter(f"{share} is not a share of AWS's quotas: above 0 and up to 1")
    return share


def command(
    *,
    wanted: Annotated[
        Format, typer.Option("--format", help="`html` is a page to print for an auditor.")
    ] = "table",
    fail_on: Annotated[
        Literal["unencrypted"] | None, typer.Option(help="Exit with 1 if there is such an endpoint.")
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            callback=_is_share,
            help="The share of AWS's quotas to use. The rest remains for your own deployments.",
        ),
    ] = 0.5,
    every_region: Annotated[
        bool,
        typer.Option("--all-regions", help="Every region that your account uses and SageMaker hosts in."),
    ] = False,
    regions: Regions = None,
    stack: Stack = None,
    profile: Profile = None,
) -> int:
    """Show which endpoints are encrypted and which are not, in every region."""
    audited = deployments(regions, stack, profile)
    if every_region:
        audited = [Deployment(region, stack, profile) for region in all_regions(audited[0])]
    audited[0].credentials()  # without credentials, there is nothing to check
    notices = terminal.notices()
    plan = Plan(_required(), settings.encrypted_by, share, CONCURRENCY, clock.now())
    with Bars([deployment.region for deployment in audited], notices) as bars:
        audit = collect(audited, plan, bars)
    _show(audit, wanted)
    _summarize(audit, notices)
    if audit.problems:
        return _INCOMPLETE
    unencrypted = any(one.verdict in (Verdict.UNENCRYPTED, Verdict.UNKNOWN) for one in audit.endpoints)
    return _UNENCRYPTED if unencrypted and fail_on else _DONE


def _required() -> tuple[Surface, ...]:
    return tuple(map(Surface, settings.required_surfaces()))


def _show(audit: Audit, wanted: Format) -> None:
    match wanted:
        case "json":
            sys.stdout.write(formats.as_json(audit) + "\n")
        case "csv":
            sys.stdout.write(formats.as_csv(audit))
        case "html":
            sys.stdout.write(as_report(audit))
        case "table" if audit.endpoints:
            terminal.output().print(formats.as_table(audit))
        case "table":
            where = ", ".join(audit.regions)
            words = "could be checked" if audit.problems else "exists"
            terminal.output().print(f"No endpoint {words} in {where}.", soft_wrap=True)


def _summarize(audit: Audit, console: Console) -> None:
    """Print the counts, then what is missing: last, so that it is seen."""
    found = Counter(one.verdict for one in audit.endpoints)
    counts = ", ".join(f"{found[verdict]} {verdict}" for verdict in Verdict if found[verdict])
    summary = f"{counted(len(audit.endpoints), 'endpoint')} in {counted(len(audit.regions), 'region')}"
    console.print(f"{summary}: {counts or 'none'}.", soft_wrap=True)
    if audit.problems:
        console.print("[bold red]This audit is incomplete:[/]")
    for problem in audit.problems:
        line = f"{problem.region}, {problem.subject}: {problem.reason}"
        console.print(f"[red]✗[/] {terminal.shown(line)}", soft_wrap=True)
