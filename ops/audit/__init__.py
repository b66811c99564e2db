"""`ops audit`: which endpoints are encrypted, and which are not, in every region."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from lambdas.domain.vocabulary import Surface, Verdict
from ops import deployment as settings
from ops.audit import formats
from ops.audit.collect import CONCURRENCY, Plan, collect
from ops.audit.progress import Bars
from ops.audit.report import as_report
from ops.audit.result import Audit
from ops.deployment import Deployment, NotDeployed

# What the caller has to be allowed. The first three are the audit; what one of the others would have told is
# named as missing.
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
FORMATS = formats.FORMATS
_DONE, _UNENCRYPTED, _NOT_WHOLE = 0, 1, 2


def run(
    deployments: Sequence[Deployment], wanted: str, *, share: float, fail_on_unencrypted: bool = False
) -> int:
    """The command.

    Parameters
    ----------
    wanted
        One of `formats.FORMATS`; it goes to standard output, and all else to standard error.
    share
        Of AWS's quotas, above 0 and up to 1.

    Returns
    -------
    int
        0: it is done, 1: it is, and an endpoint is unencrypted, which was to fail, 2: something could not be
        looked at, whatever was found.
    """
    deployments[0].credentials()  # without any, there is nothing to look at
    aside = Console(stderr=True, highlight=False, emoji=False)
    plan = Plan(_required(), settings.encrypted_by, share, CONCURRENCY, datetime.now(UTC))
    with Bars([deployment.region for deployment in deployments], aside) as bars:
        audit = collect(deployments, plan, bars)
    _show(audit, wanted)
    _summarize(audit, aside)
    if audit.problems:
        return _NOT_WHOLE
    unencrypted = any(one.verdict is Verdict.UNENCRYPTED for one in audit.endpoints)
    return _UNENCRYPTED if unencrypted and fail_on_unencrypted else _DONE


def _required() -> tuple[Surface, ...]:
    names = settings.required_surfaces()
    try:
        return tuple(Surface(name) for name in names)
    except ValueError:
        raise NotDeployed(
            f"'requiredSurfaces' in cdk.json is {names!r}; each has to be one of {', '.join(Surface)}."
        ) from None


def _show(audit: Audit, wanted: str) -> None:
    match wanted:
        case "json":
            sys.stdout.write(formats.as_json(audit) + "\n")
        case "csv":
            sys.stdout.write(formats.as_csv(audit))
        case "html":
            sys.stdout.write(as_report(audit))
        case _:
            Console(highlight=False, emoji=False).print(formats.as_table(audit))


def _summarize(audit: Audit, console: Console) -> None:
    """The counts, then what is missing: said last, so that it is seen."""
    counted = Counter(one.verdict for one in audit.endpoints)
    counts = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if counted[verdict])
    regions = f"{len(audit.regions)} region{'s' if len(audit.regions) > 1 else ''}"
    console.print(f"{len(audit.endpoints)} endpoints in {regions}: {counts or 'none'}.", soft_wrap=True)
    if audit.problems:
        console.print("[bold red]This audit is not whole:[/]")
    for problem in audit.problems:
        line = f"{problem.region}, {problem.what}: {problem.says}"
        console.print(f"[red]✗[/] {escape(line)}", soft_wrap=True)
