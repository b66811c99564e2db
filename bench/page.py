"""docs/benchmarks.md: each measurement rewrites the section of its own name."""

from __future__ import annotations

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
    begins, ends = f"<!-- {section} -->", f"<!-- /{section} -->"
    between = re.compile(f"(?<={re.escape(begins)}\n).*?(?={re.escape(ends)})", re.DOTALL)
    rewritten, found = between.subn(lambda _: f"{text.strip()}\n", page.read_text())
    if found != 1:
        raise ValueError(f"{page.name} has the section {section} {found} times, not once.")
    page.write_text(rewritten)
