"""docs/benchmarks.md: each measurement rewrites the section of its own name."""

from __future__ import annotations

import fcntl
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/benchmarks.md"


def rewrite(section: str, text: str, *, page: Path = PAGE) -> None:
    """Put `text` between ``<!-- section -->`` and ``<!-- /section -->``.

    Raises
    ------
    ValueError
        The page has no such section, or has it twice.
    """
    # two programs may be at it side by side
    with page.open("r+") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        rewritten = _rewritten(opened.read(), section, text, page.name)
        opened.seek(0)
        opened.truncate()
        opened.write(rewritten)


def _rewritten(before: str, section: str, text: str, name: str) -> str:
    begins, ends = f"<!-- {section} -->", f"<!-- /{section} -->"
    between = re.compile(f"(?<={re.escape(begins)}\n).*?(?={re.escape(ends)})", re.DOTALL)
    rewritten, found = between.subn(lambda _: f"{text.strip()}\n", before)
    if found != 1:
        raise ValueError(f"{name} has the section {section} {found} times, not once.")
    return rewritten
