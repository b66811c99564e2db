"""The consoles that commands print to."""

from __future__ import annotations

from rich.console import Console


def output() -> Console:
    """Standard output. Rich would turn an ARN's `:secret:` into an emoji."""
    return Console(highlight=False, emoji=False)


def notices() -> Console:
    """Standard error, so that standard output can be redirected to a file."""
    return Console(stderr=True, highlight=False, emoji=False)
