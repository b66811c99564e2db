"""The arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape

Endpoint = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's name.")]
Region = Annotated[
    str | None,
    typer.Option(
        metavar="REGION",
        help="The AWS region. Default: the environment's, or else the only region in sealpoint.yaml.",
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        metavar="PROFILE",
        help="The AWS profile to use, rather than keys in the environment. Default: AWS_PROFILE.",
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


def epilog(*, examples: Iterable[tuple[str, str]], exit_codes: str, permissions: Iterable[str] = ()) -> str:
    """What stands below a command's options: examples, exit codes, and the permissions that it needs.

    Parameters
    ----------
    examples
        Each a command without ``sealpoint``, and what it is for.
    """
    lines = (f"  [dim]# {what}[/]\n  sealpoint {escape(line)}" for line, what in examples)
    parts = ["\n".join(("Examples:", *lines)), f"Exit codes: {exit_codes}."]
    if permissions:
        parts.append(f"Required permissions: {', '.join(permissions)}.")
    return "\n\n".join(parts)
