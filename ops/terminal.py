"""The consoles that commands print to."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.markup import escape

from ops.text import visible

_UNBOUNDED = 10_000  # columns


def output() -> Console:
    """Standard output. Into a file or a pipe, lines are as long as they have to be."""
    return _console()


def notices() -> Console:
    """Standard error, so that standard output can be redirected to a file."""
    return _console(stderr=True)


def shown(text: Any) -> str:
    """Any text as it may be put into what a console prints: no control characters, no markup of rich's."""
    return escape(visible(str(text)))


def confirmed(question: str, console: Console) -> bool:
    return console.input(f"{question} \\[y/N] ").strip().lower() in ("y", "yes")


def _console(*, stderr: bool = False) -> Console:
    # rich would turn an ARN's `:secret:` into an emoji
    console = Console(stderr=stderr, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNBOUNDED
    return console
