"""CSV that is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lambdas.domain.plain_text import cleaned

# A spreadsheet runs a cell that starts with one of these as a formula. Where its separator is no comma, a
# cell starts wherever that stands, and the quotes around ours mean nothing.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile(r"^(?=\t)|(^|[;,|\t\r\n])([\s\"']*)(?=[=+\-@])")


def table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A header and a line for each row, every cell in quotes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for row in rows:
        writer.writerow({column: harmless(str(row.get(column, ""))) for column in columns})
    return text.getvalue()


def harmless(cell: str) -> str:
    """A cell that a spreadsheet shows instead of running it, or a part of it."""
    return _FORMULA.sub(r"\1\2'", cleaned(cell))
