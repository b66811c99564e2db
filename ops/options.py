"""The arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Endpoint = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's name.")]
RemediationId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The remediation's id, shown on its card and by `sealpoint history`."),
]
Region = Annotated[
    str | None,
    typer.Option(
        metavar="REGION",
        help="The AWS region. Default: the environment's, or else the only region in sealpoint.yaml.",
    ),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="REGION",
        help="An AWS region; repeat it for several. Default: the regions in sealpoint.yaml, or else the "
        "environment's.",
    ),
]
Stack = Annotated[
    str | None,
    typer.Option(
        metavar="STACK",
        help="The stack's name. Default: `namePrefix` of sealpoint.yaml, a hyphen, and the region.",
    ),
]
